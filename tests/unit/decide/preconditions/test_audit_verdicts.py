"""An alarm holds, and only holds."""

from typing import Any, get_args

import msgspec
import pytest

from segue.decide.decide import decide
from segue.decide.preconditions.audits import audited, broken, wanted
from segue.decide.walk import stage_of
from segue.facts.decision import Decision
from segue.facts.evidence import Audit, AuditName, Evidence, NotEnough
from segue.spec.load import load

SHADOW, CANARY, AB = 0, 1, 2
DRAWN = {"sample_ratio", "propensity", "cohorts"}
OUTCOMES = {"outcome_stream", "coverage"}


def with_one(scene: Any, name: str, **changes: object) -> tuple[Audit, ...]:
    """All audits are well but one, whose evidence has these fields."""
    found = []
    for audit in scene.observed().audits:
        evidence = msgspec.structs.replace(audit.found, **changes) if audit.name == name else audit.found
        found.append(msgspec.structs.replace(audit, found=evidence))
    return tuple(found)


def decided(scene: Any, *shown: str, hours: float = 3.0, **changes: object) -> Decision:
    """What a tick decides so many hours later."""
    later = scene.at(hours=hours)
    return decide(later.spec, later.state, scene.observed(*shown, **changes), later.now)[0]


def test_each_stage_wants_its_own(running: Any) -> None:
    """A shadow is recorded; a draw is audited; outcomes are audited where a gate needs them."""
    stages = running.spec.stages
    assert [set(wanted(running.spec, stage)) for stage in stages] == [{"shadows"}, DRAWN | OUTCOMES, DRAWN | OUTCOMES, set()]
    by_tier = msgspec.structs.replace(running.spec, segments=(("tier",),))
    assert set(wanted(by_tier, stages[CANARY])) == DRAWN | OUTCOMES | {"segments"}
    alone = load(running.spec.source.replace("not_worse_than_champion_by: 2pp", "at_least: 80%"))
    assert [wanted(alone, alone.stages[index]) for index in (SHADOW, CANARY)] == [(), ()]


def test_without_alarm_the_stage_is_left(running: Any) -> None:
    """The same tick as below, all well: it moves."""
    assert decided(running.at(stage=CANARY, step=2), "accuracy").trigger == "next_stage"


@pytest.mark.parametrize("name", sorted(DRAWN | OUTCOMES))
def test_an_alarm_holds_and_never_rolls_back(running: Any, name: str) -> None:
    """However strong the evidence that the data are broken, and whatever the gates say, nothing moves."""
    canary = running.at(stage=CANARY, step=2)
    decision = decided(canary, "accuracy", audits=with_one(canary, name, log_e=1e6))
    assert (decision.trigger, decision.commands) == ("hold", ())
    (verdict,) = broken(decision.verdicts)
    assert verdict.gate == f"stages[1].{name}"
    assert isinstance(verdict.evidence, Evidence)
    assert "shown not to hold" in verdict.reason
    assert any(verdict.text in reason for reason in decision.reasons)


@pytest.mark.parametrize("missing", sorted(DRAWN | OUTCOMES))
def test_what_was_not_audited_holds(running: Any, missing: str) -> None:
    """Silence is not consent."""
    canary = running.at(stage=CANARY, step=2)
    audits = tuple(audit for audit in canary.observed().audits if audit.name != missing)
    assert decided(canary, "accuracy", audits=audits).trigger == "hold"
    few = Audit(name="cohorts", found=NotEnough(have=0, need=1, unit="drawn units", reason="none"), expected=0.0)
    assert decided(canary, "accuracy", audits=(*audits, few)).trigger == "hold"


def test_an_alarm_stops_the_ramp(running: Any) -> None:
    """No further step of a canary while its data cannot be believed; too few data do not stop it."""
    canary = running.at(stage=CANARY, step=1)
    assert decided(canary).trigger == "step"
    alarmed = decided(canary, audits=with_one(canary, "sample_ratio", log_e=99.0))
    assert alarmed.trigger == "hold"
    assert "cannot be believed" in alarmed.reasons[0]
    assert decided(canary, audits=()).trigger == "step"


def test_harm_is_not_held_up(running: Any) -> None:
    """Guardrails roll back whatever the audits say."""
    canary = running.at(stage=CANARY, step=2)
    assert decided(canary, "errors", audits=with_one(canary, "sample_ratio", log_e=99.0)).trigger == "harm"


@pytest.mark.parametrize("name", get_args(AuditName))
def test_people_understand(running: Any, name: AuditName) -> None:
    """A sentence for what should hold, one with estimate, interval and counts, where it looks worst, and what to look for."""
    scene = running.at(stage=SHADOW if name == "shadows" else AB)
    spec = msgspec.structs.replace(scene.spec, segments=(("tier",),))
    evidence = {"estimate": 1.25, "low": 1.125, "high": 1.5, "log_e": 99.0, "n": {"v8": 5200, "champion": 4800}}
    audits = tuple(
        msgspec.structs.replace(audit, part={"tier": "vip"}) if audit.name == name else audit
        for audit in with_one(scene, name, **evidence)
    )
    stage = stage_of(spec, scene.state)
    found = {verdict.gate: verdict for verdict in audited(spec, stage, "s", (scene.observed(audits=audits), "v8"))}
    reason = found[f"s.{name}"].reason
    for part in ("1.2", "v8 5,200", "champion 4,800", "tier vip", "log e 99.00 of"):
        assert part in reason.replace("125 ", "1.25 ")
    assert "{" not in reason + found[f"s.{name}"].text


def test_no_minus_before_nothing(running: Any) -> None:
    """Strength that rounds to nothing is said without a sign, and a share like any other."""
    stage = stage_of(running.spec, running.at(stage=SHADOW).state)
    audits = with_one(running, "shadows", estimate=1.0, low=0.9984, high=1.0, log_e=-1e-4)
    found = {verdict.gate: verdict for verdict in audited(running.spec, stage, "s", (running.observed(audits=audits), "v8"))}
    said = "100 % of what should be there, between 99.84 % and 100 % (log e 0.00 of"
    assert said in found["s.shadows"].reason
