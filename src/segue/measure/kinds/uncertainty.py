"""How far may a metric be off by chance alone?

The variance of an estimate, from the same addable sums as the estimate itself. These are plain standard errors at one look, for
people who read a number; what decides is `evidence`, which is valid at any look.
"""

from collections.abc import Callable, Mapping
from itertools import combinations_with_replacement
from typing import Final

from segue.facts.summary import ScoreTable
from segue.measure.kinds.entry import Sums, Table

_STEP: Final = 1e-4
# Of a central difference, relative to the size of what is moved: its error is of the order of the step's square.


def of_share(yes: float, no: float) -> float | None:
    """Of a share p of n: p (1 - p) / n."""
    n = yes + no
    return yes * no / n**3 if n else None


def of_table(estimate: Callable[[Table], float | None], table: Table) -> float | None:
    """Of a smooth function of counts: the delta method for multinomial counts, `sum n_i g_i^2 - (sum n_i g_i)^2 / n`.

    g_i is the derivative by the i-th count. Source: Agresti, Categorical Data Analysis, 3rd ed., section 16.1.4.

    >>> round(of_table(lambda t: t["yes",] / sum(t.values()), {("yes",): 30.0, ("no",): 70.0}), 8)
    0.0021
    """
    n, slopes = sum(table.values()), []
    for key, count in table.items():
        step = _STEP * count
        up, down = (estimate(_moved(table, key, sign * step)) for sign in (1, -1))
        if up is None or down is None:
            return None
        slopes.append((count, (up - down) / (2 * step)))
    first = sum(count * slope for count, slope in slopes)
    return max(sum(count * slope**2 for count, slope in slopes) - first**2 / n, 0.0) if n else None


def of_sums(estimate: Callable[[Sums], float | None], sums: Sums, products: tuple[float, ...]) -> float | None:
    """Of a smooth function of means: the delta method, `g' C g / n` with the covariance C of one row's numbers.

    >>> round(of_sums(lambda s: s.sums[0] / s.n, Sums(4, (10.0,)), (30.0,)), 6)
    0.416667
    """
    n = sums.n
    if n < 2:
        return None
    means, slopes = [total / n for total in sums.sums], []
    for at, mean in enumerate(means):
        step = _STEP * (abs(mean) or 1.0)
        up, down = (estimate(_shifted(sums, at, sign * step * n)) for sign in (1, -1))
        if up is None or down is None:
            return None
        slopes.append((up - down) / (2 * step))
    pairs = combinations_with_replacement(range(len(means)), 2)
    total = 0.0
    for (a, b), product in zip(pairs, products, strict=True):
        covariance = (product - n * means[a] * means[b]) / (n - 1)
        total += (1 if a == b else 2) * slopes[a] * slopes[b] * covariance
    return max(total, 0.0) / n


def of_auc(table: ScoreTable) -> float | None:
    """Of the area under the ROC curve: DeLong's variance of the placements, `S10 / P + S01 / N`.

    Source: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44, 837, equations 3 to 5.
    """
    ups, downs = sum(table.positives), sum(table.negatives)
    if ups < 2 or downs < 2:
        return None
    above_p, below_n = ups, 0
    placed_p, placed_n = [], []
    for p, n in zip(table.positives, table.negatives, strict=True):
        above_p -= p
        placed_p.append((p, (below_n + n / 2) / downs))
        placed_n.append((n, (above_p + p / 2) / ups))
        below_n += n
    return _spread(placed_p, ups) / ups + _spread(placed_n, downs) / downs


def _spread(placed: list[tuple[int, float]], n: int) -> float:
    mean = sum(count * value for count, value in placed) / n
    return sum(count * (value - mean) ** 2 for count, value in placed) / (n - 1)


def _moved(table: Table, key: tuple[str, ...], step: float) -> Mapping[tuple[str, ...], float]:
    return {**table, key: table[key] + step}


def _shifted(sums: Sums, at: int, step: float) -> Sums:
    return Sums(sums.n, tuple(total + step if place == at else total for place, total in enumerate(sums.sums)))
