"""Does somebody notice that units fall to the variants by other shares than they were drawn with? Scenario S14."""

from collections.abc import Iterator
from math import log
from typing import Final

import numpy as np
from bench.decisions.rows import SEGUE, Flags, Floats, Row, Scale, first, median, share
from bench.decisions.systems.ours import AGREEMENT
from msgspec.structs import replace
from scipy.special import gammaln
from scipy.stats import chi2

from segue.evidence.audits.alarm import ALARM, Subject
from segue.evidence.audits.sample_ratio import CONCENTRATIONS, Epoch, sample_ratio
from segue.facts.evidence import Evidence

SHARES: Final = (0.49975, 0.505, 0.51, 0.52, 0.55)
"""The first: the candidate loses 2 % of the slowest 5 % of its requests."""
UNITS_A_LOOK: Final = 100
SSRM: Final = "ssrm (concentration 10 000)"
CHI_SQUARE: Final = "chi-square at every look, p < .01"
SSRM_CONCENTRATION: Final = 10_000.0


def mismatch(scale: Scale) -> Iterator[Row]:
    """S14: units fall 50.5 to 55 % to the candidate instead of half; and really half, 300,000 of them."""
    looks = 3000
    for place, to_candidate in enumerate((0.5, *SHARES)):
        if scale.short and to_candidate in {0.49975, 0.505, 0.51}:
            continue
        found: dict[str, list[Floats]] = {}
        for rng, runs in scale.chunks(14, place):
            counts = rng.binomial(UNITS_A_LOOK, to_candidate, (runs, looks)).cumsum(axis=1).astype(float)
            for system, alarmed in _alarms(counts).items():
                found.setdefault(system, []).append(first(alarmed).astype(float))
        for system, stops in found.items():
            yield from _alarm_rows(system, to_candidate, np.concatenate(stops), looks)


def _alarm_rows(system: str, to_candidate: float, stops: Floats, looks: int) -> Iterator[Row]:
    hits, runs = int((stops < looks).sum()), len(stops)
    row = replace(share(("S14", f"{100 * to_candidate:g} % to the candidate"), system, "alarmed", hits, runs), at=to_candidate)
    yield row
    if to_candidate != 0.5:
        units = np.where(stops < looks, UNITS_A_LOOK * (stops + 1), np.inf)
        yield replace(row, what="median units to the alarm", value=median(units), upper=None)


def _alarms(candidate: Floats) -> dict[str, Flags]:
    champion = UNITS_A_LOOK * np.arange(1.0, candidate.shape[1] + 1) - candidate
    factors = np.stack([log_bayes_factor(candidate, champion, c) for c in CONCENTRATIONS], axis=-1)
    largest = factors.max(axis=-1)
    logs = largest + np.log(np.exp(factors - largest[..., None]).mean(axis=-1))
    _same(candidate, champion, logs)
    square = (candidate - champion) ** 2 / (candidate + champion)
    return {
        SEGUE: logs >= log(ALARM),
        SSRM: log_bayes_factor(candidate, champion, SSRM_CONCENTRATION) >= log(ALARM),
        CHI_SQUARE: square > float(chi2.ppf(0.99, 1)),
    }


def log_bayes_factor(candidate: Floats, champion: Floats, concentration: float) -> Floats:
    """Dirichlet-multinomial Bayes factor against halves, for arrays of looks; `referee.py` asks ssrm-test for the same."""
    half, n = concentration / 2, candidate + champion
    posterior = gammaln(half + candidate) + gammaln(half + champion) - gammaln(concentration + n)
    factor: Floats = posterior - 2 * gammaln(half) + gammaln(concentration) + n * log(2)
    return factor


def _same(candidate: Floats, champion: Floats, logs: Floats) -> None:
    subject = Subject(name="sample_ratio", candidate="b", champion="a")
    for look in (9, logs.shape[1] // 2):
        found = sample_ratio(subject, [Epoch(0.5, int(candidate[0, look]), int(champion[0, look]))]).found
        assert isinstance(found, Evidence)
        assert abs(found.log_e - float(logs[0, look])) <= AGREEMENT * max(1.0, abs(found.log_e))
