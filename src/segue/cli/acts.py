"""`segue promote | pause | resume | abort | retry`: what a person may ask of a rollout.

What is asked is kept at once and applied by the monitor's next tick; with `--wait` the command returns when that is done.
"""

import time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from segue.cli.options import Dry, HomeFolder, Reason, who
from segue.cli.output import say
from segue.errors import DomainError, Refused, Unavailable
from segue.facts.decision import Act, Decision, Trigger
from segue.wiring import control_of, home_at, stores_of

if TYPE_CHECKING:
    from segue.monitor.outside import Control

Name = Annotated[str, Parameter(help="A rollout, or a route for its newest one.")]
Wait = Annotated[bool, Parameter(name="--wait", negative="", help="Return when the monitor has applied it.")]
Timeout = Annotated[float, Parameter(help="Real seconds to wait at most.")]
Written = Annotated[str, Parameter(name="--reason", help="Why; kept in the record. Required.")]


def promote(
    name: Name,
    *,
    full: Annotated[bool, Parameter(negative="", help="Past all stages that are left.")] = False,
    reason: Reason = "",
    wait: Wait = False,
    timeout: Timeout = 30.0,
    dry_run: Dry = False,
    home: HomeFolder = None,
) -> None:
    """Approve what waits for approval, or go to the next stage without its gates; recorded as an override."""
    place = home_at(home)
    with stores_of(place) as stores:
        control = control_of(place, stores)
        from segue.monitor.begin import find

        waiting = find(control, name).state.phase == "awaiting_approval"
        trigger: Trigger = "promote_full" if full else "approve" if waiting else "promote"
        if trigger != "approve" and not reason:
            raise DomainError("this passes over the gates", hint="say why with --reason")
        _ask(control, name, trigger, _Asked(reason, wait, timeout, dry_run))


def pause(
    name: Name,
    *,
    reason: Reason = "",
    wait: Wait = False,
    timeout: Timeout = 30.0,
    dry_run: Dry = False,
    home: HomeFolder = None,
) -> None:
    """Stay where it is; harm is still watched for."""
    _open_and_ask(name, "pause", _Asked(reason, wait, timeout, dry_run), home)


def resume(
    name: Name,
    *,
    reason: Reason = "",
    wait: Wait = False,
    timeout: Timeout = 30.0,
    dry_run: Dry = False,
    home: HomeFolder = None,
) -> None:
    """Go on after a pause."""
    _open_and_ask(name, "resume", _Asked(reason, wait, timeout, dry_run), home)


def abort(
    name: Name, *, reason: Written, wait: Wait = False, timeout: Timeout = 30.0, dry_run: Dry = False, home: HomeFolder = None
) -> None:
    """End it now: everybody back to the champion. Wins over everything else."""
    _open_and_ask(name, "abort", _Asked(reason, wait, timeout, dry_run), home)


def retry(
    name: Name,
    *,
    reason: Reason = "",
    wait: Wait = False,
    timeout: Timeout = 30.0,
    dry_run: Dry = False,
    home: HomeFolder = None,
) -> None:
    """Begin anew after a roll-back, an abort or a hold; the same units go to the same side, the evidence starts afresh."""
    _open_and_ask(name, "retry", _Asked(reason, wait, timeout, dry_run), home)


class _Asked:
    """How it is asked."""

    def __init__(self, reason: str, wait: bool, timeout_s: float, dry: bool) -> None:
        self.reason = reason
        self.wait = wait
        self.timeout_s = timeout_s
        self.dry = dry


def _open_and_ask(name: str, trigger: Trigger, asked: _Asked, home: HomeFolder) -> None:
    place = home_at(home)
    with stores_of(place) as stores:
        _ask(control_of(place, stores), name, trigger, asked)


def _ask(control: "Control", name: str, trigger: Trigger, asked: _Asked) -> None:
    from segue.monitor.begin import ask, find

    rollout = find(control, name).state.rollout
    if asked.dry:
        say(f"would ask for {trigger} of {rollout}")
        return
    act = ask(control, rollout, trigger, who=who(), why=asked.reason)
    if asked.wait:
        _wait(control, act, asked.timeout_s)
    else:
        print(f"{rollout}: {trigger} asked for; the monitor applies it at its next tick")


def _wait(control: "Control", act: Act, timeout_s: float) -> None:
    ends_s = time.monotonic() + timeout_s
    while time.monotonic() < ends_s:
        decision = _applied(control, act)
        if decision is not None:
            if decision.kind == "hold":
                raise Refused("; ".join(decision.reasons), rollout=act.rollout)
            print(f"{act.rollout}: {decision.from_phase} -> {decision.to_phase}: {decision.reasons[0]}")
            return
        time.sleep(0.1)
    raise Unavailable(
        f"no monitor has applied it within {timeout_s:g} s", hint="is `segue monitor` running?", rollout=act.rollout
    )


def _applied(control: "Control", act: Act) -> Decision | None:
    """The decision that applied the act."""
    if any(waiting.id == act.id for waiting in control.commands.asked(act.rollout)):
        return None
    for decision in reversed(control.rollouts.decisions(act.rollout)):
        if any(applied.id == act.id for applied in decision.acts):
            return decision
    return None
