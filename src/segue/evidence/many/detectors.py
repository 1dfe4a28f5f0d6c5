"""Has something changed for the worse since the promotion? Detectors with a stated average run length.

Each batch (an hour's counts) is an e-value against "all is still well". A Shiryaev-Roberts detector bets a new unit on each
batch (`M_t = e_t (M_(t-1) + 1)`), a CUSUM starts again where its wealth has fallen below one (`M_t = e_t max(M_(t-1), 1)`);
each is run for every bet of the grid and averaged. While all is well `M_t - t` is not expected to grow, so an alarm at A comes
on average not before A batches, whatever the distribution. Source: Shin, Ramdas & Rinaldo 2024 (arXiv 2203.03532).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce
from math import floor, inf, log
from typing import Final, Literal

import msgspec
import numpy as np

from segue.errors import DomainError
from segue.evidence.looks import rates_of
from segue.evidence.process import Betting, Floats, Process, log_sum
from segue.evidence.weighing import METHODS, weigh
from segue.facts.evidence import NotEnough, Weighed
from segue.facts.merging import merge
from segue.facts.question import Question
from segue.facts.summary import Counts, Summary

Detector = Literal["shiryaev_roberts", "cusum"]
NOTHING: Final = -1e300
"""Logarithm of no wealth at all; finite, so that it can be written down."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """Where a detector stands: with the next batch it determines where it stands then, so that it can be replayed.

    Args:
        run_length: A: batches that pass on average before a false alarm, at least.
        log_wealth: of each bet of the grid; empty before the first batch.
        batches: how many there were.
        alarmed_at: the batch of the first alarm, 0 for none yet; it stays.
    """

    run_length: float
    detector: Detector = "shiryaev_roberts"
    log_wealth: tuple[float, ...] = ()
    batches: int = 0
    alarmed_at: int = 0


def watched(question: Question, watch: Watch, batch: Counts) -> Watch:
    """The detector after one more batch of one variant's own rows; a pure function.

    Args:
        question: of one sample, whose claim is what an alarm says ("the error rate lies above 10 %"); alpha plays no part.
        watch: where it stood.
        batch: yes and no of the batch; an empty one counts as time, not as evidence.

    Raises:
        DomainError: another design, a run length of less than 1, or a watch over another grid.
    """
    rates = rates_of(question)
    if question.design != "one_sample" or watch.run_length < 1 or len(watch.log_wealth) not in {0, len(rates.log_weights)}:
        raise DomainError(f"no watch over {question.design} with a run length of {watch.run_length}", question=question.id)
    grown = rates.growth @ np.array([batch.yes, batch.no], dtype=float)
    before = np.array(watch.log_wealth or np.full(len(grown), NOTHING))
    wealth = grown + (np.logaddexp(before, 0.0) if watch.detector == "shiryaev_roberts" else np.maximum(before, 0.0))
    batches = watch.batches + 1
    alarmed = log_statistic(rates.log_weights, wealth) >= log(watch.run_length)
    return msgspec.structs.replace(
        watch,
        log_wealth=tuple(wealth.tolist()),
        batches=batches,
        alarmed_at=watch.alarmed_at or (batches if alarmed else 0),
    )


def replayed(question: Question, watch: Watch, batches: Iterable[Counts]) -> Watch:
    """The detector after many batches, in the order of their hours.

    >>> from segue.facts.question import Claim, MetricRef, Prior
    >>> errors = Question(id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="error_rate"),
    ...     design="one_sample", candidate="v8", claim=Claim(side="above", bound=0.1), alpha=0.01, prior=Prior(effect=0.12))
    >>> well, ill = [Counts(yes=9, no=91)] * 200, [Counts(yes=14, no=86)] * 30
    >>> quiet = replayed(errors, Watch(run_length=10_080), well)
    >>> quiet.alarmed_at, replayed(errors, quiet, ill).alarmed_at
    (0, 213)
    """
    return reduce(lambda at, batch: watched(question, at, batch), batches, watch)


def surveyed(question: Question, hours: Mapping[int, Summary]) -> Weighed:
    """Has something changed since any of these hours? The wealth is a Shiryaev-Roberts detector's, stepping by the hour.

    Estimate and interval are those of all hours together, by the same method; `log_e` is the largest that the detector has
    been, and the claim is shown where it reaches log(run length). A unit is bet on each of the first T = alpha x run length
    hours, and goes on from there for ever. While nothing is wrong each of the T wealths is a supermartingale from 1, so their
    sum reaches the run length with chance at most T / run length = alpha (Ville), however many hours come after them and
    however late their rows. An hour without rows is time, no evidence.

    Args:
        question: of a method that bets row by row (P1 to P5).
        hours: hour -> summary of its rows.

    Raises:
        DomainError: a run length below 1.
    """
    return _detected(question, hours, max, starts=floor(question.alpha * question.run_length * (1 + 1e-9)))


def standing(question: Question, hours: Mapping[int, Summary]) -> Weighed:
    """Is something changed now? As `surveyed`, but `log_e` is where the detector stands after the last hour: it may fall again.

    Raises:
        DomainError: a run length below 1.
    """
    return _detected(question, hours, lambda statistics: statistics[-1])


def _detected(
    question: Question, hours: Mapping[int, Summary], chosen: Callable[[list[float]], float], *, starts: float = inf
) -> Weighed:
    """The evidence of all hours, with one of the statistics after each of them in place of its log e-value."""
    if question.run_length < 1:
        raise DomainError(f"no run length of {question.run_length}", question=question.id)
    found = weigh(question, merge(hours.values()))
    if isinstance(found, NotEnough):
        return found
    statistic = chosen([log_statistic(weights, wealth) for weights, wealth in _steps(question, hours, starts)])
    quiet = f"while all is well, at least {question.run_length:,.0f} hours pass on average before a false alarm"
    return msgspec.structs.replace(
        found,
        log_e=statistic,
        threshold=log(question.run_length),
        need=None,
        method=f"{found.method}, change detector by the hour",
        assumptions=(*found.assumptions, quiet),
    )


def _steps(question: Question, hours: Mapping[int, Summary], starts: float) -> Iterator[tuple[Floats, Floats]]:
    """Weights of the bets and their wealth after each hour from the first to the last; a unit is bet on the first of them."""
    wealth, weights = np.array([NOTHING]), np.zeros(1)
    for place, hour in enumerate(range(min(hours), max(hours) + 1)):
        bets = _bets(question, hours.get(hour))
        if bets is not None:
            weights, grown = bets.log_weights, bets.growths(question.claim.side, question.claim.bound)
        else:
            grown = np.zeros(1)
        wealth = grown + (np.logaddexp(wealth, 0.0) if place < starts else wealth)
        yield weights, np.broadcast_to(wealth, weights.shape)


def _bets(question: Question, summary: Summary | None) -> Betting | None:
    method = METHODS.get((type(summary), question.design))
    process = None if summary is None or method is None else method(question, summary)
    return process.bets if isinstance(process, Process) and isinstance(process.bets, Betting) else None


def log_statistic(log_weights: Floats, log_wealth: Floats) -> float:
    """Logarithm of the average over the grid: an alarm where it reaches the logarithm of the run length."""
    return log_sum(log_weights + log_wealth)
