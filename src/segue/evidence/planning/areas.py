"""How much does one row's part in an area under the ROC curve vary?

Of an area A over n rows of which a share p is positive, DeLong's variance is the spread of placements: of negatives,
`P(two positives lie above one negative) - A^2`, and of positives the same turned round. With exponential scores these chances
are `Q1 = A / (2 - A)` and `Q2 = 2 A^2 / (1 + A)`. Source: Hanley & McNeil 1982, Radiology 143, equations 1 and 2.
"""

from segue.errors import DomainError


def placement_variance(area: float, positives: float) -> float:
    """N times the variance of the area over n rows, n large: `(Q1 - A^2) / (1 - p) + (Q2 - A^2) / p`.

    Args:
        area: A, in (0, 1).
        positives: p, in (0, 1).

    Raises:
        DomainError: outside of these.

    >>> round(placement_variance(0.8, 0.5), 4)
    0.1956
    """
    _check(area, positives)
    above, below = area / (2 - area) - area**2, 2 * area**2 / (1 + area) - area**2
    return above / (1 - positives) + below / positives


def block_variance(area: float, positives: float, rows: float) -> float:
    """The variance of the area over the rows of one block (an hour), which has at least one row of each kind.

    `(A (1 - A) + (n1 - 1)(Q1 - A^2) + (n0 - 1)(Q2 - A^2)) / (n1 n0)`, n1 = p rows, n0 = (1 - p) rows, both 1 at least.

    >>> round(block_variance(0.8, 0.5, 1.0), 2), round(1e6 * block_variance(0.8, 0.5, 1e6), 4)
    (0.16, 0.1956)
    """
    _check(area, positives)
    of_one, of_other = max(positives * rows, 1.0), max((1 - positives) * rows, 1.0)
    above, below = area / (2 - area) - area**2, 2 * area**2 / (1 + area) - area**2
    return (area * (1 - area) + (of_one - 1) * above + (of_other - 1) * below) / (of_one * of_other)


def _check(area: float, positives: float) -> None:
    if not (0 < area < 1 and 0 < positives < 1):
        raise DomainError(f"no area {area} over {positives} positives")
