"""Would another policy earn more on the log of this one, and what if the log is wrong about its chances? Scenario S17.

The log's chances do not depend on the context, those of the policy that is judged do. With w the ratio of its chance of an
action to the logged one, `w (R - bound)` has mean zero where its value is the bound; it is bounded, and it forgives much of
what is wrong with a log, because the bound is weighted as the reward is.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from bench.decisions.rows import SEGUE, Flags, Floats, Ints, Row, Scale, first, median, share
from bench.decisions.scenarios import nulls
from bench.decisions.systems import rivals
from bench.decisions.systems.ours import ask, same, shown
from msgspec.structs import replace

from segue.evidence.audits.alarm import Subject
from segue.evidence.audits.propensity import logged
from segue.evidence.audits.sample_ratio import Epoch
from segue.evidence.looks import log_e_of_growths
from segue.facts.evidence import Evidence
from segue.facts.grid import score_grid
from segue.facts.question import Prior, Question
from segue.facts.summary import ScoreSums

CONTEXTS: Final = np.arange(7) / 7
DRAWN: Final = np.array([0.6, 0.3, 0.1])
"""Chances of the three actions in the log."""
JUDGED: Final = np.stack([0.2 + 0.1 * CONTEXTS, np.full(7, 0.3), 0.5 - 0.1 * CONTEXTS], axis=1)
REWARDS: Final = np.array([0.10, 0.15, 0.20]) + 0.1 * CONTEXTS[:, None]
VALUE: Final = float((JUDGED * REWARDS).sum(axis=1).mean())
LOOKS: Final = 200
A_LOOK: Final = 200
AUDITED: Final = 10
"""Looks from one audit to the next."""
LEAST_WEIGHTS: Final = 200.0
"""Effective sample, (sum w)^2 / sum w^2, before an asymptotic rule may speak."""
UNAUDITED: Final = f"{SEGUE}, chances not audited"
IPS: Final = "importance weights, z-test at every look"
SELF_NORMALISED: Final = "self-normalised weights, z-test at every look"
SEQUENTIAL: Final = "importance weights, GrowthBook's bound"


OFF: Final = ("replay, a tenth too little logged", "replay, a tenth too much logged")
"""Worlds in which the log is wrong about its chances: nothing can be promised there."""


class Claimed(NamedTuple):
    """What is claimed of the judged policy and what the log says of its own chances."""

    world: str
    above: float
    logged: Floats


def replay_scenarios(scale: Scale) -> Iterator[Row]:
    """S17: a policy that is no better than what is asked of it, the same on logs that are off, and one that is 2 pp better."""
    off = DRAWN * np.array([1, 1, 0.9]), DRAWN * np.array([1, 1, 1.1])
    claims = [
        Claimed("replay, no better", VALUE, DRAWN),
        Claimed(OFF[0], VALUE, off[0] + np.array([0.01, 0, 0])),
        Claimed(OFF[1], VALUE, off[1] - np.array([0.01, 0, 0])),
        Claimed("replay, 2 pp better", VALUE - 0.02, DRAWN),
    ]
    for place, claimed in enumerate(claims[:1] if scale.short else claims):
        yield from _judged(scale, claimed, place)


def _judged(scale: Scale, claimed: Claimed, place: int) -> Iterator[Row]:
    stops: dict[str, list[Floats]] = {}
    for rng, runs in scale.chunks(17, place):
        for system, flags in _verdicts(claimed, _log(rng, runs)).items():
            stops.setdefault(system, []).append(first(flags).astype(float))
    better = claimed.above < VALUE
    for system, found in stops.items():
        took = np.concatenate(found)
        row = share(("S17", claimed.world), system, "promoted" if better else nulls.WHAT, int((took < LOOKS).sum()), len(took))
        yield row
        if better:
            rows = np.where(took < LOOKS, A_LOOK * (took + 1), np.inf)
            yield replace(row, what="median logged rows", value=median(rows), upper=None)


def _log(rng: np.random.Generator, runs: int) -> Ints:
    # Rows by look, context, action and reward (yes, no), cumulative: shape (runs, looks, 7, 3, 2).
    chances = np.stack([DRAWN * REWARDS, DRAWN * (1 - REWARDS)], axis=2) / len(CONTEXTS)
    rows = rng.multinomial(A_LOOK, chances.ravel(), size=(runs, LOOKS)).cumsum(axis=1)
    return rows.reshape(runs, LOOKS, *chances.shape)


class Weighted(NamedTuple):
    """What importance weights make of a log, look by look; each has shape (runs, looks).

    Args:
        n: rows.
        w, w2: sums of the weights and of their squares.
        earned, earned2: sums of the weighted rewards (of 0 and 1) and of their squares.
    """

    n: Floats
    w: Floats
    w2: Floats
    earned: Floats
    earned2: Floats

    @classmethod
    def of(cls, rows: Ints, weights: Floats) -> "Weighted":
        """From cumulative rows of shape (runs, looks, contexts, actions, 2) and weights by context and action."""
        powers = [(rows, 0), (rows, 1), (rows, 2), (rows[..., :1], 1), (rows[..., :1], 2)]
        return cls(*((of.sum(axis=4) * weights**power).sum(axis=(2, 3)) for of, power in powers))

    @property
    def plain(self) -> Floats:
        """The value by inverse propensities."""
        return self.earned / self.n

    @property
    def normalised(self) -> Floats:
        """The same over the sum of the weights."""
        return self.earned / self.w

    @property
    def sample(self) -> Floats:
        """The effective one: how many rows of equal weight would say as much."""
        return self.w**2 / self.w2


def _verdicts(claimed: Claimed, rows: Ints) -> dict[str, Flags]:
    weights = JUDGED / claimed.logged
    promoted, seen = _promoted(claimed, rows, weights), Weighted.of(rows, weights)
    believed = seen.sample >= LEAST_WEIGHTS
    z = (seen.plain - claimed.above) / np.sqrt((seen.earned2 / seen.n - seen.plain**2) / seen.n)
    squares = seen.earned2 * (1 - 2 * seen.normalised) + seen.normalised**2 * seen.w2
    z_normalised = (seen.normalised - claimed.above) * seen.w / np.sqrt(squares)
    return {
        SEGUE: promoted & ~_alarmed(claimed, rows),
        UNAUDITED: promoted,
        IPS: believed & (z > rivals.Z_ONCE),
        SELF_NORMALISED: believed & (z_normalised > rivals.Z_ONCE),
        SEQUENTIAL: believed & (z > rivals.growthbook_bound(seen.n)),
    }


def _promoted(claimed: Claimed, rows: Ints, weights: Floats) -> Flags:
    # Whether a bet on the mean of w R - w bound has won: each row's reward is paired with the bound, both weighted.
    chances, away = DRAWN * weights**2, 1 - 2 * claimed.above
    variance = float((chances * (REWARDS * away + claimed.above**2)).sum(axis=1).mean())  # of w (R - bound), E R^2 = E R
    question = ask("above", 0.0, Prior(variance=variance, effect=0.02), design="paired", cap=float(weights.max()))
    grid = score_grid(question)
    z = np.vectorize(grid.of_pair)(np.stack([weights, np.zeros(weights.shape)], axis=2), claimed.above * weights[..., None])
    growth = np.log1p(np.multiply.outer(np.array(grid.lambdas), z))
    logs = log_e_of_growths(question, np.einsum("rlcay,jcay->rlj", rows, growth, optimize=True))
    _agrees(question, rows[0, -1], z, float(logs[0, -1]))
    return shown(question, logs)


def _agrees(question: Question, rows: Ints, z: Floats, said: float) -> None:
    n, sums = int(rows.sum()), [float((rows * z**power).sum()) for power in (1, 2, 4)]
    growths = [float((rows * np.log1p(bet * z)).sum()) for bet in score_grid(question).lambdas]
    same(
        question,
        ScoreSums(n=n, n_candidate=n, z=sums[0], z2=sums[1], z4=sums[2], weight=float(n), log_growth=tuple(growths)),
        said,
    )


def _alarmed(claimed: Claimed, rows: Ints) -> Flags:
    # Whether the audit of an action's chances has raised its alarm by then; a third of the alarm is each action's.
    taken = rows.sum(axis=(2, 4))
    alarmed = np.zeros(taken.shape[:2], dtype=bool)
    for action, chance in enumerate(claimed.logged.tolist()):
        for look, (least, most) in _limits(round(chance, 9)).items():
            alarmed[:, look] |= (taken[:, look, action] < least) | (taken[:, look, action] > most)
    return np.logical_or.accumulate(alarmed, axis=1)


@cache
def _limits(chance: float) -> dict[int, tuple[int, int]]:
    # Between which numbers of rows with an action the audit stays silent, at the looks at which it is asked.
    found = {}
    for look in range(AUDITED - 1, LOOKS, AUDITED):
        n = A_LOOK * (look + 1)
        middle = round(n * chance)
        found[look] = (_edge(chance, n, (middle, -1)), _edge(chance, n, (middle, n + 1)))
    return found


def _edge(chance: float, n: int, between: tuple[int, int]) -> int:
    # The last number of rows, from the expected one outwards, at which the audit is silent.
    silent, off = between
    while abs(off - silent) > 1:
        middle = (silent + off) // 2
        silent, off = (silent, middle) if _off(chance, middle, n - middle) else (middle, off)
    return silent


def _off(chance: float, taken: int, others: int) -> bool:
    subject = Subject(name="propensity", candidate="action", champion="others", weight=1 / len(DRAWN))
    found = logged(subject, [Epoch(chance, taken, others)]).found
    return isinstance(found, Evidence) and found.shown
