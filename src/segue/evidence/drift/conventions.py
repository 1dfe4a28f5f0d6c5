"""What do other tools mean by the same name? Their conventions on raw samples, so that their numbers can be had here too.

A function is named after the tool and the statistic, and its id says the same. Sources: the code of Evidently 0.7
(`legacy/calculations/stattests`), NannyML 0.13 (`drift/univariate/methods.py`), Frouros, Deepchecks
(`utils/distribution/drift.py`), TFDV (`anomalies/metrics.cc`), and Fiddler's documentation.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from segue.evidence.drift.distances import Counted, JensenShannon, Psi, shares
from segue.evidence.process import Floats

Compared = Callable[[Floats, Floats], float]

_FEW: Final = 20
_TINY: Final = float(np.finfo(float).tiny)


def evidently_psi(reference: Floats, current: Floats) -> float:
    """Sturges' edges over both samples together (a value each up to 20 values); empty shares count as 1e-4, or less."""
    return evidently_psi_of_bins(*_evidently(reference, current))


def evidently_psi_of_bins(reference: Counted, current: Counted) -> float:
    """The same, of counts or shares in these bins."""
    p, q = (_evidently_filled(share) for share in shares(reference, current))
    return float(np.sum((p - q) * np.log(p / q)))


def evidently_js(reference: Floats, current: Floats) -> float:
    """The distance, natural logarithm, over the same bins."""
    return JensenShannon(base="e").between(*_evidently(reference, current))


def nannyml_js(reference: Floats, current: Floats) -> float:
    """The distance in base 2, Doane's edges over the reference, and one bin for what lies outside of them."""
    edges = np.histogram_bin_edges(reference, bins="doane")
    p, q = (np.histogram(sample, edges)[0].astype(float) / len(sample) for sample in (reference, current))
    return JensenShannon().between(np.append(p, max(1 - p.sum(), 0.0)), np.append(q, max(1 - q.sum(), 0.0)))


def frouros_psi(reference: Floats, current: Floats) -> float:
    """Ten equal widths over both samples; an empty share counts as the smallest float, so that one of them decides alone."""
    return Psi(eps=_TINY).between(*_equal_widths(reference, current))


def fiddler_psi(reference: Floats, current: Floats) -> float:
    """The same widths, with one row added to each bin."""
    p, q = _equal_widths(reference, current)
    return Psi().between(p + 1, q + 1)


def deepchecks_psi(reference: Floats, current: Floats) -> float:
    """Ten equal widths over both samples; no share is less than 0.01."""
    p, q = (share / share.sum() for share in _equal_widths(reference, current))
    p, q = np.maximum(p, 0.01), np.maximum(q, 0.01)
    return float(np.sum((q - p) * np.log(q / p)))


def tfdv_js(reference: Floats, current: Floats) -> float:
    """The divergence in base 2, over aligned equal widths."""
    return JensenShannon(form="divergence").between(*_equal_widths(reference, current))


CONVENTIONS: Final[dict[str, Compared]] = {
    "psi[evidently]": evidently_psi,
    "psi[frouros]": frouros_psi,
    "psi[fiddler]": fiddler_psi,
    "psi[deepchecks]": deepchecks_psi,
    "js[evidently]": evidently_js,
    "js[nannyml]": nannyml_js,
    "js[tfdv]": tfdv_js,
}
"""Each convention by its id."""


def evidently_edges(reference: Floats, current: Floats) -> Floats:
    """The edges that Evidently cuts numbers at: left-closed bins, but for the last."""
    return np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")


def _evidently(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    if len(np.unique(reference)) > _FEW:
        edges = evidently_edges(reference, current)
        return (
            np.histogram(reference, edges)[0].astype(float) / len(reference),
            np.histogram(current, edges)[0].astype(float) / len(current),
        )
    keys = np.unique(np.concatenate([reference, current]))
    p, q = (np.array([np.sum(sample == key) for key in keys]) / len(sample) for sample in (reference, current))
    return p, q


def _evidently_filled(share: Floats) -> Floats:
    least = float(share[share != 0].min())
    return np.where(share == 0, least / 10**6 if least <= 1e-4 else 1e-4, share)


def _equal_widths(reference: Floats, current: Floats) -> tuple[Floats, Floats]:
    edges = np.linspace(min(reference.min(), current.min()), max(reference.max(), current.max()), 11)
    return np.histogram(reference, edges)[0].astype(float), np.histogram(current, edges)[0].astype(float)
