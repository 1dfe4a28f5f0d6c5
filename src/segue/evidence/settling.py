"""What does a process say: claim shown or not, between which values, and how much is still missing?"""

from collections.abc import Callable
from math import ceil, exp, log, nextafter

import msgspec

from segue.evidence.process import Process, find_root
from segue.facts.evidence import Evidence
from segue.facts.question import Claim, Futility, Question, Side

_OPPOSITE: dict[Side, Side] = {"above": "below", "below": "above"}


def settle(question: Question, process: Process, *, interval: bool = True) -> Evidence:
    """Read verdict, interval and need off one process, so that they cannot contradict each other.

    The interval holds every bound that the process does not reject: from below at alpha and from above at alpha, so it is a
    confidence sequence at 1 - 2 alpha. The claim is shown exactly when the interval lies beyond the claim's bound.

    Args:
        question: the claim and its alpha.
        process: what was bet.
        interval: False where only the verdict is read: the ends, which are searched for, are then those of all effects that
            are possible on this side of the bound, and the need is not said. Verdict and e-value are the same.
    """
    claim, threshold = question.claim, -log(question.alpha)
    bound = min(max(claim.bound, process.support[0]), process.support[1])
    log_e = process.bets.log_e(claim.side, bound)
    low, high = _interval(process, threshold) if interval else process.support
    low, high = _agreeing(claim, (low, high), shown=log_e >= threshold)
    return Evidence(
        question=question.id,
        estimate=min(max(process.estimate, low), high),
        low=low,
        high=high,
        log_e=log_e,
        threshold=threshold,
        n=dict(process.n),
        have=process.have,
        need=_need(process, process.bets.times(claim.side, bound, threshold), shown=log_e >= threshold) if interval else None,
        method=process.method,
        validity=process.validity,
        assumptions=process.assumptions,
    )


def given_up(evidence: Evidence, claim: Claim, futility: Futility, process: Process) -> Evidence:
    """The evidence together with that against waiting: the same process, turned against "the effect is at least so large"."""
    effect = min(max(futility.effect, process.support[0]), process.support[1])
    log_e = process.bets.log_e(_OPPOSITE[claim.side], effect)
    return msgspec.structs.replace(evidence, log_e_futile=log_e, futile_threshold=-log(futility.alpha))


def _interval(process: Process, threshold: float) -> tuple[float, float]:
    low = _end(process, "above", threshold, (process.support[0], process.support[1]))
    high = _end(process, "below", threshold, (process.support[1], process.support[0]))
    return min(low, high), max(low, high)


def _end(process: Process, side: Side, threshold: float, ends: tuple[float, float]) -> float:
    # The last bound, from the outer end of the support towards the estimate, that is still rejected.
    outer, inner = ends
    into, out_of = _axis(process)

    def excess(at: float) -> float:
        return process.bets.log_e(side, out_of(at)) - threshold

    if process.bets.log_e(side, outer) < threshold:
        return outer
    middle = min(max(process.estimate, min(ends)), max(ends))
    if process.bets.log_e(side, middle) >= threshold:  # only where the effect differed widely between propensities
        outer, middle = middle, inner
    if process.bets.log_e(side, middle) >= threshold:
        return middle
    return out_of(find_root(excess, into(outer), into(middle)))


def _axis(process: Process) -> tuple[Callable[[float], float], Callable[[float], float]]:
    return (log, exp) if process.logarithmic else (float, float)


def _agreeing(claim: Claim, interval: tuple[float, float], *, shown: bool) -> tuple[float, float]:
    # The ends are found to a relative 1e-12; the last digit must not contradict the verdict.
    low, high = interval
    if claim.side == "above":
        low = max(low, claim.bound) if shown else min(low, nextafter(claim.bound, -float("inf")))
    else:
        high = min(high, claim.bound) if shown else max(high, nextafter(claim.bound, float("inf")))
    return min(low, high), max(low, high)


def _need(process: Process, times: float | None, *, shown: bool) -> int | None:
    if times is None:
        return None
    need = max(ceil(process.have * times), 1)
    return min(need, process.have) if shown else max(need, process.have + 1)
