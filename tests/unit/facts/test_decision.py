"""The audit log keeps a decision's digest, so what a decision rests as stays what it was."""

import msgspec

from segue.facts.decision import Decision
from segue.facts.evidence import Health
from segue.facts.wire.codec import from_json, to_json
from segue.testkit import samples


def test_a_decision_of_an_older_program_keeps_its_bytes() -> None:
    """One that says nothing of how completely the data were known says nothing of it when it is written again."""
    body = to_json(samples.decision())
    assert b"health" not in body
    assert to_json(from_json(Decision, body)) == body


def test_a_decision_that_knows_comes_back_as_it_was() -> None:
    """Whatever was known of each variant."""
    health = {"champion": Health(asked=5, failed=1, judged=3, with_outcome=2), "v8": Health()}
    decision = msgspec.structs.replace(samples.decision(), health=health)
    assert from_json(Decision, to_json(decision)) == decision
    assert (health["champion"].coverage, health["v8"].coverage) == (2 / 3, None)
