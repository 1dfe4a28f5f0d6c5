"""How many observations does a test that looks once take, if the planned effect is the true one?"""

from math import ceil

from scipy.special import ndtri

from segue.errors import DomainError
from segue.evidence.domain import check_question
from segue.facts.grid import planned
from segue.facts.question import Question


def n_fixed(question: Question, *, power: float = 0.8, share: float = 0.5) -> int:
    """Observations of both variants together for a test that looks once: the yardstick of all others.

    `n = (z_(1 - alpha) + z_power)^2 variance / (w distance^2)`, w = share (1 - share) of a randomised design, else 1.

    Args:
        question: its claim, alpha, and the prior's variance and effect.
        power: chance in (0, 1) of showing the claim where the planned effect is the true one.
        share: the candidate's share of the drawn units, in (0, 1).

    Raises:
        DomainError: a power or a share outside (0, 1), or a design that counts events.

    >>> from segue.facts.question import Claim, MetricRef, Prior
    >>> question = Question(id="q", gate="g", rollout="r", route="r", stage="s", metric=MetricRef(name="m", kind="mean"),
    ...     design="randomised", candidate="b", champion="a", claim=Claim(side="above", bound=0.0), alpha=0.05,
    ...     prior=Prior(variance=1.0, effect=0.2))
    >>> n_fixed(question)
    619
    """
    z = float(ndtri(1 - question.alpha) + ndtri(power))
    return ceil(z**2 / _information(question, power, share))


def _information(question: Question, power: float, share: float) -> float:
    # Squared signal to noise of one observation.
    check_question(question)
    if not (0 < power < 1 and 0 < share < 1) or question.design == "events":
        raise DomainError(f"no sample size: power {power}, share {share}, design {question.design}", question=question.id)
    plan = planned(question)
    return plan.distance**2 / plan.variance * (share * (1 - share) if question.design == "randomised" else 1.0)
