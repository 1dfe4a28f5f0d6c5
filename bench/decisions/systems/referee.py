"""Do our notes of the peers' rules say what the peers themselves say? And what do those do that only they can compute?"""

import subprocess
from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from bench.decisions.rows import SEGUE, Floats, Row, Scale, first, median, share
from bench.decisions.scenarios.assignment import SSRM_CONCENTRATION, log_bayes_factor
from bench.decisions.scenarios.effects import LATENCY, METRICS, fixed
from bench.decisions.systems import rivals
from bench.decisions.systems.ours import ask
from bench.rig.figures import Figure, at_most, seen
from msgspec.structs import replace
from scipy.special import ndtr

from segue.evidence.looks import log_e_of_counts
from segue.facts.question import Prior

CONFSEQ: Final = "confseq betting (adaptive)"
PAIRS: Final = 17_000
PAIR_BY_PAIR: Final = ("S7", "shadow, 7 % disagree, a look after every pair")
LOCATIONS: Final = (log(200) - 0.6 * 1.645, log(190) - 0.6 * 1.645)
"""Of lognormal latencies with a p95 of 200 and of 190 ms."""
TOTALS: Final = 40


def compared(python: Path) -> Iterator[Figure]:
    """How far our notes of the rules are from the packages, at totals of many sizes.

    Args:
        python: of the environment in which the peers are installed.
    """
    totals, units = _totals(), np.random.default_rng(3).integers(1, 400, (20, 6, 2))
    looks = len(rivals.SPOTIFY_BOUNDS)
    told = _ask(python, versions=None, growthbook=totals, spotify=totals, spotify_bounds=looks, ssrm=units.tolist())
    for name, release in told["versions"].items():
        yield seen(f"peer {name} {release}", 1, "installed")
    n_a, _, n_b, _ = np.array(totals, dtype=float).T
    z, sums = _z_of(totals), units.sum(axis=1).astype(float)
    if told["growthbook"]:
        width, chance = np.array(told["growthbook"]).T
        bound = rivals.eppo_bound(n_a + n_b, 0.1, rivals.GROWTHBOOK_TUNING)  # two-sided the two are one formula
        yield _differ("GrowthBook's sequential interval", width, bound, 1e-9)
        yield _differ("GrowthBook's chance to win", chance, ndtr(z), 1e-9)
    if told["spotify"]:
        yield _differ("Spotify's ZTest", np.array(told["spotify"]), 2 * ndtr(-np.abs(z)), 1e-9)
        yield _differ("Spotify's bounds for 14 looks", np.array(told["spotify_bounds"]), np.array(rivals.SPOTIFY_BOUNDS), 1e-6)
    if told["ssrm"]:
        factor = log_bayes_factor(sums[:, 0], sums[:, 1], SSRM_CONCENTRATION)
        yield _differ("ssrm's Bayes factor", np.log(np.array(told["ssrm"])), factor, 1e-8)


def _differ(rule: str, theirs: Floats, ours: Floats, limit: float) -> Figure:
    return at_most(f"{rule}, package against our note: largest error", float(np.abs(theirs - ours).max()), limit, "")


def replayed(python: Path, scale: Scale) -> Iterator[Row]:
    """What only confseq itself can say: adaptive bets on pairs, and quantiles, beside Segue on the same logs."""
    runs, question = min(scale.runs, 400), ask("above", 0.0, Prior(variance=0.07, effect=0.01), design="paired")
    for effect, chances in ((1, (0.04, 0.03)), (0, (0.035, 0.035))):
        logs = np.random.default_rng((7, 99, effect)).choice(np.array([1, -1, 0]), p=(*chances, 0.93), size=(runs, PAIRS))
        theirs = _ask(python, betting=logs.tolist())["betting"]
        if theirs is None:
            return
        counts = np.stack([(logs == sign).cumsum(axis=1) for sign in (1, -1, 0)], axis=2).astype(float)
        ours = first(log_e_of_counts(question, counts) >= -log(question.alpha)) + 1.0
        for system, took in ((SEGUE, ours), (CONFSEQ, np.array(theirs, dtype=float))):
            ends = np.where((took > 0) & (took <= PAIRS), took, np.inf)
            row = share(PAIR_BY_PAIR, system, "false promotion", int(np.isfinite(ends).sum()), runs)
            yield replace(row, what="median pairs", value=median(ends), upper=None) if effect else row
    yield from _quantiles(python)


def _quantiles(python: Path) -> Iterator[Row]:
    n_fix, runs = fixed(0.05, METRICS[LATENCY][2]), 60
    looks = [round(n_fix * eighth / 8) for eighth in range(1, 9)]  # of each variant: up to two fixed samples of both
    asked = {"seed": 61, "runs": runs, "sigma": 0.6, "locations": LOCATIONS, "looks": looks}
    took = np.array(_ask(python, quantiles=asked)["quantiles"], dtype=float)
    for what, until in (("promoted by n_fix", looks[3]), ("promoted by 2 n_fix", looks[7])):
        hits = int(((took > 0) & (took <= 2 * until)).sum())
        yield replace(share(("S6", LATENCY), "confseq quantiles, 8 looks", what, hits, runs), at=1.0)


def _ask(python: Path, **asked: object) -> dict[str, Any]:
    script = Path(__file__).with_name("peers.py")
    told = subprocess.run([python, script], input=msgspec.json.encode(asked), stdout=subprocess.PIPE, check=True)
    answers: dict[str, Any] = msgspec.json.decode(told.stdout)
    return answers


def _totals() -> list[list[int]]:
    rng = np.random.default_rng(2)
    units = rng.integers(200, 40_000, (TOTALS, 2))
    yes = rng.binomial(units, 0.1) + 1
    return [[int(n[0]), int(y[0]), int(n[1]), int(y[1])] for n, y in zip(units, yes, strict=True)]


def _z_of(cases: list[list[int]]) -> Floats:
    n_a, yes_a, n_b, yes_b = np.array(cases, dtype=float).T
    a, b = yes_a / n_a, yes_b / n_b
    z: Floats = (b - a) / np.sqrt(a * (1 - a) / n_a + b * (1 - b) / n_b)
    return z
