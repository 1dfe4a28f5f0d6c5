"""Which metric is a gate about?"""

from segue.spec.gate import DriftGate, FairnessGate, Gate
from segue.spec.metric import DRIFT, Metric, kind_of
from segue.spec.rollout import Rollout


def subject(gate: Gate, spec: Rollout) -> Metric | None:
    """The metric of the spec, the gap between groups that a gate on fairness names, or how far the features have moved."""
    if isinstance(gate, DriftGate):
        return Metric(name="drift", kind=DRIFT, goal="decrease", parameters={"against": gate.against})
    if not isinstance(gate, FairnessGate):
        return spec.metrics[gate.metric]
    waits = kind_of(gate.metric).outcome
    return Metric(
        name=gate.metric,
        kind=gate.metric,
        goal="decrease",
        window_s=spec.outcome.window_s if waits else 0.0,
        missing=spec.outcome.missing,
        parameters={"positive": gate.positive},
    )


def subjects(gates: tuple[Gate, ...], spec: Rollout) -> tuple[Metric, ...]:
    """The metrics of several gates."""
    return tuple(metric for gate in gates if (metric := subject(gate, spec)) is not None)
