"""How is a gate said in a sentence, and its evidence in numbers?"""

from segue.decide.gates.claims import COMPARISONS, GateKind
from segue.facts.evidence import Evidence
from segue.facts.question import Question
from segue.spec.gate import DriftGate, FairnessGate, Gate, MetricGate, StableGate
from segue.spec.metric import Metric, scale_of

_VERBS = {
    "not_worse_than_champion_by": "not worse than champion's by",
    "worse_than_champion_by": "worse than champion's by",
    "better_than_champion": "better than champion's",
    "at_least": "at least",
    "at_most": "at most",
    "above": "above",
    "below": "below",
}


def gate_text(gate: Gate, metric: Metric, candidate: str, kind: GateKind) -> str:
    """The gate as a sentence: "precision of v8 not worse than champion's by 0.5 pp"."""
    match gate:
        case StableGate(every_s=every_s, at_most_times_champion=times):
            hours = f"{every_s / 86_400:.4g} d" if every_s >= 86_400 else f"{every_s / 3600:.4g} h"
            return f"variance of {metric.name} of {candidate} between periods of {hours} at most {times:.4g} x champion's"
        case FairnessGate(over=over, at_most=most):
            return f"{metric.name.replace('_', ' ')} of {candidate} over {over} at most {100 * most:.4g} pp"
        case DriftGate(against=against, psi_below=below, psi_above=above):
            beside = "those in training" if against == "training" else "those in front of the champion"
            moved = f"features that {candidate} is asked with moved from {beside}"
            return f"{moved} by a psi below {below:.4g}" if below is not None else f"never {moved} by a psi above {above:.4g}"
        case MetricGate():
            return _metric_text(gate, metric, candidate, kind)


def _metric_text(gate: MetricGate, metric: Metric, candidate: str, kind: GateKind) -> str:
    verb = _VERBS[gate.test]
    size = margin_text(gate, metric)
    if gate.test == "better_than_champion" and size:
        verb += " by"
    subject = f"{metric.name} of {candidate}" + (f" where {gate.where}" if gate.where else "")
    return (
        "never " if kind == "guardrail" and gate.test not in {"at_least", "at_most"} else ""
    ) + f"{subject} {verb} {size}".rstrip()


def margin_text(gate: MetricGate, metric: Metric) -> str:
    """How much: "0.5 pp", "1 %", "80 ms"; "" for no margin at all."""
    value = gate.margin.value
    if gate.test == "better_than_champion" and value == 0:
        return ""
    if gate.margin.relative:
        return f"{100 * value:.4g} % of it"
    return difference(metric, value) if gate.test in COMPARISONS else amount(metric, value)


def percent(share: float) -> str:
    """A share to the thousandth of a percent, without needless digits.

    >>> percent(0.01), percent(0.99953), percent(0.5), percent(0.0)
    ('1 %', '99.953 %', '50 %', '0 %')
    """
    text = f"{100 * share:z.3f}"
    return f"{text.rstrip('0').rstrip('.')} %"


def amount(metric: Metric, value: float) -> str:
    """A value of the metric: a share in percent, a latency in milliseconds, anything else as it is."""
    if metric.kind == "latency_quantile":
        return f"{1000 * value:.4g} ms"
    return percent(value) if scale_of(metric.kind) == "proportion" else f"{_clean(value):.6g}"


def difference(metric: Metric, value: float) -> str:
    """A difference of two values of the metric: of shares in percentage points."""
    return f"{_clean(100 * value):.3g} pp" if scale_of(metric.kind) == "proportion" else amount(metric, value)


def _clean(value: float) -> float:
    """Without the dust of rounding: what is a billionth and less is said as 0."""
    return 0.0 if abs(value) < 1e-9 else value


def evidence_text(evidence: Evidence, question: Question, metric: Metric) -> str:
    """Estimate, interval, observations and how strong it is, in one line."""
    say = _said(question, metric)
    counts = ", ".join(f"{variant} {n:,}" for variant, n in sorted(evidence.n.items()))
    return (
        f"{_subject(question, metric)} {say(evidence.estimate)}, between {say(evidence.low)} and {say(evidence.high)} "
        f"(log e {evidence.log_e:z.2f} of {evidence.threshold:.2f}; {counts})"
    )


def bound_text(question: Question, metric: Metric) -> str:
    """The claim's side and bound: "above -0.5 pp"."""
    return f"{question.claim.side} {_said(question, metric)(question.claim.bound)}"


def effect_text(question: Question, metric: Metric, value: float) -> str:
    """An effect in the unit of the question's evidence."""
    return _said(question, metric)(value)


def _subject(question: Question, metric: Metric) -> str:
    if question.design == "days":
        return "ratio of the variances is"
    if question.design == "groups":
        return "largest gap is"
    if question.design == "drift":
        return "largest index is"
    if metric.kind == "rmse" and question.design != "one_sample":
        scaled = "" if question.claim.factor == 1 else f" to {question.claim.factor:.4g} x champion"
        return f"difference of mean squared errors{scaled} is"
    if "threshold_s" in question.metric.parameters:
        return f"share slower than {1000 * float(question.metric.parameters['threshold_s']):.4g} ms is"
    if question.design == "one_sample":
        return "value is"
    return "difference is" if question.claim.factor == 1 else f"difference to {question.claim.factor:.4g} x champion is"


class _said:  # noqa: N801 - used like a function
    """Numbers of one question in the unit that people read."""

    def __init__(self, question: Question, metric: Metric) -> None:
        self._share = "threshold_s" in question.metric.parameters
        self._one = question.design in {"one_sample", "drift"}
        self._days = question.design == "days"
        self._metric = metric

    def __call__(self, value: float) -> str:
        if self._share:
            return f"{100 * value:.3g} %"
        if self._days:
            return f"{value:.4g} x"
        if self._metric.kind == "rmse" and self._one:
            return f"{max(value, 0.0) ** 0.5:.6g}"
        if not self._one:
            return f"{'+' if _clean(value) > 0 else ''}{difference(self._metric, value)}"
        return amount(self._metric, value)
