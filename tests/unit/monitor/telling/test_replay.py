"""A decision can be recomputed from the lake, however much has come since."""

from pathlib import Path

import msgspec
import pytest

from segue.decide.gates.together import is_joint
from segue.errors import Refused
from segue.facts.decision import Decision
from segue.facts.evidence import Evidence
from segue.facts.summary import Counts, PairedCounts
from segue.monitor.begin import apply
from segue.monitor.telling.replay import ROUNDING, _difference, _spec, replay, told
from segue.monitor.tick import Monitor
from segue.spec.load import load
from segue.testkit.small_world import SPEC, SmallWorld


@pytest.fixture
def walked(small_world: SmallWorld) -> list[Decision]:
    """A rollout that went on for some hours; later outcomes of earlier hours come in between."""
    small_world.host()
    apply(small_world.outside, SPEC)
    monitor = Monitor(small_world.outside)
    monitor.tick()
    for _ in range(5):
        small_world.traffic(200, hours=1)
        small_world.host()
        monitor.tick()
    return list(small_world.outside.rollouts.decisions("churn-1"))


ANY = SPEC.replace(
    "      - accuracy: {not_worse_than_champion_by: 2pp}\n",
    "      - any:\n          - accuracy: {not_worse_than_champion_by: 4pp}\n"
    "          - accuracy: {not_worse_than_champion_by: 4.2pp}\n",
)
"""Two alternatives that are nearly the same: together they show what neither shows alone."""


def shown_together(world: SmallWorld, text: str) -> Decision:
    """The first decision of which a gate passed only together with what shares its error budget."""
    world.host()
    apply(world.outside, text)
    monitor = Monitor(world.outside)
    monitor.tick()
    while True:
        world.traffic(60, hours=1)
        world.host()
        (decision,) = monitor.tick()
        assert decision.from_stage == "shadow"
        if any(is_joint(verdict) for verdict in decision.verdicts):
            return decision


def weighty(decisions: list[Decision]) -> list[Decision]:
    """Those that rest on evidence."""
    return [it for it in decisions if any(isinstance(verdict.evidence, Evidence) for verdict in it.verdicts)]


def test_every_decision_says_the_same_again(small_world: SmallWorld, walked: list[Decision]) -> None:
    """The first as the last, though the lake has grown since each."""
    loaded = small_world.outside.rollouts.load("churn-1")
    checked = 0
    for decision in weighty(walked):
        again = replay(small_world.outside, loaded, decision)
        assert [(it.text, it.same) for it in again] == [(it.text, True) for it in again]
        counted = [it for it in again if isinstance(it.summary_then, PairedCounts | Counts)]
        assert [it.difference for it in counted] == [0.0] * len(counted)  # counts have no last digit
        assert "the same" in told(decision, again)
        checked += len(again)
    assert checked > 4


def test_another_number_is_found_out(small_world: SmallWorld, walked: list[Decision]) -> None:
    """A decision that says something else than the lake differs, and by how much is said."""
    loaded, decision = small_world.outside.rollouts.load("churn-1"), weighty(walked)[-1]
    place = next(at for at, it in enumerate(decision.verdicts) if isinstance(it.evidence, Evidence) and it.question is not None)
    verdict = decision.verdicts[place]
    assert isinstance(verdict.evidence, Evidence)
    better = msgspec.structs.replace(verdict.evidence, estimate=verdict.evidence.estimate + 0.01)
    verdicts = [*decision.verdicts]
    verdicts[place] = msgspec.structs.replace(verdict, evidence=better)
    forged = msgspec.structs.replace(decision, verdicts=tuple(verdicts))
    found = {it.gate: it for it in replay(small_world.outside, loaded, forged)}
    assert not found[verdict.gate].same
    assert (found[verdict.gate].difference or 0) > 0
    assert "DIFFERS by" in told(forged, tuple(found.values()))


@pytest.mark.parametrize("role", ["objective", "guardrail", "precondition"])
def test_another_outcome_is_found_out(small_world: SmallWorld, walked: list[Decision], role: str) -> None:
    """A gate, a guardrail, and a gate with the unknown truths taken for wrong: each is decided again by the lake's numbers."""
    loaded, decision = small_world.outside.rollouts.load("churn-1"), weighty(walked)[-1]
    place = next(at for at, it in enumerate(decision.verdicts) if it.role == role and it.question is not None)
    verdict = decision.verdicts[place]
    shown = "fail" if role == "guardrail" else "pass"
    other = "not_yet" if verdict.outcome == shown else shown
    verdicts = [*decision.verdicts]
    verdicts[place] = msgspec.structs.replace(verdict, outcome=other)
    forged = msgspec.structs.replace(decision, verdicts=tuple(verdicts))
    changed = [it for it in replay(small_world.outside, loaded, forged) if not it.same]
    assert [it.gate for it in changed] == [verdict.gate]
    assert changed[0].difference == pytest.approx(0.0, abs=ROUNDING)  # logarithms are added in an order of the engine's own
    assert "DIFFERS: by these numbers it is" in told(forged, changed)


def test_the_word_of_a_decision_that_says_less_is_taken(small_world: SmallWorld, walked: list[Decision]) -> None:
    """One of a version that did not say what earlier decisions had shown: what it says of itself is believed."""
    loaded, decision = small_world.outside.rollouts.load("churn-1"), weighty(walked)[-1]
    older = tuple(msgspec.structs.replace(it, earlier=None) for it in decision.verdicts)
    again = replay(small_world.outside, loaded, msgspec.structs.replace(decision, verdicts=older))
    assert [(it.text, it.same) for it in again] == [(it.text, True) for it in again]


def test_what_alternatives_show_together_is_counted_again(small_world: SmallWorld) -> None:
    """Neither passes by its own numbers; together they pass, then as now, and now by the lake's."""
    decision = shown_together(small_world, ANY)
    loaded = small_world.outside.rollouts.load("churn-1")
    again = replay(small_world.outside, loaded, decision)
    joint = [it for it in again if it.together_then]
    assert joint
    assert [(it.together_now, it.difference, it.outcome) for it in joint] == [(True, 0.0, "pass")] * len(joint)
    assert all(it.same for it in again)
    assert not any(isinstance(it.now, Evidence) and it.now.shown for it in joint)
    assert "and shown together with what shares its error budget" in told(decision, again)


def test_truths_that_are_corrected_take_a_gate_back(small_world: SmallWorld) -> None:
    """A gate that was shown holds once all truths are corrected to the opposite; both decisions are replayed as made."""
    small_world.host()
    apply(small_world.outside, SPEC.replace("  - accuracy: {worse_than_champion_by: 5pp}\n", ""))
    monitor = Monitor(small_world.outside)
    monitor.tick()
    small_world.traffic(800, hours=0.5)
    small_world.later(1.2)
    small_world.host()
    (shown,) = monitor.tick()
    small_world.correct()
    small_world.later(2)
    small_world.host()
    (held,) = monitor.tick()
    (then,), (now,) = ([it for it in made.verdicts if it.role == "objective"] for made in (shown, held))
    assert (then.outcome, now.outcome, now.earlier, held.to_stage) == ("pass", "not_yet", True, "shadow")
    assert "taken back by the data since" in now.reason
    loaded = small_world.outside.rollouts.load("churn-1")
    assert all(it.same for made in (shown, held) for it in replay(small_world.outside, loaded, made))


def test_a_decision_is_replayed_by_the_spec_of_its_time(small_world: SmallWorld) -> None:
    """Also where the rollout was amended since, once or twice: what was asked then is asked again."""
    guardrails = "  - accuracy: {worse_than_champion_by: 5pp}\n", "  - errors: {worse_than_champion_by: 1pp}\n"
    second = ANY.replace(guardrails[0], "")
    decision = shown_together(small_world, second.replace(guardrails[1], "  - errors: {worse_than_champion_by: 2pp}\n"))
    assert decision.inputs is not None
    monitor, rollouts = Monitor(small_world.outside), small_world.outside.rollouts
    for text in (second, ANY):
        apply(small_world.outside, text)
        (amended,) = monitor.tick()
        assert amended.kind == "amend", amended.reasons
    loaded = rollouts.load("churn-1")
    assert loaded.state.spec_digest != decision.inputs.spec_digest == _spec(small_world.outside, loaded, decision).digest
    middle = next(it for it in rollouts.decisions("churn-1") if it.kind == "amend" and it.acts[0].target == ANY)
    assert middle.inputs is not None
    assert _spec(small_world.outside, loaded, middle).digest == middle.inputs.spec_digest == load(second).digest
    assert all(it.same for it in replay(small_world.outside, loaded, decision))


def test_what_candidates_show_together_is_counted_again(small_world: SmallWorld) -> None:
    """Of two candidates as well: each takes less than its share of the budget asks for, because the other is as good."""
    small_world.accuracy = {"champion": 0.8, "v8": 0.9, "v9": 0.9}
    two = SPEC.replace(
        "  v8: {version: models:/churn/8}\n", "  v8: {version: models:/churn/8}\n  v9: {version: models:/churn/9}\n"
    )
    decision = shown_together(small_world, two)
    again = replay(small_world.outside, small_world.outside.rollouts.load("churn-1"), decision)
    assert any(it.together_then and it.together_now for it in again)
    assert [(it.text, it.same) for it in again] == [(it.text, True) for it in again]


@pytest.mark.parametrize("claimed", [True, False])
def test_what_was_not_shown_together_is_found_out(small_world: SmallWorld, claimed: bool) -> None:
    """A decision that says of a gate that it passed together differs where the lake does not bear it out, and the other way."""
    decision = shown_together(small_world, ANY)
    place = next(at for at, it in enumerate(decision.verdicts) if is_joint(it))
    early = weighty(list(small_world.outside.rollouts.decisions("churn-1")))[0]
    verdicts = [*(early if claimed else decision).verdicts]
    said = decision.verdicts[place]
    outcome, reason = ("pass", said.reason) if claimed else ("not_yet", "3 pp is not shown")
    verdicts[place] = msgspec.structs.replace(verdicts[place], outcome=outcome, reason=reason)
    forged = msgspec.structs.replace(early if claimed else decision, verdicts=tuple(verdicts))
    again = replay(small_world.outside, small_world.outside.rollouts.load("churn-1"), forged)
    changed = [it for it in again if not it.same]
    assert [(it.together_then, it.together_now, it.difference) for it in changed] == [(claimed, not claimed, 0.0)]
    assert "DIFFERS: together with what shares its error budget" in told(forged, again)


def test_what_is_gone_is_not_guessed(small_world: SmallWorld, walked: list[Decision], tmp_path: Path) -> None:
    """Without one of its files a decision cannot be recomputed, and that is said."""
    next((tmp_path / "lake").rglob("*.parquet")).unlink()
    loaded = small_world.outside.rollouts.load("churn-1")
    with pytest.raises(Refused, match="not in the lake any more"):
        replay(small_world.outside, loaded, weighty(walked)[-1])


def test_a_decision_without_data_rests_on_none(small_world: SmallWorld, walked: list[Decision]) -> None:
    """The first one, that everything is ready."""
    loaded = small_world.outside.rollouts.load("churn-1")
    assert replay(small_world.outside, loaded, walked[0]) == ()
    assert "rests on no data" in told(walked[0], ())


@pytest.mark.parametrize(("now", "same"), [(3e-17, True), (1e-4, False)])
def test_an_estimate_of_nothing_is_compared_within_its_interval(now: float, same: bool) -> None:
    """Where the effect is zero, what rounding leaves of it is no difference; a hundredth of the interval is one."""
    then = Evidence(
        question="q",
        estimate=-2e-17,
        low=-0.005,
        high=0.005,
        log_e=-0.2,
        threshold=3.0,
        n={"v8": 8, "champion": 192},
        have=200,
        need=None,
        method="m",
        validity="exact at any look",
        assumptions=(),
    )
    found = _difference(then, msgspec.structs.replace(then, estimate=now))
    assert found is not None
    assert (found <= ROUNDING) is same
