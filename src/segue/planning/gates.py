"""How many observations and days does one gate take, and with which chance?"""

from collections.abc import Sequence
from math import ceil
from typing import Final, Literal

import msgspec
import numpy as np

from segue.decide.budget import gate_power
from segue.decide.gates.texts import amount, difference, gate_text
from segue.decide.questions import Asked
from segue.errors import DomainError
from segue.evidence.planning.fixed import n_fixed
from segue.evidence.planning.horizon import horizon_over_fixed
from segue.evidence.planning.passage import Power
from segue.evidence.planning.worlds import World, power
from segue.facts.grid import variance_where_planned
from segue.facts.question import Prior, Question
from segue.facts.summary import ArmCounts, Counts, Moments, PairedCounts, ScoreSums, Summary
from segue.measure.questions import Form, form_of
from segue.planning.assumptions import DAY_S, Assumed
from segue.planning.pace import Pace, candidate_answers, legs_of, pace
from segue.planning.shapes import Shape, Wanted, beside_champion, shape_of
from segue.spec.metric import KINDS, Metric
from segue.spec.rollout import Rollout
from segue.spec.stage import Stage

_SUMMARIES: Final[dict[Form, type[Summary]]] = {
    "counts": Counts, "paired_counts": PairedCounts, "arm_counts": ArmCounts, "score_sums": ScoreSums, "moments": Moments,
}  # fmt: skip
_LOOKS_A_DAY: Final = 1440
_LEAST_CHANCE: Final = 0.5
_CURVE: Final = 60


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The same gate for a part of the requests.

    Args:
        share: of the requests.
        days: until it has the gate's power; None where nobody knows how fast the data come.
        in_time: the chance of deciding before the stage's limit, or within the days that the gate itself takes.
        enough: whether that is at least an even chance; if not, the part has too few data, which is no pass.
    """

    where: str
    share: float
    days: float | None
    in_time: float | None
    enough: bool | None


class GatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one gate takes in one stage.

    Args:
        supposing: what has to be true of the candidate for these numbers, in words.
        null: what is refuted: the claim's opposite.
        alpha: chance of ever being wrong.
        power: the chance of deciding that `n` and `days` are for.
        of: what is counted: requests, units at their first exposure, hours, or periods.
        n_fixed: for a test that may look once.
        n_half, n: observations after which half of such rollouts, and `power` of them, have decided; None where never.
        n_horizon: a declared end of looking that gives the same power; None where the data have no such end.
        labels: outcomes that are needed for n; in a shadow only where the variants disagree.
        window_days: how old a prediction has to be to be judged.
        days_half, days: the same in days of the stage, the outcome's window included.
        in_time: chance of deciding before the stage's limit; None without a limit.
        exposed: requests that a harmful candidate has answered when it is found out in half of the cases (guardrails).
        chance: chance of having decided, day by day, at `at` days.
    """

    stage: str
    gate: str
    text: str
    metric: str
    kind: Literal["promotion", "guardrail"]
    candidate: str
    supposing: str
    null: str
    design: str
    alpha: float
    power: float
    of: str
    n_fixed: int
    n_half: int | None
    n: int | None
    n_horizon: int | None
    labels: int | None
    window_days: float
    days_half: float | None = None
    days: float | None = None
    in_time: float | None = None
    exposed: int | None = None
    at: tuple[float, ...] = ()
    chance: tuple[float, ...] = ()
    segments: tuple[Segment, ...] = ()
    notes: tuple[str, ...] = ()


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Where a gate stands.

    Args:
        gates: how many gates have to pass together.
        power: that they shall have together.
    """

    spec: Rollout
    stage: Stage
    assumed: Assumed
    gates: int
    power: float


def plan_gate(asked: Asked, setting: Setting) -> GatePlan:
    """Plan one gate.

    Raises:
        DomainError: nothing can be said about this gate; the message says why.
    """
    question, assumed = asked.question, setting.assumed
    found = pace(setting.stage, (question.candidate, setting.spec.champion, len(setting.spec.candidates)), question.design)
    if found is None:
        raise DomainError("the stage never gives units to both variants, so it compares nothing")
    chance = gate_power(setting.power, setting.gates) if asked.kind == "promotion" else setting.power
    wanted = Wanted(power=chance, share=found.share, rows=_rate(question, assumed, 1.0))
    form = form_of(question)
    shape = shape_of(asked, form, assumed, wanted) or _of_rows(asked, form, assumed, wanted)
    known = _known(asked, setting, shape, chance)
    if shape.rate is None:
        return known
    if shape.of in {"periods", "hours"}:  # they pass whatever the traffic
        found = Pace(share=found.share, rates=((float("inf"), 1.0),))
    dated = _dated(known, question, shape.curve, _Timing(setting=setting, pace=found, rate=shape.rate))
    return dated if shape.divided else msgspec.structs.replace(dated, segments=())


def _of_rows(asked: Asked, form: Form, assumed: Assumed, wanted: Wanted) -> Shape:
    question, metric = asked.question, asked.metric
    if form not in _SUMMARIES:
        raise DomainError(f"{metric.name} is counted as {form}, which is not planned yet")
    counted, notes = _counted(metric, assumed)
    rate = _rate(question, assumed, counted)
    truth = _truth(question, metric, assumed)
    every = max((rate or 0.0) / _LOOKS_A_DAY, 1.0)
    expected = msgspec.structs.replace(question, prior=truth)
    fixed = n_fixed(expected, power=wanted.power, share=wanted.share) / (question.sampled or 1.0)
    ends = KINDS[metric.kind].shape in {"proportion", "mean"}
    return Shape(
        curve=power(question, World(truth=truth, summary=_SUMMARIES[form], share=wanted.share, every=every)),
        fixed=fixed,
        horizon=fixed * horizon_over_fixed(alpha=question.alpha, power=wanted.power) if ends else None,
        rate=rate,
        counted=counted,
        labelled=_labelled(question, metric, truth),
        of="units" if question.unit == "unit" else "requests",
        divided=True,
        supposing=_supposing(question, metric, truth),
        notes=(*notes, *_guessed(question, metric, assumed)),
    )


def _known(asked: Asked, setting: Setting, shape: Shape, chance: float) -> GatePlan:
    question, metric = asked.question, asked.metric
    half, needed = shape.curve.needed(_LEAST_CHANCE), shape.curve.needed(chance)
    return GatePlan(
        stage=setting.stage.name,
        gate=question.gate,
        text=gate_text(asked.gate, metric, asked.candidate, asked.kind),
        metric=metric.name,
        kind=asked.kind,
        candidate=asked.candidate,
        supposing=shape.supposing,
        null=_null(question, metric),
        design=question.design,
        alpha=question.alpha,
        power=chance,
        of=shape.of,
        n_fixed=ceil(shape.fixed / shape.counted),
        n_half=None if half is None else ceil(half / shape.counted),
        n=None if needed is None else ceil(needed / shape.counted),
        n_horizon=None if shape.horizon is None else ceil(shape.horizon / shape.counted),
        labels=None if needed is None or shape.labelled is None else ceil(needed * shape.labelled),
        window_days=question.metric.window_s / DAY_S,
        notes=shape.notes,
    )


class _Timing(msgspec.Struct, frozen=True, kw_only=True):
    # How fast the gate's observations come in.
    setting: Setting
    pace: Pace
    rate: float  # observations that count, a day

    def days(self, n: float | None, wait: float, part: float = 1.0) -> float | None:
        found = None if n is None else self.pace.days(n / (self.rate * part))
        return None if found is None else found + wait

    def chance(self, curve: Power, days: float, wait: float, part: float = 1.0) -> float:
        return curve.by(self.pace.observations(days - wait) * self.rate * part)


def _dated(known: GatePlan, question: Question, curve: Power, timing: _Timing) -> GatePlan:
    stage, assumed, spec = timing.setting.stage, timing.setting.assumed, timing.setting.spec
    wait = question.metric.window_s / DAY_S
    needed, half = curve.needed(known.power), curve.needed(_LEAST_CHANCE)
    days, days_half = timing.days(needed, wait), timing.days(half, wait)
    limit = None if stage.at_most is None else stage.at_most.age_s / DAY_S
    until = days or limit
    at = _days_drawn(until) if until else ()
    exposed = None
    if known.kind == "guardrail" and question.design == "randomised" and days_half is not None and assumed.requests:
        exposed = ceil(
            candidate_answers(legs_of(stage, question.candidate, spec.champion, len(spec.candidates)), days_half)
            * assumed.requests
        )
    return msgspec.structs.replace(
        known,
        days=days,
        days_half=days_half,
        in_time=None if limit is None else timing.chance(curve, limit, wait),
        exposed=exposed,
        at=at,
        chance=tuple(timing.chance(curve, day, wait) for day in at),
        segments=_segments(question, curve, timing, (known.power, until)),
    )


def _days_drawn(until: float) -> tuple[float, ...]:
    # Even as far as people look, and then on until hardly anything changes.
    return (*np.linspace(0.0, 1.2 * until, _CURVE).tolist(), *np.geomspace(1.3 * until, 6 * until, _CURVE // 3).tolist())


def _segments(question: Question, curve: Power, timing: _Timing, aim: tuple[float, float | None]) -> tuple[Segment, ...]:
    if question.where:
        return ()
    stage, wait = timing.setting.stage, question.metric.window_s / DAY_S
    wanted, days = aim
    limit = days if stage.at_most is None else stage.at_most.age_s / DAY_S
    found = []
    largest_first = sorted(timing.setting.assumed.populations.items(), key=lambda population: -population[1])
    for where, part in largest_first:
        in_time = None if limit is None else timing.chance(curve, limit, wait, part)
        enough = None if in_time is None else in_time >= _LEAST_CHANCE
        found.append(
            Segment(where=where, share=part, days=timing.days(curve.needed(wanted), wait, part), in_time=in_time, enough=enough)
        )
    return tuple(found)


def _rate(question: Question, assumed: Assumed, counted: float) -> float | None:
    # Observations of this question a day, were all the traffic its own; None where nobody said.
    rows = assumed.units if question.unit == "unit" and assumed.units is not None else assumed.requests
    part = assumed.populations.get(question.where) if question.where else 1.0
    return None if rows is None or part is None else rows * part * counted


def _counted(metric: Metric, assumed: Assumed) -> tuple[float, tuple[str, ...]]:
    if KINDS[metric.kind].shape != "ratio":
        return 1.0, ()
    if metric.name in assumed.counted:
        return assumed.counted[metric.name], ()
    return 0.5, (f"{metric.name}: taken to count half of the answers (--counted {metric.name}=...)",)


def _truth(question: Question, metric: Metric, assumed: Assumed) -> Prior:
    """What the data are expected to be: the question's own prior, with what is known better."""
    prior = question.prior
    differ = assumed.differ.get(metric.name)
    if question.design == "paired":
        return prior if differ is None else Prior(mean=prior.mean, variance=differ - prior.effect**2, effect=prior.effect)
    if question.design == "randomised":
        return msgspec.structs.replace(prior, variance=variance_where_planned(question) or prior.variance)
    return prior


def _guessed(question: Question, metric: Metric, assumed: Assumed) -> Sequence[str]:
    notes = []
    if metric.name not in assumed.baselines and metric.kind not in {"latency_quantile", "agreement"}:
        mean = amount(metric, question.prior.mean)
        notes.append(f"{metric.name}: nothing is known of the champion, {mean} taken (--baseline {metric.name}=...)")
    if question.design == "paired" and metric.name not in assumed.differ:
        share = 100 * (question.prior.variance + question.prior.effect**2)
        notes.append(f"{metric.name}: the two taken to differ in {share:.3g} % of the pairs (--differ {metric.name}=...)")
    if question.where and question.where not in assumed.populations:
        notes.append(f'no one said how many requests are `{question.where}` (--population "{question.where}=...")')
    return notes


def _labelled(question: Question, metric: Metric, truth: Prior) -> float | None:
    # Outcomes that an observation takes; None where it takes none.
    if question.metric.window_s == 0:
        return None
    disagreeing = question.design == "paired" and question.claim.factor == 1 and KINDS[metric.kind].shape == "proportion"
    return min(truth.variance + truth.effect**2, 1.0) * (question.sampled or 1.0) if disagreeing else 1.0


def _supposing(question: Question, metric: Metric, truth: Prior) -> str:
    if question.design == "one_sample":
        shown = f"{100 * truth.effect:.3g} %" if metric.kind == "latency_quantile" else amount(metric, truth.effect)
        return f"{shown} over the limit" if metric.kind == "latency_quantile" else f"it is {shown}"
    return beside_champion(metric, truth.effect - (1.0 - question.claim.factor) * truth.mean)


def _null(question: Question, metric: Metric) -> str:
    bound, word = question.claim.bound, "at most" if question.claim.side == "above" else "at least"
    if question.design == "days":
        return f"variance of the candidate over the champion's {word} {bound:.4g}"
    if question.design == "one_sample":
        shown = f"{100 * bound:.3g} %" if metric.kind == "latency_quantile" else amount(metric, bound)
        return f"value {word} {shown}"
    scaled = "" if question.claim.factor == 1 else f" {question.claim.factor:.4g} x"
    return f"candidate -{scaled} champion {word} {difference(metric, bound)}"
