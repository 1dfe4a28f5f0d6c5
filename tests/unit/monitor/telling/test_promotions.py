"""Which promotions of a period hold up together."""

from datetime import timedelta
from math import exp, log

import pytest

from segue.decide.budget import promotion_alpha
from segue.errors import DomainError
from segue.facts.decision import Decision, Phase, State, Trigger, Verdict
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, MetricRef, Question
from segue.monitor.telling.promotions import Walked, together
from segue.spec.load import load
from segue.testkit.small_world import SPEC, START

ONE = load(SPEC)
SHADOW, CANARY = (stage.promote_when[0].path for stage in ONE.stages[:2])
EITHER = load(
    SPEC.replace(
        "      - accuracy: {not_worse_than_champion_by: 2pp}\n",
        "      - any:\n          - accuracy: {not_worse_than_champion_by: 2pp}\n          - errors: {at_most: 1%}\n",
    )
)


def verdict(gate: str, log_e: float, *, alpha: float = 0.05) -> Verdict:
    """A gate whose wealth is so large."""
    question = Question(
        id=gate, gate=gate, rollout="r", route="churn", stage="s", metric=MetricRef(name="m", kind="accuracy"), design="paired",
        candidate="v8", champion="champion", claim=Claim(side="above", bound=0.0), alpha=alpha,
    )  # fmt: skip
    evidence = Evidence(
        question=gate, estimate=0.0, low=0.0, high=0.0, log_e=log_e, threshold=-log(alpha), n={"v8": 1}, have=1, need=None,
        method="", validity="exact at any look", assumptions=(),
    )  # fmt: skip
    shown = evidence.shown
    return Verdict(
        gate=gate, text=f"gate {gate}", role="objective", outcome="pass" if shown else "not_yet", reason="", candidate="v8",
        question=question, evidence=evidence,
    )  # fmt: skip


def decision(number: int, stage: str, *verdicts: Verdict, to: tuple[Phase, Trigger] = ("running", "hold")) -> Decision:
    """One row of a history."""
    return Decision(
        id=f"d{number}", rollout="r", number=number, at=START + timedelta(hours=number), kind="hold", trigger=to[1],
        from_phase="running", to_phase=to[0], from_stage=stage, to_stage=stage, step=0, reasons=("so",), verdicts=verdicts,
        commands=(),
    )  # fmt: skip


def walk(name: str, *decisions: Decision, spec: object = ONE, phase: Phase = "promoted") -> Walked:
    """A rollout with its history."""
    state = State(
        rollout=name, route="churn", spec_digest="", phase=phase, created_at=START, entered_at=START, step_at=START,
        candidate_version="8", versions={"v8": "8"},
    )  # fmt: skip
    return Walked(spec=spec if spec is EITHER else ONE, state=state, decisions=decisions)


def promoted(name: str, shadow: float, canary: float) -> Walked:
    """A rollout whose two gates had this much wealth when they were passed."""
    return walk(
        name,
        decision(1, "shadow", verdict(SHADOW, shadow)),
        decision(2, "canary", verdict(CANARY, canary), to=("watching", "release")),
    )


def test_the_weakest_gate_counts() -> None:
    """A promotion claims all that its gates claim, so that its e-value is the least of theirs."""
    (found,) = together([promoted("churn-1", 6.0, 4.0)], rate=0.05).promotions
    assert found.log_e == pytest.approx(4.0)
    assert (found.weakest, found.version) == (f"gate {CANARY}", "8")


def test_what_was_shown_once_counts_as_it_was_shown() -> None:
    """The wealth at the first crossing is an e-value; what it became since, or at its largest, is none."""
    history = (
        decision(1, "shadow", verdict(SHADOW, 3.5)),
        decision(2, "shadow", verdict(SHADOW, 9.0)),
        decision(3, "shadow", verdict(SHADOW, 1.0)),
        decision(4, "canary", verdict(CANARY, 7.0), to=("watching", "release")),
    )
    assert together([walk("churn-1", *history)], rate=0.05).promotions[0].log_e == pytest.approx(3.5)


def test_those_that_failed_count_too() -> None:
    """Among many that were tried a promotion needs more: alone it stands, among thirty it does not, two together may."""
    good, tried = promoted("churn-1", 5.0, 5.0), [walk(f"other-{at}", phase="rolled_back") for at in range(14)]
    assert together([good], rate=0.05).promotions[0].stands
    assert not together([good, *tried], rate=0.05).promotions[0].stands
    both = together([good, promoted("churn-2", 5.2, 5.1), *tried], rate=0.05)
    assert both.tried == 16
    assert [it.stands for it in both.promotions] == [2 * exp(5.0) >= 16 / 0.05] * 2
    assert not any(it.stands for it in both.promotions)
    assert all(it.stands for it in together([good, promoted("churn-2", 5.2, 5.1), *tried], rate=0.06).promotions)


def test_what_nobody_asked_the_data_is_no_evidence() -> None:
    """A person who passes over a stage promotes with an e-value of 1 for its gates."""
    hurried = walk("churn-1", decision(1, "shadow", verdict(SHADOW, 8.0), to=("watching", "promote_full")))
    (found,) = together([hurried], rate=0.05).promotions
    assert (found.log_e, found.stands, found.weakest) == (0.0, False, CANARY)


def test_an_alternative_has_its_part() -> None:
    """What was shown with half of the budget is worth half: either of two could have passed."""
    first, second = (gate.path for gate in EITHER.stages[0].promote_when)
    history = (
        decision(1, "shadow", verdict(first, 6.0, alpha=promotion_alpha(EITHER) / 2), verdict(second, -1.0)),
        decision(2, "canary", verdict(CANARY, 9.0), to=("watching", "release")),
    )
    (found,) = together([walk("churn-1", *history, spec=EITHER)], rate=0.05).promotions
    assert found.log_e == pytest.approx(6.0 - log(2))


def test_an_attempt_before_is_another_one() -> None:
    """A retry's promotion rests on what was seen since."""
    history = (
        decision(1, "shadow", verdict(SHADOW, 9.0)),
        decision(2, "shadow", to=("pending", "retry")),
        decision(3, "shadow", verdict(SHADOW, 4.0)),
        decision(4, "canary", verdict(CANARY, 7.0), to=("watching", "release")),
    )
    assert together([walk("churn-1", *history)], rate=0.05).promotions[0].log_e == pytest.approx(4.0)


def test_nothing_and_nonsense() -> None:
    """A period without rollouts has no promotion; a rate is a share."""
    assert together([], rate=0.05).promotions == ()
    with pytest.raises(DomainError, match="alpha"):
        together([promoted("churn-1", 5.0, 5.0)], rate=1.0)
