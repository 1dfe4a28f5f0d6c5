"""What is read out of captured bodies, and what is said where nothing can be."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from segue.facts.allocation import Allocation, Reading
from segue.facts.prediction import Capture
from segue.record.extract import _TONGUES, NO_ROUTE, prediction
from segue.record.reading.values import Tongue
from segue.testkit import samples


def allocation(**changes: object) -> Allocation:
    """An allocation that reads label, score and features."""
    reading = Reading(label="outputs.label", score="outputs.score", features="inputs")
    changed = {"reading": reading, "number": 7, **changes}
    return msgspec.structs.replace(samples.allocation(), **changed)


def tensor(name: str, data: list[object], rows: int = 1) -> dict[str, object]:
    """A tensor of the protocol."""
    return {"name": name, "shape": [rows, max(len(data) // rows, 1)], "datatype": "FP64", "data": data}


def capture(outputs: object = None, inputs: object = None, **changes: object) -> Capture:
    """A served answer with JSON bodies."""
    row = samples.capture(
        at_us=1_362_139_200_123_457,
        allocation=7,
        context={"tier": "vip"},
        latency_upstream_us=1500,
        latency_total_us=2500,
        request_body=json.dumps({"inputs": inputs or [tensor("x", [1.5])]}).encode(),
        response_body=json.dumps({"outputs": outputs or []}).encode(),
    )
    return msgspec.structs.replace(row, **changes)


def test_what_stands_in_the_capture_is_taken_over() -> None:
    """Times to the microsecond, latencies in seconds; rollout, stage and digest come from the allocation."""
    row = prediction(capture(), allocation(stage="canary", spec_digest="d7"))
    assert row.at == datetime(2013, 3, 1, 12, 0, 0, 123457, UTC)
    assert (row.latency_upstream_s, row.latency_total_s) == (0.0015, 0.0025)
    assert (row.rollout, row.stage, row.spec_digest, row.allocation) == ("r-1", "canary", "d7", 7)
    assert (row.variant, row.propensity, row.context) == ("v8", 0.5, {"tier": "vip"})


@pytest.mark.parametrize(
    ("data", "label"), [([1], "1"), ([1.0], "1"), ([True], "1"), ([0.5], "0.5"), (["late"], "late"), ([[1]], "1")]
)
def test_label(data: list[object], label: str) -> None:
    """Labels are canonical text, whatever the type that the model gave."""
    row = prediction(capture([tensor("label", data), tensor("score", [0.25])]), allocation())
    assert (row.label, row.score, row.unread) == (label, 0.25, "")


def test_features() -> None:
    """Each input by its name; a single value is bare."""
    inputs = [tensor("x", [1.5]), tensor("xs", [1, 2])]
    assert prediction(capture(inputs=inputs), allocation()).features == '{"x":1.5,"xs":[1,2]}'
    named = allocation(reading=Reading(features="inputs.xs"))
    assert prediction(capture(inputs=inputs), named).features == '{"xs":[1,2]}'


def test_one_of_several_numbers() -> None:
    """A path may name a place in a row; without it, several numbers are no score."""
    outputs = [tensor("p", [0.3, 0.7])]
    row = prediction(capture(outputs), allocation(reading=Reading(score="outputs.p.1")))
    assert (row.score, row.unread) == (0.7, "")
    row = prediction(capture(outputs), allocation(reading=Reading(score="outputs.p")))
    assert (row.score, row.unread) == (None, "outputs.p has 2 numbers a row; name one as outputs.p.0")


def test_a_batch_has_no_one_label() -> None:
    """Its features are kept as they came, and it says so."""
    row = prediction(
        capture([tensor("label", [1, 0], 2), tensor("score", [0.1, 0.2], 2)], [tensor("x", [1, 2], 2)]), allocation()
    )
    assert (row.label, row.score, row.features, row.unread) == (None, None, '{"x":[1,2]}', "batch of 2 rows")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"response_body": b"\x00binary"}, "the answer is no JSON of the protocol"),
        ({"response_body": b'{"outputs": 3}'}, "the answer is no JSON of the protocol"),
        ({"response_body": None, "response_size": 99}, "the answer was over the limit"),
        ({"status": 0, "error": "timeout", "response_body": None}, "no answer: timeout"),
        ({"response_body": b'{"outputs": []}'}, "the answer has no outputs.label; the answer has no outputs.score"),
    ],
)
def test_what_cannot_be_read_is_said(changes: dict[str, object], reason: str) -> None:
    """The row is there all the same."""
    row = prediction(capture(**changes), allocation())
    assert (row.label, row.score, row.unread) == (None, None, reason)
    assert row.features == '{"x":1.5}'


def test_a_whole_list_is_a_label() -> None:
    """A tensor of one row is captured as a list where the path says so."""
    reading = Reading(label="outputs.items[]", score="", features="")
    row = prediction(capture([tensor("items", ["b", "a", "c"])]), allocation(reading=reading))
    assert (row.label, row.unread) == ('["b","a","c"]', "")


def test_a_request_over_the_limit() -> None:
    """It costs the features, not the label."""
    row = prediction(capture([tensor("label", [1]), tensor("score", [1])], request_body=None, request_size=99), allocation())
    assert (row.label, row.features, row.unread) == ("1", None, "the request was over the limit")


def test_odd_values_are_no_label_and_no_score() -> None:
    """Null is no label; true is no score."""
    row = prediction(capture([tensor("label", [None]), tensor("score", [True])]), allocation())
    assert (row.label, row.score) == (None, None)
    assert row.unread == "the label is no number and no text; the score is no number"


def test_a_shadow_keeps_no_request() -> None:
    """That is not a reason: the served row has it."""
    row = prediction(capture([tensor("label", [1]), tensor("score", [1])], role="shadow", request_body=None), allocation())
    assert (row.label, row.features, row.unread) == ("1", None, "")


def test_without_its_allocation_a_capture_is_kept_raw() -> None:
    """Bodies and reason are in the row."""
    row = prediction(capture(route=""), None)
    assert (row.route, row.rollout, row.unread) == (NO_ROUTE, "", "the journal file lacks allocation 7")
    assert row.response_body == b'{"outputs": []}'


def test_other_protocols_are_kept_raw() -> None:
    """What a later version publishes is said by name."""
    assert prediction(capture(), allocation(protocol="v9")).unread == "bodies of the protocol v9 are not read"


def test_our_own_failure_is_said_without_the_body(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A bug of ours costs one row's reading, not the file's way to the lake, and its message tells nothing of the body."""

    def fails(_: object, __: object = None) -> object:
        raise ValueError("secret")

    monkeypatch.setitem(_TONGUES, "v2", Tongue(fails, fails))  # type: ignore[arg-type]
    row = prediction(capture(), allocation())
    assert (row.label, row.features, row.unread) == (None, None, "our reader failed: ValueError")
    assert "secret" not in caplog.text
