"""Sums of exponentials and roots, at the edge of what floats can hold."""

from math import log

import numpy as np
import pytest

from segue.evidence.process import Betting, find_root, log_sum


def test_log_sum_of_the_unspeakable() -> None:
    """Logarithms far beyond the largest float add without leaving the logarithms."""
    assert log_sum(np.array([-1e9, 5e8, 5e8])) == pytest.approx(5e8 + log(2))
    assert log_sum(np.array([-np.inf, 0.0])) == 0


def test_find_root() -> None:
    """The crossing is found to twelve digits, also a tiny one, also at an end."""
    assert find_root(lambda x: x**3 - 2e-30, 0.0, 1.0) == pytest.approx(2 ** (1 / 3) * 1e-10, rel=1e-11)
    assert find_root(lambda x: x, 0.0, 1.0) == 0.0
    assert find_root(lambda x: x + 1e-20, 0.0, 1.0) == 0.0


def test_times() -> None:
    """A process says how many times the same data it takes, or that it never would."""
    growing, shrinking = Betting(lambda *_: np.array([0.5]), np.array([0.0])), Betting(lambda *_: np.array([-1.0]), np.zeros(1))
    assert growing.times("above", 0.0, log(20)) == pytest.approx(2 * log(20))
    assert shrinking.times("above", 0.0, log(20)) is None
