"""Which gate is it, wherever it stands and however it is spelled?

The sentence of a gate is for people: it rounds, and it names a metric without saying how that is defined. What a gate may
spend of an error budget belongs to the null hypothesis that it tests, so to all of the gate and all of its metric.
"""

import msgspec

from segue.decide.gates.claims import GateKind, guarded
from segue.decide.gates.subjects import subject
from segue.facts.wire.codec import to_json
from segue.ids import derived
from segue.spec.digest import one_spelling
from segue.spec.gate import Gate, MetricGate
from segue.spec.rollout import Rollout


def content(spec: Rollout, gate: Gate) -> Gate:
    """A gate wherever it stands and however its population is spelled."""
    gate = msgspec.structs.replace(gate, path="")
    if isinstance(gate, MetricGate) and gate.where:
        return msgspec.structs.replace(gate, where=one_spelling(gate.where, tuple(spec.context)))
    return gate


def meaning(spec: Rollout, gate: Gate, kind: GateKind) -> str:
    """What identifies the null hypotheses of a gate.

    Two that differ in a margin's last digit, or in how their metric is defined, differ here; two that differ in weight do not.
    """
    gate = content(spec, guarded(gate) if kind == "guardrail" else gate)
    if isinstance(gate, MetricGate):
        gate = msgspec.structs.replace(gate, weight=None)
    metric = subject(gate, spec)
    return derived("g", kind, to_json(gate).decode(), "" if metric is None else to_json(metric).decode())
