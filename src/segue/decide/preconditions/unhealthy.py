"""What follows when the champion itself is unhealthy?

Clocks stand still and shares stay as they are, under an allocation of their own, so that what is recorded meanwhile is told
apart: it never promotes. Guardrails are watched on, and a person may do all that may be done in a stage. It ends when nothing
is wrong with the champion for a while; or, where the spec says so, by going to the version before, which promotes nobody.
"""

from collections.abc import Iterable

import msgspec

from segue.decide import allocate
from segue.decide.judge import Judged
from segue.decide.moves import Move, Scene, running_again, well_again
from segue.decide.preconditions.champion import unwell
from segue.decide.walk import released, span
from segue.facts.decision import Phase, Trigger, Verdict

_FROM: frozenset[Phase] = frozenset({"running", "awaiting_approval", "watching"})
"""Phases that would move on by themselves or by a yes. Where a person or a limit has stopped a rollout, it stays stopped."""


def look(scene: Scene, judged: Judged) -> Move | None:
    """The champion is unhealthy, or was; None where neither is so."""
    state, ill = scene.state, unwell(judged.verdicts)
    if state.phase == "champion_unhealthy":
        return _ill(scene, judged, ill) if ill else _well(scene)
    if not ill or state.phase not in _FROM:
        return None
    name = f"{scene.spec.champion} {state.champion_version}".strip()
    return _suspend(scene, (f"{name} is unhealthy, so nothing is compared with it until it is well", *_lines(ill)))


def _suspend(scene: Scene, reasons: tuple[str, ...]) -> Move:
    """Clocks stand still. After the alias has moved there is nothing to promote, and no allocation to tell apart."""
    state = scene.state
    after = msgspec.structs.replace(
        state, paused_at=scene.now, resume_to=state.phase, unhealthy_since=scene.now, well_since=None
    )
    if released(state):
        return Move(trigger="unhealthy", kind="suspend", reasons=reasons, state=after)
    after = msgspec.structs.replace(after, apart_from=scene.observed.allocation + 1)
    commands = (allocate.for_stage(scene.spec, after),)
    return Move(trigger="unhealthy", kind="suspend", reasons=reasons, state=after, commands=commands)


def _well(scene: Scene) -> Move:
    """Nothing is wrong with it; the rollout goes on once that has lasted, with the evidence of before."""
    state, says = scene.state, scene.spec.unhealthy_champion
    well_s = 0.0 if state.well_since is None else (scene.now - state.well_since).total_seconds()
    if state.well_since is None or well_s < says.well_for_s or scene.observed.problems:
        reasons = (f"the champion is well for {span(well_s)} of {span(says.well_for_s)}", *scene.observed.problems)
        return _still(scene, reasons, well=True)
    ways: dict[str | None, Trigger] = {"watching": "recovered_watch", "awaiting_approval": "recovered_approval"}
    after, commands = well_again(scene)
    reason = f"the champion is well for {span(well_s)}; what was recorded while it was not is left out of the gates"
    trigger = ways.get(state.resume_to, "recovered")
    return Move(trigger=trigger, kind="resume", reasons=(reason,), state=after, commands=commands)


def _ill(scene: Scene, judged: Judged, ill: tuple[Verdict, ...]) -> Move:
    since = scene.state.unhealthy_since or scene.now
    reason = f"the champion is unhealthy since {since:%Y-%m-%d %H:%M} UTC; guardrails are watched, nothing moves forward"
    found = _back(scene, (scene.now - since).total_seconds()) if _goes_back(scene) else ""
    if isinstance(found, Move):
        return msgspec.structs.replace(found, reasons=(*found.reasons, *_lines(ill)))
    others = (verdict for verdict in judged.still_open() if verdict not in ill)
    return _still(scene, (reason + found, *_lines(ill), *_lines(others)), well=False)


def _goes_back(scene: Scene) -> bool:
    return scene.spec.unhealthy_champion.then == "previous" and not released(scene.state)


def _back(scene: Scene, lasting_s: float) -> Move | str:
    """To the version before, or why not yet."""
    state, observed, says = scene.state, scene.observed, scene.spec.unhealthy_champion
    before = observed.previous
    if not before or before == state.alias_version or observed.alias is None:
        return f"; it is not known which version was the champion before {state.champion_version}"
    if lasting_s < says.after_s:
        return f"; after {span(says.after_s)} of it the alias goes to {before}"
    reason = f"the champion {state.champion_version} is unhealthy for {span(lasting_s)}: back to {before}, nobody is promoted"
    commands = allocate.fallen_back(scene.spec, state, before, reason)
    after = msgspec.structs.replace(running_again(scene), alias_version=before)
    return Move(trigger="fall_back", kind="fall_back", reasons=(reason,), state=after, commands=commands)


def _still(scene: Scene, reasons: tuple[str, ...], *, well: bool) -> Move:
    since = (scene.state.well_since or scene.now) if well else None
    return Move(trigger="hold", kind="hold", reasons=reasons, state=msgspec.structs.replace(scene.state, well_since=since))


def _lines(verdicts: Iterable[Verdict]) -> tuple[str, ...]:
    return tuple(f"{verdict.text}: {verdict.reason}" for verdict in verdicts)
