"""What did the variant say? The prediction, read out of the bodies that were captured.

Open Inference Protocol v2, as JSON. A path names a tensor, and in it a place where a row has several numbers:
`outputs.label`, `outputs.probabilities.1`; `inputs` means all inputs. What can't be read is a reason in `unread`, never an
error and never a guess:

- a request of several rows has no one label: label and score are left out, the features are kept as they came;
- a body that was over the limit, a binary body, a tensor that is not there.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from segue.facts.allocation import Allocation, Reading
from segue.facts.outcome import canonical_label
from segue.facts.prediction import Capture, Prediction

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NO_ROUTE: Final = "unknown"
"""The route of a capture that neither says its route nor has its allocation."""


class _Unread(Exception):  # noqa: N818 - a reason on its way to `unread`, not an error
    """Why something can't be read."""


class Tensor(msgspec.Struct, frozen=True):
    """A named tensor of the protocol, as JSON."""

    name: str
    shape: list[int]
    data: list[object]


class _Request(msgspec.Struct, frozen=True):
    inputs: list[Tensor]


class _Response(msgspec.Struct, frozen=True):
    outputs: list[Tensor]


_request = msgspec.json.Decoder(_Request)
_response = msgspec.json.Decoder(_Response)
_json = msgspec.json.Encoder(order="deterministic")


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What was read out of one capture's bodies."""

    label: str | None = None
    score: float | None = None
    cost: float | None = None
    features: str | None = None
    unread: str = ""


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
    reading, reasons = allocation.reading, []
    if allocation.protocol != "v2":
        return Read(unread=f"bodies of the protocol {allocation.protocol} are not read")
    features = None
    if reading.features and capture.role != "shadow":
        try:
            features = _features(_inputs(capture), reading.features)
        except _Unread as reason:
            reasons.append(str(reason))
    found: dict[str, object] = {}
    if any((reading.label, reading.score, reading.cost)):
        try:
            outputs = _outputs(capture)
        except _Unread as reason:
            reasons.append(str(reason))
        else:
            found, missing = _of_outputs(outputs, reading)
            reasons += missing
    return msgspec.structs.replace(Read(features=features, unread="; ".join(dict.fromkeys(reasons))), **found)


def _of_outputs(outputs: list[Tensor], reading: Reading) -> tuple[dict[str, object], list[str]]:
    found: dict[str, object] = {}
    reasons = []
    for name, path, convert in (
        ("label", reading.label, _label),
        ("score", reading.score, _number),
        ("cost", reading.cost, _number),
    ):
        try:
            found[name] = convert(_element(outputs, path)) if path else None
        except _Unread as reason:
            reasons.append(str(reason))
    return found, reasons


def _inputs(capture: Capture) -> list[Tensor]:
    if capture.request_body is None:
        raise _Unread("the request was over the limit" if capture.request_size else "there is no request body")
    try:
        return _request.decode(capture.request_body).inputs
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Unread("the request is no JSON of the protocol") from None


def _outputs(capture: Capture) -> list[Tensor]:
    if capture.error or capture.status == 0:
        raise _Unread(f"no answer: {capture.error or 'none'}")
    if capture.response_body is None:
        raise _Unread("the answer was over the limit")
    try:
        return _response.decode(capture.response_body).outputs
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _Unread("the answer is no JSON of the protocol") from None


def _element(tensors: list[Tensor], path: str) -> object:
    _, _, name = path.partition(".")
    tensor = _named(tensors, name)
    place = 0
    if tensor is None:
        name, _, index = name.rpartition(".")
        tensor = _named(tensors, name)
        place = int(index) if index.isdecimal() else -1
        if tensor is None or place < 0:
            raise _Unread(f"the answer has no {path}")
    rows, values = _rows(tensor), _flat(tensor.data)
    if rows != 1:
        raise _Unread(f"batch of {rows} rows")
    if place >= len(values):
        raise _Unread(f"the answer has no {path}")
    if len(values) > 1 and path.endswith(tensor.name):
        raise _Unread(f"{path} has {len(values)} numbers a row; name one as {path}.0")
    return values[place]


def _named(tensors: list[Tensor], name: str) -> Tensor | None:
    return next((tensor for tensor in tensors if tensor.name == name), None)


def _rows(tensor: Tensor) -> int:
    return tensor.shape[0] if tensor.shape else 1


def _flat(data: list[object]) -> list[object]:
    flat: list[object] = []
    for value in data:
        if isinstance(value, list):
            flat += _flat(value)
        else:
            flat.append(value)
    return flat


def _label(value: object) -> str:
    if not isinstance(value, bool | int | float | str):
        raise _Unread("the label is no number and no text")
    return canonical_label(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unread("the score is no number")
    return float(value)


def _features(inputs: list[Tensor], path: str) -> str:
    _, _, name = path.partition(".")
    chosen = [tensor for tensor in inputs if not name or tensor.name == name]
    if not chosen:
        raise _Unread(f"the request has no {path}")
    return _json.encode({tensor.name: _feature(tensor) for tensor in chosen}).decode()


def _feature(tensor: Tensor) -> object:
    flat = _flat(tensor.data) if _rows(tensor) == 1 else []
    return flat[0] if len(flat) == 1 else tensor.data
