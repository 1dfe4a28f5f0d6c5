"""Verdicts."""

from typing import Any

import msgspec
import pytest

from segue.decide.judge import Judged, crossed, verdicts
from segue.facts.decision import Verdict
from segue.facts.evidence import Evidence, NotEnough


def judged(scene: Any, **changes: object) -> dict[str, Verdict]:
    """Verdicts by metric."""
    found = verdicts(scene.asked, scene.state, scene.observed(**changes))
    return {verdict.question.metric.name: verdict for verdict in found if verdict.question}


def only(scene: Any, metric: str, **changes: object) -> Verdict:
    """The verdict on one metric whose evidence, showing nothing, is changed."""
    weighed = dict(scene.evidence())
    before = next(
        v for v in verdicts(scene.asked, scene.state, scene.observed()) if v.question and v.question.metric.name == metric
    )
    assert before.question is not None
    weighed[before.question.id] = msgspec.structs.replace(weighed[before.question.id], **changes)
    return judged(scene, weighed=weighed)[metric]


def test_shown_is_a_pass_of_a_gate_and_a_failure_of_a_guardrail(running: Any) -> None:
    """The same strength of evidence promotes or rolls back, by what was claimed."""
    found = {
        v.question.metric.name: v
        for v in verdicts(running.asked, running.state, running.observed("accuracy", "errors"))
        if v.question
    }
    assert (found["accuracy"].outcome, found["accuracy"].role) == ("pass", "objective")
    assert (found["errors"].outcome, found["errors"].role) == ("fail", "guardrail")
    assert found["p99"].outcome == "not_yet"


def test_too_few_data_are_not_yet_and_say_how_many(running: Any) -> None:
    """Thin data are neither a pass nor a failure, and the reason has the numbers."""
    found = judged(running, weighed=running.evidence(none=True))
    assert {verdict.outcome for verdict in found.values()} == {"not_yet"}
    assert "0 of at least 1 judged predictions" in found["accuracy"].reason


def test_no_measurement_is_not_yet(running: Any) -> None:
    """A question without any evidence holds."""
    found = judged(running, weighed={})
    assert {verdict.outcome for verdict in found.values()} == {"not_yet"}
    assert found["errors"].reason == "not measured yet"


def test_the_opposite_is_said_and_stays_not_yet(running: Any) -> None:
    """A gate whose data point the other way does not fail: only guardrails and time limits roll back."""
    verdict = only(running, "accuracy", estimate=-0.08, low=-0.1, high=-0.05)
    assert verdict.outcome == "not_yet"
    assert "show the opposite" in verdict.reason


def test_a_guardrail_passes_while_harm_is_ruled_out(running: Any) -> None:
    """An interval that lies wholly on the safe side is a pass."""
    verdict = only(running, "errors", estimate=0.0, low=-0.005, high=0.005)
    assert (verdict.outcome, "ruled out" in verdict.reason) == ("pass", True)


def test_once_shown_stays_shown(running: Any) -> None:
    """A claim that has crossed its threshold stays shown when the e-value falls, or the data cannot be read."""
    first = verdicts(running.asked, running.state, running.observed("accuracy"))
    after = running.at(crossed=crossed(running.state, first))
    verdict = judged(after)["accuracy"]
    assert verdict.outcome == "pass"
    assert "once shown it stays shown" in verdict.reason
    assert judged(after, weighed={})["accuracy"].outcome == "pass"
    assert judged(after)["errors"].outcome == "not_yet"


def test_what_the_data_take_back_does_not_pass(running: Any) -> None:
    """Truths are corrected and withdrawn: a gate passes neither by data that say the opposite now, nor by none at all."""
    first = verdicts(running.asked, running.state, running.observed("accuracy"))
    after = running.at(crossed=crossed(running.state, first))
    verdict = only(after, "accuracy", estimate=-0.08, low=-0.1, high=-0.05)
    assert verdict.outcome == "not_yet"
    assert verdict.reason.startswith("shown earlier (log e 9.00), and taken back by the data since; the data show the opposite")
    gone = judged(after, weighed=after.evidence(none=True))["accuracy"]
    assert (gone.outcome, gone.earlier) == ("not_yet", True)
    harm = crossed(running.state, verdicts(running.asked, running.state, running.observed("errors")))
    assert judged(running.at(crossed=harm), weighed=after.evidence(none=True))["errors"].outcome == "fail"


def test_the_largest_crossing_is_kept(running: Any) -> None:
    """Of several crossings of one question the strongest is remembered."""
    first = verdicts(running.asked, running.state, running.observed("accuracy"))
    once = crossed(running.state, first)
    higher = running.at(crossed=dict.fromkeys(once, 99.0))
    assert set(crossed(higher.state, first).values()) == {99.0}


def test_every_number_is_carried(running: Any) -> None:
    """A verdict holds its question, its evidence, and says estimate, interval and strength in words."""
    verdict = judged(running)["accuracy"]
    assert isinstance(verdict.evidence, Evidence | NotEnough)
    assert verdict.question is not None
    assert verdict.text == "accuracy of v8 not worse than champion's by 2 pp"
    for part in ("-1.8 pp", "log e 0.50 of 3.00", "v8 1,000", "about 4,000"):
        assert part in verdict.reason


def test_a_guardrails_sentence_says_what_must_not_be(running: Any) -> None:
    """People read what is guarded: never worse by, never above."""
    texts = {name: verdict.text for name, verdict in judged(running).items()}
    assert texts["errors"] == "never errors of v8 worse than champion's by 1 pp"
    assert texts["p99"] == "never p99 of v8 above 80 ms"


@pytest.mark.parametrize("condition", ["unanswered", "unknown_wrong"])
def test_a_condition_of_one_alternative_holds_no_other(condition: str) -> None:
    """Where one of two alternatives is held, the other is enough; and it is not enough itself while it is held."""
    first, second = (f"stages[0].promote_when[0].any[{place}]" for place in (0, 1))
    passed = Verdict(gate=first, text="", role="objective", outcome="pass", reason="", candidate="v8")
    held = msgspec.structs.replace(passed, gate=f"{first}.{condition}", role="precondition", outcome="not_yet")
    other = msgspec.structs.replace(passed, gate=second)
    missing = msgspec.structs.replace(other, outcome="not_yet")
    either = (((first,), (second,)),)
    assert Judged(verdicts=(passed, held, other), crossed={}, any_of=either).still_open("v8") == ()
    assert Judged(verdicts=(passed, held, missing), crossed={}, any_of=either).still_open("v8") == (held, missing)
    alone = Judged(verdicts=(passed, held), crossed={})
    assert alone.still_open("v8") == (held,)
