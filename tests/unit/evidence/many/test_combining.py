"""What many e-values say together."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.errors import DomainError
from segue.evidence.many.combining import e_bh

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
def test_never_weaker_than_a_share_each(values: list[float]) -> None:
    """e-BH rejects all that a share of alpha for each would."""
    assert {name for name, value in named(values).items() if value >= log(len(values) / 0.05)} <= e_bh(named(values), 0.05)


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0])
def test_alpha(alpha: float) -> None:
    """An error rate that is none is refused."""
    with pytest.raises(DomainError, match="alpha"):
        e_bh({"a": 0.0}, alpha)
