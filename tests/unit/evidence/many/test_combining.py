"""What many e-values say together."""

from itertools import combinations
from math import exp, inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import DomainError
from segue.evidence.many.combining import any_look_p_value, bonferroni, closed, e_bh, log_mean

VALUES = st.lists(st.floats(0.01, 1000), min_size=1, max_size=6)


def named(values: list[float]) -> dict[str, float]:
    """Logarithms by name."""
    return {f"v{k}": log(value) for k, value in enumerate(values)}


def test_e_bh() -> None:
    """Source: `online_fdr.e_bh`, online-fdr 1.0.0: the first three of these are rejected; with smaller ones, none."""
    rest = [22, 9, 4, 1.2, 0.3, 0.1, 2]
    assert e_bh(named([450, 150, 70, *rest]), 0.05) == {"v0", "v1", "v2"}
    assert e_bh(named([120, 45, 38, *rest]), 0.05) == frozenset()
    assert e_bh({}, 0.05) == frozenset()


@given(values=VALUES)
def test_closed_is_closed(values: list[float]) -> None:
    """The shortcut is the definition: every set that a shown claim belongs to has an average of at least 1 / alpha."""
    shown = closed(named(values), 0.05)
    for k, value in enumerate(values):
        others = values[:k] + values[k + 1 :]
        sets = [part for size in range(len(others) + 1) for part in combinations(others, size)]
        least = min((value + sum(part)) / (1 + len(part)) for part in sets)
        if abs(least - 20) > 1e-9:
            assert (f"v{k}" in shown) == (least >= 20)


@given(values=VALUES)
def test_never_weaker(values: list[float]) -> None:
    """Closed testing shows all that Bonferroni shows; e-BH all that closed testing of the smallest kind would."""
    assert bonferroni(named(values), 0.05) <= closed(named(values), 0.05)
    assert bonferroni(named(values), 0.05) <= e_bh(named(values), 0.05)


def test_weights() -> None:
    """A gate with more of alpha needs less evidence; alpha cannot be spent twice."""
    logs = {"errors": log(150), "latency": log(150)}
    assert bonferroni(logs, 0.01, {"errors": 0.8, "latency": 0.2}) == {"errors"}
    for weights in ({"errors": 0.8, "latency": 0.3}, {"errors": 1.0}, {"errors": 1.0, "latency": 0.0}):
        with pytest.raises(DomainError, match="alpha"):
            bonferroni(logs, 0.01, weights)


def test_alarm() -> None:
    """The mean of e-values is an e-value of "all is well"; also where one is beyond any float."""
    assert log_mean([log(30), log(10), log(20)]) == pytest.approx(log(20))
    assert log_mean([5000.0, 0.0]) == pytest.approx(5000 - log(2))
    with pytest.raises(DomainError, match="no e-value"):
        log_mean([])


def test_p_value() -> None:
    """The p-value never rises again, and is never more than one."""
    looks = [0.5, -3.0, log(40), -inf, log(5)]
    values = [any_look_p_value(looks[:k]) for k in range(6)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(1 / 40)
    assert values[1] == pytest.approx(exp(-0.5))
    assert any_look_p_value([-5.0]) == 1


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_alpha(alpha: float) -> None:
    """An error rate that is none is refused."""
    for combine in (e_bh, closed, bonferroni):
        with pytest.raises(DomainError, match="alpha"):
            combine({"a": 0.0}, alpha)
