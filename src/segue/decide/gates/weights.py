"""What does a guardrail weigh beside the others, and who says so?

A rollback needs one guardrail, so all of them share `false_rollback`: weighted Bonferroni, valid for any weights that were
chosen before the data. What the spec writes holds. Where it writes nothing, a guardrail on requests that failed weighs more
than any other: callers feel that harm at once, it is the commonest that a new version does, and each request until it is found
costs one.
Source: Genovese, Roeder & Wasserman 2006, False discovery control with p-value weighting, Biometrika 93(3).
"""

from collections.abc import Sequence

from segue.decide.gates.claims import guarded
from segue.decide.gates.subjects import subject
from segue.decide.gates.texts import gate_text
from segue.facts.decision import Spending
from segue.spec.gate import Gate, MetricGate
from segue.spec.metric import Metric, default_weight
from segue.spec.rollout import Rollout


def weight_of(gate: Gate, metric: Metric | None) -> float:
    """A guardrail's part of what all of them may spend."""
    if isinstance(gate, MetricGate) and gate.weight is not None:
        return gate.weight
    return 1.0 if metric is None else default_weight(metric)


def weighed(spec: Rollout, kept: Sequence[Spending]) -> tuple[str, ...]:
    """What each guardrail weighs in this ledger, and why, one sentence each."""
    return tuple(f"{gate.path} {_weighs(spec, gate, kept)}" for gate in spec.guardrails)


def _weighs(spec: Rollout, gate: Gate, kept: Sequence[Spending]) -> str:
    metric = subject(gate, spec)
    if metric is None:
        return "is about no metric"
    texts = {gate_text(guarded(gate), metric, candidate, "guardrail") for candidate in spec.candidates}
    line = next((line for line in kept if line.account == "false_rollback" and line.text in texts), None)
    if line is None:
        return f"({metric.name}) spends nothing: no stage can see it"
    if not line.weight:
        return f"({metric.name}) has what an older version gave it when the rollout began"
    return f"({metric.name}) weighs {line.weight:g}, {_why(gate, metric)}"


def _why(gate: Gate, metric: Metric) -> str:
    if isinstance(gate, MetricGate) and gate.weight is not None:
        return "as the file says"
    return (
        "for it counts requests that failed, and the file says nothing else" if default_weight(metric) > 1 else "as any other"
    )
