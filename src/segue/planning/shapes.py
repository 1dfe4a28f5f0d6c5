"""How do gates decide whose data are periods, latencies or areas, and not rows of yes and no?"""

from typing import Final

import msgspec

from segue.decide.gates.texts import difference
from segue.decide.questions import Asked
from segue.evidence.planning.areas import block_variance, placement_variance
from segue.evidence.planning.fixed import n_fixed
from segue.evidence.planning.passage import Power
from segue.evidence.planning.quantiles import SPREAD, Answers, quantile_fixed, quantile_power
from segue.evidence.planning.steadiness import steady_fixed, steady_power
from segue.evidence.planning.worlds import World, power
from segue.facts.question import Prior
from segue.facts.summary import Ranks, ScoreSums
from segue.measure.kinds.service.operational import BASE
from segue.measure.questions import Form
from segue.planning.assumptions import DAY_S, Assumed
from segue.spec.gate import MetricGate
from segue.spec.metric import Metric

_HOURS: Final = 24.0
_LATENCY_S: Final = 0.1
_AREA: Final = 0.7
_SOME: Final = 0.1  # of the champion's quantile: a difference that somebody would plan for


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a gate's data.

    Args:
        curve: the chance of having decided, by observations.
        fixed: observations for a test that looks once.
        rate: observations a day, were all the traffic the gate's own; None where nobody said.
        of: what an observation is.
        divided: whether a part of the requests brings that part of the observations.
        supposing: what has to be true of the candidate, in words.
        counted: observations an answer; the others are about something else.
        horizon: observations of a declared end of looking that gives the same power; None where the data have no such end.
        labelled: outcomes an observation; None where it is not planned how many are needed.
    """

    curve: Power
    fixed: float
    rate: float | None
    of: str
    divided: bool
    supposing: str
    notes: tuple[str, ...]
    counted: float = 1.0
    horizon: float | None = None
    labelled: float | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """For which power, at which share of the candidate, and how fast rows come (a day; None where nobody said)."""

    power: float
    share: float
    rows: float | None


def shape_of(asked: Asked, form: Form, assumed: Assumed, wanted: Wanted) -> Shape | None:
    """The shape of such a gate; None for one whose data are rows.

    Raises:
        DomainError: it would never be shown.
    """
    if form == "days":
        return _periods(asked, assumed, wanted)
    if form == "spreads":
        return _answers(asked, assumed, wanted)
    return _areas(asked, form, assumed, wanted) if form in {"ranks", "blocks"} else None


def beside_champion(metric: Metric, gain: float) -> str:
    """What is supposed of a candidate whose metric is so much larger than the champion's, in words."""
    if abs(gain) < 1e-12:
        return "it is as good as the champion"
    better = (gain > 0) == (metric.goal == "increase")
    return f"it is {'better' if better else 'worse'} by {difference(metric, abs(gain))}"


def _periods(asked: Asked, assumed: Assumed, wanted: Wanted) -> Shape:
    question, name = asked.question, asked.metric.name
    alike = assumed.alike.get(name, 0.0)
    notes = () if name in assumed.alike else (f"{name}: the periods of both variants taken to be unrelated, which is slowest",)
    return Shape(
        curve=steady_power(question, alike=alike),
        fixed=steady_fixed(question, power=wanted.power, alike=alike),
        rate=DAY_S / question.every_s,
        of="periods",
        divided=False,
        supposing="it varies as much as the champion does",
        notes=notes,
    )


def _answers(asked: Asked, assumed: Assumed, wanted: Wanted) -> Shape:
    question, metric = asked.question, asked.metric
    champion, variance = assumed.baselines.get(metric.name, (_LATENCY_S, SPREAD**2))
    candidate = champion + _supposed(asked, champion, least=_SOME * champion)
    answers = Answers(
        q=float(metric.parameters["q"]),
        champion=champion,
        candidate=candidate,
        spread=variance**0.5,
        share=wanted.share,
        bucket=BASE,
    )
    known = metric.name in assumed.baselines
    guess = f"{metric.name}: the champion's taken for {1000 * champion:.4g} ms, log-normal with a spread of {SPREAD:g}"
    return Shape(
        curve=quantile_power(question, answers, every=_every(wanted)),
        fixed=quantile_fixed(question, answers, power=wanted.power),
        rate=wanted.rows,
        of="requests",
        divided=True,
        supposing=beside_champion(asked.metric, candidate - champion),
        notes=() if known else (f"{guess} (--baseline {metric.name}=...)",),
    )


def _areas(asked: Asked, form: Form, assumed: Assumed, wanted: Wanted) -> Shape:
    question, name = asked.question, asked.metric.name
    area = assumed.baselines.get(name, (_AREA, 0.0))[0]
    positives = min(max(assumed.counted.get(name, 0.5), 1e-6), 1 - 1e-6)
    hourly, effect = form == "blocks", _effect_of_area(asked, area)
    if hourly:
        rows = (wanted.rows or 0.0) / _HOURS
        one = block_variance(area, positives, rows) if rows else question.prior.variance
        variance = assumed.hourly.get(name, one * (2.0 if question.design == "paired" else 1.0))
    else:
        variance = placement_variance(area, positives) * (1 + question.claim.factor**2) / 2
    truth = Prior(mean=area, variance=variance, effect=effect)
    world = World(truth=truth, summary=ScoreSums if hourly else Ranks, share=wanted.share, positives=positives)
    fixed = n_fixed(msgspec.structs.replace(question, prior=truth, horizon=None), power=wanted.power, share=wanted.share)
    gain = effect - (1 - question.claim.factor) * area
    notes = [] if name in assumed.baselines else [f"{name}: the champion's taken for {area:g} (--baseline {name}=...)"]
    notes += [] if name in assumed.counted else [f"{name}: half of the rows taken to be positive (--counted {name}=...)"]
    return Shape(
        curve=power(question, world),
        fixed=fixed,
        rate=_HOURS if hourly else wanted.rows,
        of="hours" if hourly else "requests",
        divided=True,
        supposing=beside_champion(asked.metric, gain) if question.champion else f"it is {effect:.3g}",
        notes=tuple(notes),
    )


def _effect_of_area(asked: Asked, area: float) -> float:
    question = asked.question
    if question.champion:
        return (1 - question.claim.factor) * area + _supposed(asked, area, least=0.01)
    return question.prior.effect


def _supposed(asked: Asked, champion: float, *, least: float) -> float:
    """The candidate's value less the champion's: none where it has to be no worse, else beyond the margin by as much again."""
    claim, gate = asked.question.claim, asked.gate
    if isinstance(gate, MetricGate) and gate.test == "not_worse_than_champion_by":
        return 0.0
    margin = claim.bound - (1 - claim.factor) * champion
    return margin + (1.0 if claim.side == "above" else -1.0) * max(abs(margin), least)


def _every(wanted: Wanted) -> float:
    return max((wanted.rows or 0.0) / (_HOURS * 60), 1.0)
