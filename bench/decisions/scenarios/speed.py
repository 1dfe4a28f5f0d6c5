"""How fast is a verdict, from a summary and from millions of aggregated rows?"""

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from time import process_time
from typing import Final

import numpy as np
from bench.decisions.rows import SEGUE, Row
from bench.decisions.systems.ours import ask, expected

from segue.evidence.looks import log_e_of_counts
from segue.evidence.weighing import weigh
from segue.facts.grid import score_grid
from segue.facts.question import Prior, Question
from segue.facts.summary import ArmCell, ArmCounts, Counts, MomentCell, Moments, PairedCounts, ScoreSums, Summary

ROWS: Final = 200_000
ROUNDS: Final = 7
CALLS: Final = 50
RAMP: Final = (0.01, 0.05, 0.25, 0.5, 0.9)


def speeds() -> Iterator[Row]:
    """CPU time of this process, the median of some rounds."""
    question = ask("above", 0.0, expected(0.1, 0.01))
    counts = np.random.default_rng(1).multinomial(1000, (0.05, 0.45, 0.05, 0.45), ROWS).astype(float).reshape(-1, 1, 4)
    seconds = _seconds(lambda: log_e_of_counts(question, counts, propensities=(0.5,)), 1)
    yield Row(scenario="speed", world="aggregated rows", system=SEGUE, what="rows per second and core", value=ROWS / seconds)
    for method, (asked, summary) in _verdicts().items():
        milliseconds = 1000 * _seconds(_weighing(asked, summary), CALLS)
        yield Row(scenario="speed", world=method, system=SEGUE, what="milliseconds a verdict", value=milliseconds)


def _weighing(question: Question, summary: Summary) -> Callable[[], object]:
    return lambda: weigh(question, summary)


def _seconds(call: Callable[[], object], calls: int) -> float:
    call()
    rounds = []
    for _ in range(ROUNDS):
        began = process_time()
        for _ in range(calls):
            call()
        rounds.append((process_time() - began) / calls)
    return median(rounds)


def _verdicts() -> dict[str, tuple[Question, Summary]]:
    prior = expected(0.1, 0.01)
    scored = ask("above", 0.0, Prior(mean=0.5, variance=0.04, effect=0.01))
    grown = tuple((0.4 * np.array(score_grid(scored).lambdas)).tolist())
    return {
        "one share": (ask("above", 0.1, prior, design="one_sample"), Counts(yes=1100, no=8900)),
        "pairs": (ask("above", 0.0, Prior(variance=0.07, effect=0.01), design="paired"), _PAIRS),
        "drawn shares, five propensities": (ask("above", 0.0, prior), _arms(1)),
        "events, five propensities": (ask("above", 1.1, Prior(effect=2.0), design="events"), _arms(1)),
        "bounded score": (scored, ScoreSums(n=10_000, n_candidate=5000, z=20.0, z2=100.0, weight=2500.0, log_growth=grown)),
        "ratio, five propensities": (ask("above", 0.0, Prior(mean=0.9, variance=0.3, effect=0.02)), _moments()),
    }


_PAIRS: Final = PairedCounts(plus=160, minus=120, zero=3720)


def _arms(scale: int) -> ArmCounts:
    return ArmCounts(
        cells=tuple(
            ArmCell(
                propensity=pi, candidate_yes=round(220 * pi * scale), candidate_no=round(1780 * pi * scale),
                champion_yes=round(200 * (1 - pi) * scale), champion_no=round(1800 * (1 - pi) * scale),
            )
            for pi in RAMP
        )
    )  # fmt: skip


def _moments() -> Moments:
    return Moments(cells=tuple(_cell(arm, pi, share) for arm, flip in _FLIPS for pi in RAMP for share in [abs(flip - pi)]))


_FLIPS: Final[Sequence[tuple[str, float]]] = (("a", 1.0), ("b", 0.0))


def _cell(arm: str, pi: float, share: float) -> MomentCell:
    predicted = float(round(3000 * share))
    right = float(round(0.9 * predicted))
    return MomentCell(
        arm=arm, propensity=pi, n=round(10_000 * share), sums=(right, predicted), products=(right, right, predicted)
    )
