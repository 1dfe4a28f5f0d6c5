"""What did the variant say? The prediction, read out of the bodies that were captured.

Each protocol is read by its own file in `reading`; here is what all have in common. What can't be read is a reason in
`unread`, never an error and never a guess:

- a request of several rows has no one label: label and score are left out, the features are kept as they came;
- a body that was over the limit, that is no body of the protocol, or that lacks what the path names.
"""

import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

import msgspec

from segue.facts.allocation import Allocation, Reading
from segue.facts.prediction import Capture, Prediction
from segue.record.reading.mlflow import MLFLOW
from segue.record.reading.openai import OPENAI
from segue.record.reading.raw import RAW
from segue.record.reading.v1 import V1
from segue.record.reading.v2 import V2
from segue.record.reading.values import Asked, Tongue, Unread, label, number

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NO_ROUTE: Final = "unknown"
"""The route of a capture that neither says its route nor has its allocation."""
_TONGUES: Final[dict[str, Tongue]] = {"v2": V2, "v1": V1, "mlflow": MLFLOW, "openai": OPENAI, "raw": RAW}

T = TypeVar("T")
log: Final = logging.getLogger("segue.record")
_json = msgspec.json.Encoder(order="deterministic")


class Read(NamedTuple):
    """What was read out of one capture's bodies."""

    label: str | None = None
    score: float | None = None
    cost: float | None = None
    features: str | None = None
    unread: str = ""


_NOTHING: Final = Read()


def prediction(capture: Capture, allocation: Allocation | None) -> Prediction:
    """The row of the lake that a capture becomes; without its allocation it is kept raw, and says so."""
    if allocation is None:
        read = Read(unread=f"the journal file lacks allocation {capture.allocation}")
    else:
        read = extract(capture, allocation)
    return Prediction(
        request_id=capture.request_id,
        route=capture.route or (allocation.route if allocation else NO_ROUTE),
        rollout=allocation.rollout if allocation else "",
        stage=allocation.stage if allocation else "",
        allocation=capture.allocation,
        spec_digest=allocation.spec_digest if allocation else "",
        at=_EPOCH + timedelta(microseconds=capture.at_us),
        unit=capture.unit,
        unit_source=capture.unit_source,
        context=capture.context,
        assigned=capture.assigned,
        variant=capture.variant,
        version=capture.version,
        role=capture.role,
        propensity=capture.propensity,
        comparable=capture.comparable,
        status=capture.status,
        error=capture.error,
        label=read.label,
        score=read.score,
        features=read.features,
        cost=read.cost,
        unread=read.unread,
        latency_upstream_s=capture.latency_upstream_us / 1e6,
        latency_total_s=capture.latency_total_us / 1e6,
        request_size_bytes=capture.request_size,
        response_size_bytes=capture.response_size,
        request_hash=capture.request_hash,
        response_hash=capture.response_hash,
        request_body=capture.request_body,
        response_body=capture.response_body,
    )


def extract(capture: Capture, allocation: Allocation) -> Read:
    """What the allocation's reading finds in a capture's bodies."""
    tongue = _TONGUES.get(allocation.protocol)
    if tongue is None:
        return Read(unread=f"bodies of the protocol {allocation.protocol} are not read")
    reading, reasons = allocation.reading, []
    features = None
    if reading.features and capture.role != "shadow":
        try:
            features = _features(tongue, capture, reading.features)
        except Unread as reason:
            reasons.append(str(reason))
    found = _NOTHING
    if reading.label or reading.score or reading.cost:
        try:
            told = tongue.answer(_answer(capture))
        except Unread as reason:
            reasons.append(str(reason))
        except Exception as error:  # noqa: BLE001 - one odd body must not keep a whole file from the lake
            reasons.append(_failed(error))
        else:
            found, missing = _of_answer(told, reading)
            reasons += missing
    return Read(
        label=found.label, score=found.score, cost=found.cost, features=features, unread="; ".join(dict.fromkeys(reasons))
    )


def _of_answer(told: Callable[[str], object], reading: Reading) -> tuple[Read, list[str]]:
    reasons: list[str] = []
    named = _at(told, reading.label, label, reasons) if reading.label else None
    score = _at(told, reading.score, _score, reasons) if reading.score else None
    cost = _at(told, reading.cost, _cost, reasons) if reading.cost else None
    return Read(label=named, score=score, cost=cost), reasons


def _at(told: Callable[[str], object], path: str, read: Callable[[object], T], reasons: list[str]) -> T | None:
    try:
        return read(told(path))
    except Unread as reason:
        reasons.append(str(reason))
    except Exception as error:  # noqa: BLE001 - one odd body must not keep a whole file from the lake
        reasons.append(_failed(error))
    return None


def _score(value: object) -> float:
    return number(value, "score")


def _cost(value: object) -> float:
    return number(value, "cost")


def _features(tongue: Tongue, capture: Capture, path: str) -> str:
    if capture.request_body is None:
        raise Unread("the request was over the limit" if capture.request_size else "there is no request body")
    try:
        found = tongue.features(Asked(capture.request_body, capture.content_type), path)
        return _json.encode(found).decode()
    except Unread:
        raise
    except Exception as error:  # noqa: BLE001 - one odd body must not keep a whole file from the lake
        raise Unread(_failed(error)) from None


def _answer(capture: Capture) -> bytes:
    if capture.error or capture.status == 0:
        raise Unread(f"no answer: {capture.error or 'none'}")
    if capture.response_body is None:
        raise Unread("the answer was over the limit")
    return capture.response_body


def _failed(error: Exception) -> str:
    """Our own bug, said without a word of the body: messages of errors quote what they are about."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "a body could not be read: our reader failed with %s at %s:%d", type(error).__name__, frame.filename, frame.lineno or 0
    )
    return f"our reader failed: {type(error).__name__}"
