"""How is a decided command done, so that doing it again changes nothing?

Every doer is idempotent by the command's id, and the command is marked done after. A crash in between does it once more,
with the same result.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple

import msgspec

from segue.decide.machine import TERMINAL
from segue.errors import Conflict, NotFound, PortError, Refused, Unavailable
from segue.facts.allocation import Allocation
from segue.facts.decision import Command, MoveAlias, PublishAllocation, SendNotice, State
from segue.monitor.acting.publish import allocation, at_rest
from segue.monitor.outside import Control
from segue.ports.audit import SEGUE
from segue.ports.registry import AliasMove
from segue.spec.rollout import GATEWAY, Rollout

_WAITS: Final = "waits"
log: Final = logging.getLogger("segue.monitor")


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What a command is carried out for."""

    spec: Rollout
    state: State
    salt: str
    now: datetime


class CarriedOut(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the commands.

    Args:
        waiting: those that have to wait for the world and are tried again at the next tick.
        refused: what the outside said no to, or does not do yet, for people.
    """

    waiting: tuple[Command, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def alias_is_moving(self) -> bool:
        """Whether an alias move is still to be done, so that where the alias points says nothing."""
        return any(isinstance(command, MoveAlias) for command in self.waiting)


def carry_out(control: Control, task: Task, commands: Sequence[Command]) -> CarriedOut:
    """Carry out commands in their order; a registry that does not answer never stands in the way of the champion.

    - Shares that later shares overtake are not published any more.
    - An alias move that a later one takes back is not begun any more.
    - A notice is sent when the alias has been moved; one that cannot be delivered stands in nobody's way.
    - Shares that their provider does not put in force are tried at every tick until it does: a rollback must arrive.
    - Shares that rest on an alias move wait while the registry does not answer and are dropped where it refuses: they would put
      into force what the registry does not say. The next tick sees where the alias points and decides anew.

    Raises:
        Unavailable: the store did not answer; what is not done yet is pending still.
    """
    waiting: list[Command] = []
    refused: list[str] = []
    late: list[str] = []
    for position, command in enumerate(commands):
        later = commands[position + 1 :]
        moving = any(isinstance(before, MoveAlias) for before in waiting)
        done: str
        if isinstance(command, SendNotice):
            done = "waits" if moving else _tell(control, command)
        elif isinstance(command, MoveAlias):
            done = _move(control, command, task, later)
        else:
            done = _shares(control, command, task, _Around(later, moving=moving, refused=bool(refused)))
        if done.startswith(_WAITS):
            waiting.append(command)
            late += [why] if (why := done.removeprefix(_WAITS).removeprefix(": ")) else []
            continue
        if done != "done":
            refused.append(done)
        control.commands.done(command.id)
    return CarriedOut(waiting=tuple(waiting), refused=(*refused, *late))


class _Around(NamedTuple):
    """What stands around some shares in the list of commands."""

    later: Sequence[Command]
    moving: bool
    refused: bool


def _shares(control: Control, command: PublishAllocation, task: Task, around: _Around) -> str:
    overtaken = any(isinstance(other, PublishAllocation) and (command.follow or not other.follow) for other in around.later)
    if overtaken or (command.rests_on_alias and around.refused):
        log.info("%s: shares %s are dropped", task.state.rollout, command.shares)
        return "done"
    if command.rests_on_alias and around.moving:
        return "waits"
    return _publish(control, command, task)


def _tell(control: Control, notice: SendNotice) -> Literal["done", "waits"]:
    if control.notifier is None:
        log.warning("%s: nobody is there to tell %s of %s", notice.rollout, notice.url, notice.event)
        return "done"
    try:
        control.notifier.send(notice)
    except Unavailable as error:
        log.info("%s: %s is told later: %s", notice.rollout, notice.event, error.message)
        return "waits"
    except Refused as error:
        log.error("%s: %s cannot be told: %s", notice.rollout, notice.event, error)
    return "done"


def _move(control: Control, command: MoveAlias, task: Task, later: Sequence[Command]) -> str:
    """Compare, set, read back; then keep the version before under its own alias. "done", "waits", or why it was refused."""
    try:
        taken_back = any(isinstance(other, MoveAlias) and other.version == command.expected for other in later)
        if taken_back and (control.registry.alias(command.model, command.alias) or "") == command.expected:
            return "done"
        _point(control, command, task)
        if command.keep_previous_as and command.expected:
            _keep(control, command, task)
    except Unavailable as error:
        log.warning("%s: the registry does not answer: %s", command.rollout, error.message)
        return "waits"
    except (Conflict, Refused, NotFound) as error:
        reason = f"the alias {command.alias} of {command.model} was not moved to {command.version}: {error.message}"
        log.error("%s: %s", command.rollout, reason)
        return reason
    return "done"


def _point(control: Control, command: MoveAlias, task: Task) -> None:
    registry = control.registry
    there = registry.alias(command.model, command.alias)
    if there == command.version and command.id in {move.command_id for move in registry.moves(command.model)}:
        return
    try:
        registry.move(_entry(command, task, command.alias, before=command.expected, after=command.version))
    except Conflict:
        if there != command.version:
            raise
        return  # somebody else pointed it there
    there = registry.alias(command.model, command.alias)
    if there != command.version:
        raise Conflict(f"it was set, and points at {there or 'nothing'} when read back")
    log.info("%s: alias %s of %s moved to %s", command.rollout, command.alias, command.model, command.version)


def _keep(control: Control, command: MoveAlias, task: Task) -> None:
    alias = command.keep_previous_as
    before = control.registry.alias(command.model, alias) or ""
    if before == command.expected:
        return
    try:
        control.registry.move(_entry(command, task, alias, before=before, after=command.expected))
    except (Conflict, Refused, NotFound) as error:  # a convenience for people; the rollout does not depend on it
        log.warning("%s: the alias %s was not kept: %s", command.rollout, alias, error.message)


def _entry(command: MoveAlias, task: Task, alias: str, *, before: str, after: str) -> AliasMove:
    return AliasMove(
        model=command.model,
        alias=alias,
        before=before,
        after=after,
        who=SEGUE,
        why=command.why,
        at=task.now,
        evidence=command.decision or command.rollout,
        command_id=command.id if alias == command.alias else f"{command.id}-{alias}",
    )


def _publish(control: Control, command: PublishAllocation, task: Task) -> str:
    in_force = allocation_in_force(control, task.spec.route)
    if task.state.phase in TERMINAL and in_force and in_force.rollout not in {"", command.rollout}:
        return "done"  # another rollout has taken over since
    if command.follow:
        try:
            served = alias_is_served(control, task.spec)
        except Unavailable:
            served = False
        if not served:
            return "waits"
        return _carry(control, task, control.allocations.publish(at_rest(task.spec, task.now), command_id=command.id))
    before = control.allocations.allocations(task.spec.route, rollout=command.rollout)
    wanted = allocation(command, task.spec, task.salt, before=before, now=task.now)
    published = control.allocations.publish(wanted, command_id=command.id)
    log.info("%s: allocation %d, stage %s, shares %s", command.rollout, published.number, command.stage, command.shares)
    return _carry(control, task, published)


def _carry(control: Control, task: Task, published: Allocation) -> str:
    """Have the spec's provider do it; gateways do it by themselves. "done", or "waits: why"."""
    name = task.spec.provider
    if name == GATEWAY:
        return "done"
    try:
        if control.provider is None:
            raise Unavailable("nobody here speaks to it")
        found = control.provider.carry(name, published)
    except PortError as error:
        log.error("%s: allocation %d is not in force: %s", task.state.rollout, published.number, error)
        return f"{_WAITS}: allocation {published.number} is not in force at {name}: {error.message}"
    log.info("%s: in force at %s: allocation %d, shares %s", task.state.rollout, name, found.number, found.shares)
    return "done"


def allocation_in_force(control: Control, route: str) -> Allocation | None:
    """What the route's gateways run now; None before the first publication."""
    try:
        directory = control.allocations.directory(route)
    except NotFound:
        return None
    return None if directory is None else directory.allocation


def alias_is_served(control: Control, spec: Rollout) -> bool:
    """Whether what is served under the champion's name is what the name stands for in the registry, by every host of it.

    Raises:
        Unavailable: store or registry did not answer.
    """
    champion = spec.variants[spec.champion]
    if champion.url:
        return True
    model, at, alias = champion.version.removeprefix("models:/").partition("@")
    version = control.registry.alias(model, alias) if at else champion.version.rpartition("/")[2]
    served = control.endpoints.endpoints(champion.version)
    return bool(served) and all(endpoint.version == version for endpoint in served)
