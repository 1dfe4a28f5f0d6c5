"""Are units drawn with the chances that were written down?"""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from segue.evidence.audits.alarm import Subject, against, mean_of, weights
from segue.evidence.audits.sample_ratio import Epoch
from segue.facts.evidence import Audit, Evidence, NotEnough

_DRAWN = ("each unit is counted once, at its first exposure",)


def logged(subject: Subject, epochs: Sequence[Epoch]) -> Audit:
    """Whether the mean of `A / pi` (and of `(1 - A) / (1 - pi)`) is 1, pi the logged propensity of units never seen before.

    Each term has mean 1 if A was drawn with pi, whatever shares and traffic do; a propensity that is off by a factor moves the
    mean by its inverse. The audit is of that of the two means which is further off, on half of the alarm. Exact at any look.

    Args:
        subject: named "propensity".
        epochs: by logged propensity of the candidate.
    """
    drawn = [epoch for epoch in epochs if 0 < epoch.share < 1]
    flipped = [Epoch(1 - epoch.share, epoch.champion, epoch.candidate) for epoch in drawn]
    both = {subject.candidate: drawn, subject.champion: flipped}
    return worst([_inverse(_part(subject, variant), mine) for variant, mine in both.items()], subject, 1.0)


def cohorts(subject: Subject, found: Mapping[str, Sequence[Epoch]]) -> Audit:
    """Whether in each cohort the mean of `A - pi` is 0, pi the chance given all that the unit had been through.

    A cohort holds the units that were first seen under one allocation. Those who return under a changed share betray a chance
    that forgets what they had been through: their mean is off while everybody's looks right. Exact at any look.

    Args:
        subject: named "cohorts".
        found: cohort -> its units by chance, in the order in which the cohorts began.
    """
    shares = weights(len(found))
    audits = []
    for (cohort, epochs), weight in zip(found.items(), shares, strict=True):
        mine = msgspec.structs.replace(subject, part={"cohort": cohort}, weight=weight * subject.weight, sides=2)
        audits.append(_centred(mine, [epoch for epoch in epochs if 0 < epoch.share < 1]))
    return worst(audits, subject, 0.0)


def worst(audits: Sequence[Audit], subject: Subject, expected: float) -> Audit:
    """The audit that is nearest to its alarm, or furthest beyond; that of nothing where there is none."""

    def nearness(audit: Audit) -> float:
        found = audit.found  # rounded, so that of equals the first is taken
        return round(found.log_e - found.threshold, 6) if isinstance(found, Evidence) else -float("inf")

    few = NotEnough(have=0, need=1, unit="drawn units", reason="no unit was drawn with a chance between 0 and 1")
    return max(audits, key=nearness, default=Audit(name=subject.name, found=few, expected=expected))


def _part(subject: Subject, variant: str) -> Subject:
    return msgspec.structs.replace(subject, part={"variant": variant}, weight=0.5 * subject.weight, sides=2)


def _inverse(subject: Subject, epochs: Sequence[Epoch]) -> Audit:
    counts: Counter[float] = Counter()
    for epoch in epochs:
        counts[1 / epoch.share] += epoch.candidate
        counts[0.0] += epoch.champion
    return _audited(subject, counts, epochs, 1.0)


def _centred(subject: Subject, epochs: Sequence[Epoch]) -> Audit:
    counts: Counter[float] = Counter()
    for epoch in epochs:
        counts[1 - epoch.share] += epoch.candidate
        counts[-epoch.share] += epoch.champion
    return _audited(subject, counts, epochs, 0.0)


def _audited(subject: Subject, counts: Counter[float], epochs: Sequence[Epoch], expected: float) -> Audit:
    if not counts.total():
        return worst((), subject, expected)
    n = {subject.candidate: sum(it.candidate for it in epochs), subject.champion: sum(it.champion for it in epochs)}
    if subject.part.get("variant") == subject.champion:
        n = {subject.candidate: n[subject.champion], subject.champion: n[subject.candidate]}
    return against(subject, mean_of(subject, counts, n, _DRAWN), expected)
