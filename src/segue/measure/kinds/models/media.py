"""How near is a text, or a picture, to what it should be? By the field's own libraries, which are extras.

Answers are counted by (answer, reference), so that hours add; the libraries see the pairs once they are merged. `segue[text]`
brings sacrebleu, `segue[vision]` scikit-image; without them it is said what is missing.
"""

import json
from collections.abc import Iterator
from importlib import import_module
from math import exp
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from segue.errors import DomainError
from segue.extras import installing
from segue.facts.question import MetricRef
from segue.measure.kinds.entry import Sums, Table, ratio
from segue.measure.kinds.reading import said, word


def bleu(table: Table, metric: MetricRef) -> float | None:
    """Corpus BLEU of answers against one reference each, 0 to 100, n-grams up to 4, sacrebleu's `tokenize` and exp smoothing.

    Source: Papineni and others 2002, ACL; Post 2018, WMT (sacrebleu).
    """
    return _sacre("BLEU", table, tokenize=word(metric, "tokenize"))


def chrf(table: Table, metric: MetricRef) -> float | None:
    """Corpus chrF of answers against one reference each, 0 to 100: F-`beta` of character n-grams up to 6.

    Source: Popović 2015, WMT; sacrebleu's `CHRF`.
    """
    return _sacre("CHRF", table, beta=round(said(metric, "beta")))


def read_perplexity(sums: Sums, _metric: MetricRef) -> float | None:
    """The perplexity out of log probabilities and tokens."""
    found = ratio(sums.sums[0], sums.sums[1])
    return None if found is None else exp(-found)


def ssim(table: Table, metric: MetricRef) -> float | None:
    """Mean structural similarity of pictures, JSON lists of rows of numbers from 0 to `range`; windows of 7 x 7.

    Source: Wang and others 2004, IEEE TIP 13, 600; scikit-image's `structural_similarity`.
    """
    similarity = _library("skimage.metrics", "vision").structural_similarity
    found = n = 0.0
    for (mine, wanted), count in table.items():
        a, b = (_picture(text) for text in (mine, wanted))
        if a is not None and b is not None and a.shape == b.shape and min(a.shape) >= 7:
            found += count * float(similarity(a, b, data_range=said(metric, "range")))
            n += count
    return ratio(found, n)


def _sacre(name: str, table: Table, **settings: object) -> float | None:
    if not table:
        return None
    answers, references = zip(*_rows(table), strict=True)
    scorer = getattr(_library("sacrebleu.metrics", "text"), name)(**settings)
    return float(scorer.corpus_score(list(answers), [list(references)]).score)


def _rows(table: Table) -> Iterator[tuple[str, str]]:
    for (answer, reference), count in table.items():
        for _ in range(round(count)):
            yield answer, reference


def _library(module: str, extra: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise DomainError("this metric needs an extra", hint=installing(extra)) from error


def _picture(text: str) -> NDArray[np.float64] | None:
    try:
        found = np.asarray(json.loads(text), dtype=np.float64)
    except (ValueError, TypeError):
        return None
    return found if found.ndim == 2 else None
