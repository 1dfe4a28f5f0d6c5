"""Does a share vary from day to day more (less) than a bound, or than the champion's by a factor?"""

from functools import partial

from segue.errors import DomainError
from segue.evidence.methods.days.calendar import FixedLook, judged_days
from segue.evidence.methods.days.variation import between_days, cochran_p, pitman_morgan_p, variance_ratio
from segue.evidence.process import ASSUMPTIONS, Method, Process
from segue.facts.evidence import NotEnough
from segue.facts.question import Question
from segue.facts.summary import Days

WIDEST_RATIO = 1e6


def stability(question: Question, days: Days) -> Method:
    """Without a champion, bound the standard deviation between days; with one, the ratio of the two variances between days.

    A bound on the deviation tau is tested by Cochran's Q with the weights that tau implies, which is chi-squared; a ratio R by
    the Pitman-Morgan correlation of b + sqrt(R) a with b - sqrt(R) a. Both are inverted for the interval.
    Null: tau, or var_b / var_a, is at most (at least) the bound. Valid at the fixed looks after 7, 14 and 28 days.
    Source: Cochran 1954; Viechtbauer 2007 (Q profile); DerSimonian & Laird 1986 (estimate); Pitman 1939; Morgan 1939.

    *Holds when* days are independent and their shares close to normal.

    Raises:
        DomainError: a bound below zero (a ratio: not positive), a relative margin, or a horizon.
    """
    paired = bool(question.champion)
    claim = question.claim
    if claim.bound < 0 or (paired and claim.bound == 0) or claim.factor != 1 or question.horizon is not None:
        raise DomainError(f"no variation between days can be {claim} with horizon {question.horizon}", question=question.id)
    rows = judged_days(days, paired=paired)
    if isinstance(rows, NotEnough):
        return rows
    n, shares = rows[:, :2].sum(axis=1), rows[:, 0] / rows[:, :2].sum(axis=1)
    counted = {question.candidate: int(n.sum())}
    if paired:
        rival = rows[:, 2] / rows[:, 2:].sum(axis=1)
        estimate, p_value = variance_ratio(shares, rival), partial(pitman_morgan_p, shares, rival)
        counted[question.champion] = int(rows[:, 2:].sum())
    else:
        estimate, p_value = between_days(shares, n), partial(cochran_p, shares, n)
    return Process(
        bets=FixedLook(p_value),
        estimate=estimate,
        support=(1 / WIDEST_RATIO, WIDEST_RATIO) if paired else (0.0, 1.0),
        logarithmic=paired,
        n=counted,
        have=len(rows),
        method="Pitman-Morgan between days" if paired else "Cochran's Q between days",
        validity="fixed look",
        assumptions=ASSUMPTIONS["days"],
    )
