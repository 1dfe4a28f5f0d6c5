"""Which scenarios are there, and how are they all played? Each part is a function of the scale alone, whoever plays it."""

import os
import sys
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from bench.decisions.rows import Row, Scale
from bench.decisions.scenarios import afterwards, assignment, bandits, effects, harm, labels, nulls, replays, values
from bench.decisions.scenarios.speed import speeds
from bench.decisions.systems.referee import replayed

Part = Callable[[Scale], Iterator[Row]]

PARTS: Final[dict[str, Part]] = {
    "S1 A/A": nulls.plain,
    "S2 revenue": values.revenue,
    "S3 ramp": nulls.ramped,
    "S4 late outcomes": nulls.delayed,
    "S5 labels": labels.label_scenarios,
    **{f"S6 {name}": partial(effects.metric_curves, name=name) for name in effects.METRICS},
    "S6 revenue, +2 %": values.dearer,
    "S6 a declared end": effects.declared,
    "S6 worse by the margin": effects.harmful,
    "S7 shadow": effects.pairs,
    "S8 canary": harm.ratios,
    "S8 breaks later": harm.step,
    "S8 halves": harm.halves,
    "S9 candidates": nulls.several,
    "S10 guardrails": harm.boundary,
    "S10 a segment": harm.segment,
    "S11 users": values.clustered,
    "S12 novelty": afterwards.novelty,
    "S13 bandits": bandits.bandit_scenarios,
    "S14 sample ratio": assignment.mismatch,
    "S15 after the promotion": afterwards.drop,
    "S16 from day to day": afterwards.stable,
    "S17 another's log": replays.replay_scenarios,
}
"""The longest are begun first, the rows come in this order."""
LONGEST: Final = (
    "S10 guardrails",
    "S8 canary",
    "S13 bandits",
    "S3 ramp",
    "S4 late outcomes",
    "S6 worse by the margin",
    "S17 another's log",
    *(f"S6 {name}" for name in effects.METRICS),
)


def played(scale: Scale, peers: Path | None, only: Collection[str] = ()) -> Iterator[Row]:
    """Every row of every scenario; on all cores, but for the speed, which is measured before, alone.

    Args:
        scale: how much is simulated.
        peers: the Python of the environment in which the peers are installed; without it only what we noted of them.
        only: the scenarios that are played ("S6", "speed", "confseq"); all of them where none is named.
    """
    if not scale.short and (not only or "speed" in only):
        yield from speeds()
    parts: dict[str, Part] = PARTS if peers is None else {**PARTS, "confseq itself": partial(replayed, peers)}
    parts = {name: part for name, part in parts.items() if not only or name.split()[0] in only}
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        order = sorted(parts, key=lambda name: LONGEST.index(name) if name in LONGEST else len(LONGEST))
        begun = {name: pool.submit(_rows, name, parts[name], scale) for name in order}
        for name in parts:
            yield from begun[name].result()


def _rows(name: str, part: Part, scale: Scale) -> list[Row]:
    began = monotonic()
    rows = list(part(scale))
    print(f"{monotonic() - began:5.0f} s  {name}", file=sys.stderr, flush=True)
    return rows
