"""Whole ways of rollouts, as people would tell them: one file a story in `walks/`, one line a tick.

`+HOURS what is seen => kind trigger phase/stage/step : commands`. What is seen, separated by `;`: `shown METRIC...`
(the claims on these are shown), `act TRIGGER TARGET`, `silent` (nothing was recorded), `unmeasured`, `alias VERSION|unknown`,
`missing NAME`, `ejected VARIANT SHARE`, `ill AUDIT`, `previous VERSION`, `other ROLLOUT`, `versions CHAMPION CANDIDATE`.
Nothing seen: all is known, in order, and shows nothing.
"""

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from tests.unit.decide.conftest import audit

from segue.decide.decide import decide
from segue.decide.observed import Observed
from segue.facts.decision import Command, Decision, MoveAlias, SendNotice

WALKS = sorted((Path(__file__).parent / "walks").glob("*.txt"))


@pytest.mark.parametrize("story", WALKS, ids=lambda path: path.stem)
def test_walk(story: Path, running: Any, running_without_full: Any, act: Any) -> None:
    """Every tick of the story decides what the line says, with reasons, and the commands that it says."""
    lines = [line for line in story.read_text().splitlines() if line and not line.startswith("#")]
    scene = running_without_full if lines[0] == "spec without full" else running
    if lines[0] == "spec with alarm":
        after = msgspec.structs.replace(scene.spec.after, moved_by_others="alarm")
        scene = type(scene)(msgspec.structs.replace(scene.spec, after=after), scene.state)
    if lines[0] == "spec that falls back":
        says = msgspec.structs.replace(scene.spec.unhealthy_champion, then="previous", after_s=1800.0)
        scene = type(scene)(msgspec.structs.replace(scene.spec, unhealthy_champion=says), scene.state)
    if lines[1] == "start pending":
        scene = scene.at(phase="pending", champion_version="", candidate_version="", alias_version="")
    for line in lines[2:]:
        seen, _, expected = line.partition("=>")
        hours, _, sights = seen.strip().partition(" ")
        scene = scene.at(hours=float(hours.strip("+h")))
        decision, state = decide(scene.spec, scene.state, observed(scene, sights, act), scene.now)
        assert said(decision, state.step) == " ".join(expected.split()), line
        assert decision.reasons, line
        assert all(decision.reasons), line
        assert (decision.number, state.decisions) == (scene.state.decisions + 1, decision.number)
        scene = scene.at(**msgspec.structs.asdict(state))


def test_people_hear_how_the_registry_learns_a_version(running: Any) -> None:
    """Who waits for a version that is not registered, or for an alias that points nowhere, is told the command."""
    scene = running.at(phase="pending", alias_version="")
    known = scene.observed(versions={"champion": "", "v8": ""})
    decision = decide(scene.spec, scene.state, known, scene.now)[0]
    assert decision.kind == "hold"
    assert [reason.split("`")[1] for reason in decision.reasons] == ["segue model alias", "segue model register"]


def observed(scene: Any, sights: str, act: Any) -> Observed:
    """What a line says is seen."""
    shown: tuple[str, ...] = ()
    changes: dict[str, object] = {}
    for sight in filter(None, (part.strip() for part in sights.split(";"))):
        match sight.split():
            case ["shown", *metrics]:
                shown = tuple(metrics)
            case ["act", trigger, *target]:
                changes["acts"] = (msgspec.structs.replace(act(trigger), target=" ".join(target)),)
            case ["silent"]:
                changes |= {"health": {}, "seen_in_step": 0}
            case ["unmeasured"]:
                changes["problems"] = ("the lake does not answer",)
            case ["alias", version]:
                changes["alias"] = None if version == "unknown" else version
            case ["missing", name]:
                changes["missing"] = (name,)
            case ["other", rollout]:
                changes["other"] = rollout
            case ["versions", champion, candidate]:
                changes["versions"] = {"champion": champion, "v8": candidate.strip("-")}
            case [word, *rest]:
                changes |= of_health(scene, word, rest)
    if "alias 9" in sights and scene.state.phase == "pending":
        changes["versions"] = {"champion": "9", "v8": "8"}
    found: Observed = scene.observed(*shown, **changes)
    return found


def of_health(scene: Any, word: str, rest: list[str]) -> dict[str, object]:
    """What a line says of the health of variants."""
    match word, rest:
        case "ejected", [variant, share]:
            return {"ejected": {variant: float(share)}}
        case "ill", [name]:
            return {"audits": (*scene.observed().audits, audit(cast("Any", name), broken=True))}
        case "previous", [version]:
            return {"previous": version}
    pytest.fail(f"no such sight: {word} {rest}")


def said(decision: Decision, step: int) -> str:
    """A decision in the words of the stories."""
    head = f"{decision.kind} {decision.trigger} {decision.to_phase}/{decision.to_stage}/{step + 1}"
    commands = "; ".join(command_said(command) for command in decision.commands)
    return f"{head} : {commands}" if commands else head


def command_said(command: Command) -> str:
    """A command in the words of the stories."""
    if isinstance(command, MoveAlias):
        return f"alias {command.expected} -> {command.version}"
    if isinstance(command, SendNotice):
        return f"tell {command.event}"
    if command.follow:
        return "rest"
    where = f" where {command.audience} {shares(command.audience_shares)}" if command.audience else ""
    shadows = f" shadow {shares(command.shadows)}" if command.shadows else ""
    return shares(command.shares) + where + shadows


def shares(them: dict[str, float]) -> str:
    """Shares in percent, those that are not 0."""
    return " ".join(f"{name} {100 * share:g}" for name, share in them.items() if share)
