"""What if half of the labels never come, or only those that somebody asked for? Scenario S5."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from bench.decisions.rows import HORIZON, SEGUE, Flags, Ints, Row, Scale, share
from bench.decisions.scenarios import nulls, worlds
from bench.decisions.systems.ours import Drawn, ask, expected, same, shown
from msgspec import structs

from segue.evidence.looks import log_e_of_growths
from segue.facts.grid import score_grid
from segue.facts.question import Prior
from segue.facts.summary import ScoreSums

BIASED: Final = "labels missing by variant and answer"
AGAINST_IT: Final = f"{SEGUE}, missing counted against it"
ASKED: Final = "labels asked for by the score"
LABELLED: Final = np.array([0.2, 1.0])
"""Chance that a label is asked for where the model is sure, and where it is not; logged."""
SURE: Final = {"candidate": (0.9, 0.94, 0.64), "champion": (0.8, 0.96, 0.71)}
"""How often a version is sure, and how often it is right where it is and where it is not: 91 % of all, both of them."""


def label_scenarios(scale: Scale) -> Iterator[Row]:
    """S5: labels missing at random, by the answer, by variant and answer; and labels that are asked for by the score."""
    yield from unlabelled(scale)
    yield from asked_for(scale)


def unlabelled(scale: Scale) -> Iterator[Row]:
    """S5: half of the labels are missing: at random, more of the wrong answers', or more of the candidate's wrong answers'."""
    minutes = nulls.UNITS // nulls.PER_MINUTE
    asked = nulls.judges(ask("above", 0.0, expected(0.91, 0.01)), nulls.UNITS / 3)
    worlds_of_labels = (
        ("labels missing at random", (0.5, 0.5, 0.5, 0.5)),
        ("labels missing by the answer", (0.6, 0.3, 0.6, 0.3)),
        (BIASED, (0.5, 0.4, 0.5, 0.5)),
    )
    for cell, (world, labelled) in enumerate(worlds_of_labels):
        promoted: dict[str, Callable[[Labelled], Flags]] = {name: partial(_ever, judge) for name, judge in asked.items()}
        promoted[AGAINST_IT] = partial(_whatever_is_missing, asked[SEGUE])
        certain = structs.replace(scale, most=0) if world == BIASED else scale  # where everybody errs nothing is in doubt
        yield from nulls.counted(("S5", world), certain, partial(_half_labelled, cell, labelled, minutes), promoted)


class Labelled(NamedTuple):
    """All outcomes, and those that became known."""

    log: Drawn
    known: Drawn


def _half_labelled(cell: int, labelled: tuple[float, ...], minutes: int, scale: Scale) -> Iterator[Labelled]:
    rates = (worlds.steady(minutes, 0.91),) * 2
    for rng, runs in scale.chunks(5, cell):
        log = worlds.drawn(rng, runs, nulls.PER_MINUTE, worlds.steady(minutes, 0.5), rates)
        yield Labelled(log, replace(log, counts=rng.binomial(log.counts, labelled)))


def _ever(judge: Callable[[Drawn], Flags], seen: Labelled) -> Flags:
    return np.asarray(judge(seen.known).any(axis=1))


def _whatever_is_missing(judge: Callable[[Drawn], Flags], seen: Labelled) -> Flags:
    return np.asarray((judge(seen.known) & judge(_worst(*seen))).any(axis=1))


def _worst(log: Drawn, known: Drawn) -> Drawn:
    # Every missing outcome of the candidate is a no, every one of the champion a yes.
    missing = (log.counts - known.counts).reshape(*log.counts.shape[:2], 2, 2).sum(axis=3)
    counts = known.counts.copy()
    counts[:, :, 1] += missing[:, :, 0]
    counts[:, :, 2] += missing[:, :, 1]
    return replace(known, counts=counts)


def asked_for(scale: Scale) -> Iterator[Row]:
    """S5: labels mostly where a version is unsure; Segue weighs each by the logged chance that it was asked for."""
    minutes, asked = nulls.UNITS // nulls.PER_MINUTE, nulls.judges(ask("above", 0.0, expected(0.91, 0.01)), nulls.UNITS / 3)
    hits: Counter[str] = Counter()
    for rng, runs in scale.chunks(5, 3):
        n_b = rng.binomial(nulls.PER_MINUTE, 0.5, (runs, minutes))
        arms = [
            rng.multinomial(n, _chances(*sure)) for n, sure in zip((n_b, nulls.PER_MINUTE - n_b), SURE.values(), strict=True)
        ]
        counts = np.stack([arm[..., side] + arm[..., 2 + side] for arm in arms for side in (0, 1)], axis=2)
        known = Drawn(propensity=worlds.steady(minutes, 0.5), counts=counts)
        shown_by = {system: judge(known) for system, judge in asked.items()}
        shown_by[f"{SEGUE}, labels taken as they come"] = shown_by.pop(SEGUE)
        del shown_by[HORIZON]
        shown_by = {SEGUE: _weighted(arms), **shown_by}
        hits.update({system: int(flags.any(axis=1).sum()) for system, flags in shown_by.items()})
    for system, count in hits.items():
        yield share(("S5", ASKED), system, nulls.WHAT, count, scale.runs)


def _chances(sure: float, right: float, right_unsure: float) -> list[float]:
    # Of a label that says right, and wrong, where the version was sure; the same where it was not; and of no label.
    known = [sure * right, sure * (1 - right), (1 - sure) * right_unsure, (1 - sure) * (1 - right_unsure)]
    labelled = [chance * float(LABELLED[place // 2]) for place, chance in enumerate(known)]
    return [*labelled, 1 - sum(labelled)]


def _weighted(arms: list[Ints]) -> Flags:
    # Each unit's value is right / chance of its label, 0 without one: its mean is the accuracy whatever the chances.
    values = np.array([1 / LABELLED[0], 0.0, 1 / LABELLED[1], 0.0, 0.0])
    squares = 0.768 / LABELLED[0] + 0.142
    question = ask("above", 0.0, Prior(mean=0.91, variance=squares - 0.91**2, effect=0.01), cap=float(values.max()))
    grid = score_grid(question)
    z = [[grid.of_draw(value, to_candidate=place == 0, propensity=0.5) for value in values.tolist()] for place in (0, 1)]
    totals = [arm.cumsum(axis=1) for arm in arms]
    growths = sum(
        total @ np.log1p(np.multiply.outer(np.array(of), np.array(grid.lambdas))) for of, total in zip(z, totals, strict=True)
    )
    logs = log_e_of_growths(question, np.asarray(growths))
    n_b, n_a = (int(total[0, -1].sum()) for total in totals)
    last = tuple(np.asarray(growths)[0, -1].tolist())
    sums = ScoreSums(n=n_b + n_a, n_candidate=n_b, z=0.0, z2=1.0, weight=0.25 * (n_b + n_a), log_growth=last)
    same(question, sums, float(logs[0, -1]))
    return shown(question, logs)
