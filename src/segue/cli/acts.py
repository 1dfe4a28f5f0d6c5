"""`segue promote | pause | resume | abort | retry | override | undo`: what a person may ask of a rollout.

What is asked is kept at once and applied by the monitor's next tick; with `--wait` the command returns when that is done.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from segue.cli.options import Dry, HomeFolder, Reason, Server, desk_at
from segue.cli.output import say
from segue.decide.moves import NEW_DRAW
from segue.errors import Refused, Unavailable
from segue.facts.decision import Act

if TYPE_CHECKING:
    from segue.api.desk import Desk
    from segue.api.remote import RemoteDesk
    from segue.api.views import Wish

Name = Annotated[str, Parameter(help="A rollout, or a route for its newest one.")]
Written = Annotated[str, Parameter(name="--reason", help="Why; kept in the record.")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Of whom it is asked, and what is waited for; each field is an option."""

    wait: Annotated[bool, Parameter(name="--wait", negative="", help="Return when the monitor has applied it.")] = False
    timeout: Annotated[float, Parameter(help="Real seconds to wait at most.")] = 30.0
    dry_run: Dry = False
    server: Server = ""
    home: HomeFolder = None


AT_ONCE: Final = Way()


def promote(
    name: Name,
    *,
    full: Annotated[bool, Parameter(negative="", help="Past all stages that are left.")] = False,
    reason: Reason = "",
    way: Way = AT_ONCE,
) -> None:
    """Approve what waits for approval, or go to the next stage without its gates; recorded as an override."""
    trigger: Wish = "promote_full" if full else "promote"
    _ask(name, trigger, reason, way)


def pause(name: Name, *, reason: Reason = "", way: Way = AT_ONCE) -> None:
    """Stay where it is; harm is still watched for."""
    _ask(name, "pause", reason, way)


def resume(name: Name, *, reason: Reason = "", way: Way = AT_ONCE) -> None:
    """Go on after a pause."""
    _ask(name, "resume", reason, way)


def abort(name: Name, *, reason: Written, way: Way = AT_ONCE) -> None:
    """End it now: everybody back to the champion. Wins over everything else."""
    _ask(name, "abort", reason, way)


def retry(
    name: Name,
    *,
    new_draw: Annotated[bool, Parameter(negative="", help="Draw the units anew: some of them change sides.")] = False,
    reason: Reason = "",
    way: Way = AT_ONCE,
) -> None:
    """Begin anew after a roll-back, an abort or a hold; the same units go to the same side, the evidence starts afresh."""
    _ask(name, "retry", reason, way, target=NEW_DRAW if new_draw else "")


def override(
    name: Name,
    gate: Annotated[str, Parameter(help="Its path, as `segue describe -o json` has it: stages[0].promote_when[1].")],
    *,
    reason: Written,
    way: Way = AT_ONCE,
) -> None:
    """Take one gate or condition of the stage for passed, as long as the stage lasts; guardrails cannot be overridden."""
    _ask(name, "override", reason, way, target=gate)


def undo(
    name: Name,
    *,
    to: Annotated[str, Parameter(help="A version that the alias pointed at before; the one before the promotion.")] = "",
    reason: Written,
    way: Way = AT_ONCE,
) -> None:
    """Take a promotion back: the alias goes to the version before at once, without a new rollout."""
    _ask(name, "undo", reason, way, target=to)


def _ask(name: str, trigger: "Wish", reason: str, way: Way, *, target: str = "") -> None:
    from segue.api.views import ActAsked

    with desk_at(way.home, way.server) as desk:
        state = desk.ask(name, ActAsked(trigger=trigger, reason=reason, target=target, dry_run=way.dry_run))
        act = state.act
        if way.dry_run:
            say(f"would ask for {act.trigger} of {act.rollout}")
        elif way.wait:
            _wait(desk, act, way.timeout)
        else:
            print(f"{act.rollout}: {act.trigger} asked for; the monitor applies it at its next tick")


def _wait(desk: "Desk | RemoteDesk", act: Act, timeout_s: float) -> None:
    ends_s = time.monotonic() + timeout_s
    while time.monotonic() < ends_s:
        found = desk.act(act.rollout, act.id)
        decision = found.decision
        if decision is not None:
            if found.state == "refused":
                raise Refused("; ".join(decision.reasons), rollout=act.rollout)
            print(f"{act.rollout}: {decision.from_phase} -> {decision.to_phase}: {decision.reasons[0]}")
            return
        time.sleep(0.1)
    raise Unavailable(
        f"no monitor has applied it within {timeout_s:g} s", hint="is `segue monitor` running?", rollout=act.rollout
    )
