"""Which numbers were promised, and do they hold?

A run of a few hundred rollouts cannot tell 54 % from 50 %: a quick check allows for three standard errors, a full run for none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from bench.decisions.rows import HORIZON, SEGUE, Row
from bench.decisions.scenarios import effects, harm, labels, nulls, replays
from bench.decisions.systems.ours import DECLARED
from bench.rig.figures import Figure, at_least, at_most

GUARDED: Final = frozenset({SEGUE, HORIZON, f"{SEGUE}, capped", f"{SEGUE}, uncapped", f"{SEGUE}, by user"})
"""Segue as it is meant to be asked; the other rows with its name show what happens to those who do not."""
UNGUARDED: Final = frozenset({labels.BIASED, *replays.OFF})
"""Where what was written down is wrong, so that nothing can be promised; their rows show how much comes of it."""
STANDARD_ERRORS: Final = 3.0
_OF_A_MEDIAN: Final = 1.0
"""Standard deviation of a stopping time in medians, generously."""


@dataclass(frozen=True, slots=True)
class Promises:
    """The promised figures, out of the rows.

    Args:
        rows: of all scenarios.
        quick: whether they are of a quick check.
    """

    rows: Sequence[Row]
    quick: bool = False

    def figures(self) -> list[Figure]:
        """All of them; a quick check measures no speed."""
        parts = [self._wrong(), self._power(), self._shadow(), self._canary(), self._assignment(), self._afterwards()]
        return [figure for part in (parts if self.quick else [*parts, self._speed()]) for figure in part]

    def _wrong(self) -> Iterator[Figure]:
        nothing = [row for row in self.rows if row.what == nulls.WHAT]
        without = [row for row in nothing if row.system in GUARDED and row.world not in UNGUARDED]
        without += [row for row in nothing if row.world == labels.BIASED and row.system == labels.AGAINST_IT]
        ending = [row for row in without if row.system == HORIZON]
        yield from self._never_more("false promotion", [row for row in without if row.system != HORIZON])
        yield from self._never_more("false promotion with a horizon", ending)
        back = [*self._of("S10", "false rollback"), *(row for row in self._of("S8", "rolled back") if row.at in {1.0, 1.1})]
        often = max(back, key=lambda row: row.value)
        yield at_most("false rollback over all gates of a rollout", often.value, 0.01 + self._of_share(0.01, often), "")
        for system, name in ((SEGUE, ""), (HORIZON, " with a horizon")):
            shipped = [row for row in self.rows if row.system == system and row.at == -1.0 and row.upper is not None]
            most = max([*shipped, *self._of("S6", "shipped", system)], key=lambda row: row.value)
            limit = 0.05 + self._of_share(0.05, most)
            yield at_most(f"shipped{name} at -1 x the margin, any horizon", most.value, limit, "")

    def _never_more(self, name: str, rows: Sequence[Row]) -> Iterator[Figure]:
        worst = max(rows, key=lambda row: row.value)
        where = f"worst of {len(rows)} null worlds ({worst.scenario} {worst.world})"
        yield at_most(f"{name}, {where}", worst.value, 0.05 + self._of_share(0.05, worst), "")
        if not self.quick:
            yield at_most(f"{name}, upper 95 % Monte-Carlo limit", max(row.upper or 0.0 for row in rows), 0.06, "")

    def _power(self) -> Iterator[Figure]:
        for figure, what, system, least in (
            ("always-valid power at n_fix", "promoted by n_fix", SEGUE, 0.54),
            ("always-valid power at 2 n_fix", "promoted by 2 n_fix", SEGUE, 0.85),
            (f"horizon mode, declared at {DECLARED:g} n_fix: power by its end", "promoted by its end", HORIZON, 0.785),
        ):
            row = self._one("S6", what, system, world=effects.CONVERSION, at=1.0)
            yield at_least(figure, row.value, least - self._of_share(least, row), "")
        for multiple, limit in ((1.0, 0.95), (2.0, 0.33), (4.0, 0.12)):
            row = self._one("S6", "median n/n_fix", world=effects.CONVERSION, at=multiple)
            yield at_most(f"median n/n_fix at {multiple:g} x the effect", row.value, limit * self._of_median(row), "")
        covered = min(row.value for row in self._of("S6", "coverage at stopping"))
        yield at_least("interval coverage at stopping, worst metric", covered, 0.95, "")

    def _shadow(self) -> Iterator[Figure]:
        for what, limit, unit in (("median pairs", 4100, "pairs"), ("median labels", 300, "labels")):
            row = self._one("S7", what, world="shadow, 7 % disagree")
            yield at_most(f"shadow, +1 pp, 7 % disagree: {what}", row.value, limit * self._of_median(row), unit)

    def _canary(self) -> Iterator[Figure]:
        for multiple, limit in ((2.0, 2000), (3.0, 520), (5.0, 170)):
            row = self._one("S8", harm.SERVED, world=harm.CANARY, at=multiple)
            figure = f"canary with {multiple:g} x errors: median requests served"
            yield at_most(figure, row.value, limit * self._of_median(row), "requests")
        seen = self._one("S10", "detected by 2 n_fix of the segment")
        yield at_least("harmed segment found by 2 n_fix of the segment", seen.value, 0.9, "")

    def _assignment(self) -> Iterator[Figure]:
        for share, limit in ((0.52, 12_000), (0.55, 2000)):
            row = self._one("S14", "median units to the alarm", at=share)
            figure = f"{100 * share:g} % instead of half of the units: median units to the alarm"
            yield at_most(figure, row.value, limit * self._of_median(row), "units")
        alarmed = self._one("S14", "alarmed", at=0.5)
        yield at_most("sample ratio, false alarms in 300,000 units", alarmed.value, 0.001 + self._of_share(0.001, alarmed), "")

    def _afterwards(self) -> Iterator[Figure]:
        row = self._one("S15", "median batches to the alarm", at=0.12)
        yield at_most("after promotion, errors 9 to 12 %: median batches to the alarm", row.value, 35, "batches")

    def _speed(self) -> Iterator[Figure]:
        yield at_least(
            "aggregated rows per second and core", self._one("speed", "rows per second and core").value, 1e6, "rows/s"
        )
        slowest = max(self._of("speed", "milliseconds a verdict"), key=lambda row: row.value)
        yield at_most(f"a gate's verdict from its summary, slowest ({slowest.world})", slowest.value, 1.0, "ms CPU")

    def _of(self, scenario: str, what: str, system: str = SEGUE) -> list[Row]:
        return [row for row in self.rows if (row.scenario, row.what, row.system) == (scenario, what, system)]

    def _one(self, scenario: str, what: str, system: str = SEGUE, *, world: str = "", at: float | None = None) -> Row:
        found = self._of(scenario, what, system)
        return next(row for row in found if world in {"", row.world} and at in {None, row.at})

    def _of_share(self, limit: float, row: Row) -> float:
        return STANDARD_ERRORS * sqrt(limit * (1 - limit) / row.runs) if self.quick else 0.0

    def _of_median(self, row: Row) -> float:
        return 1 + STANDARD_ERRORS * _OF_A_MEDIAN / sqrt(row.runs) if self.quick else 1.0
