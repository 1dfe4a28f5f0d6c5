"""What does a spec have to know about a kind of metric, and about a parameter of one?"""

from typing import Final, Literal

import msgspec

from segue.spec.quantity import Scale

Goal = Literal["increase", "decrease"]
Needs = Literal["label", "score", "number", "list", "nothing"]
Shape = Literal["proportion", "mean", "ratio", "quantile", "ranking", "shown"]
Domain = Literal["label", "number", "above zero", "share", "whole number", "choice", "value", "attribute", "kind"]
Value = str | float


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What a kind of metric needs and how it behaves.

    Args:
        goal: which direction is better; None where the spec must say it.
        needs: what of the prediction it reads: its label, its score, a numeric label, a label that is JSON (a list, or an
            object), or nothing.
        outcome: whether it needs an outcome.
        shape: proportion (mean of zeros and ones), mean, ratio of two sums, quantile, ranking (of all pairs), or shown: it is
            measured and shown, and no gate can test it, because no always-valid evidence is built for it.
        bounded: whether one observation lies in [0, 1] by itself.
        parameters: name -> what holds where the spec does not say; None where it must.
        scale: how values are written; None for what the shape says.
        of: whether the spec says `of`: a value of the outcome, or what an answer cost.
        shadow: whether it can be known for an answer that nobody saw; an outcome value is what the served answer led to.
        failures: whether it counts requests that a variant did not answer.
    """

    goal: Goal | None
    needs: Needs
    outcome: bool
    shape: Shape
    bounded: bool
    parameters: dict[str, Value | None] = {}
    scale: Scale | None = None
    of: bool = False
    shadow: bool = True
    failures: bool = False


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A parameter's meaning, which is the same in every kind that has it.

    Args:
        choices: the words it may be, where the domain is "choice".
    """

    domain: Domain
    about: str
    example: str
    choices: tuple[str, ...] = ()


def shown(goal: Goal | None, needs: Needs, scale: Scale = "index", **parameters: Value | None) -> Kind:
    """A kind that compares answers with outcomes, and that no gate tests."""
    return Kind(goal=goal, needs=needs, outcome=True, shape="shown", bounded=False, scale=scale, parameters=parameters)


def at_once(goal: Goal | None, needs: Needs, scale: Scale = "index", **parameters: Value | None) -> Kind:
    """A kind that needs no outcome, and that no gate tests."""
    return Kind(goal=goal, needs=needs, outcome=False, shape="shown", bounded=False, scale=scale, parameters=parameters)


def _choice(about: str, *choices: str) -> Parameter:
    return Parameter(domain="choice", about=about, example=choices[0], choices=choices)


PARAMETERS: Final[dict[str, Parameter]] = {
    "positive": Parameter(domain="label", about="The label that counts as positive.", example="1"),
    "q": Parameter(domain="share", about="Which quantile, above 0 and below 1.", example="0.99"),
    "average": _choice("Over which classes: one, or a mean of all.", "binary", "macro", "micro", "weighted"),
    "threshold": Parameter(
        domain="number", about="The label is positive from this score on; without it, as it was predicted.", example="0.5"
    ),
    "beta": Parameter(domain="above zero", about="How much more recall weighs than precision.", example="2"),
    "weights": _choice("What a wrong label costs by its distance in the order of labels.", "none", "linear", "quadratic"),
    "predicted": Parameter(domain="label", about="The predicted label of a cell of the confusion matrix.", example="1"),
    "actual": Parameter(domain="label", about="The true label of a cell of the confusion matrix.", example="0"),
    "tp": Parameter(domain="number", about="What a right positive costs.", example="0"),
    "fp": Parameter(domain="number", about="What a wrong positive costs.", example="1"),
    "fn": Parameter(domain="number", about="What a missed positive costs.", example="5"),
    "tn": Parameter(domain="number", about="What a right negative costs.", example="0"),
    "bins": _choice("Bins of equal width, or of equal mass.", "uniform", "mass"),
    "count": Parameter(domain="whole number", about="How many bins.", example="15"),
    "share": Parameter(domain="share", about="The share of rows with the highest scores.", example="0.1"),
    "weighting": _choice("A mean of classes, or one weighted by how often each came true.", "macro", "weighted"),
    "pairing": _choice("Each class against all others, or each pair of classes.", "rest", "one"),
    "k": Parameter(domain="whole number", about="How many places of the list count.", example="10"),
    "over": Parameter(domain="attribute", about="The attribute whose values are the groups.", example="country"),
    "as": _choice("Largest less smallest, or smallest over largest.", "difference", "ratio"),
    "versus": _choice("Groups against each other, or each against all rows.", "groups", "overall"),
    "together": _choice("The worse of the two rates' distances, or their mean.", "worst", "mean"),
    "least": Parameter(domain="whole number", about="Fewest rows of a group, or of a day, that counts.", example="30"),
    "base": Parameter(
        domain="kind", about="The kind that is kept day by day; its parameters stand beside it.", example="accuracy"
    ),
    "grid": Parameter(domain="whole number", about="Scores are rounded to 1 / this.", example="1000"),
    "margin": Parameter(domain="above zero", about="How far from one half.", example="0.1"),
    "error": Parameter(domain="label", about="The way of failing: timeout, status_5xx, reset and so on.", example="timeout"),
    "hourly": _choice("The mean of hours, or the busiest.", "mean", "peak"),
    "side": _choice("What was asked, or what was answered.", "response", "request"),
    "per": Parameter(domain="value", about="The value of the outcome that is divided by.", example="outcome.shown"),
    "after": Parameter(domain="value", about="The step before, a value of the outcome.", example="outcome.carts"),
    "before": Parameter(domain="attribute", about="A number that was known before the request.", example="spend_last_month"),
    "centre": Parameter(domain="number", about="Its mean over everybody.", example="12.5"),
    "days": Parameter(domain="whole number", about="How many days later.", example="7"),
    "gains": _choice("A gain as it is, or 2^gain - 1.", "linear", "exponential"),
    "ideal": _choice("The best order of all that is relevant, or of what is in the list.", "all", "list"),
    "without": _choice("Answers without anything relevant are left out, or count as 0.", "exclude", "zero"),
    "shorter": _choice("What a list of fewer than k items is divided by: k, or its length.", "k", "list"),
    "denominator": _choice("All relevant items, or no more than k of them.", "relevant", "capped"),
    "mark": Parameter(domain="label", about="What stands behind an item's group.", example='"/"'),
    "size": Parameter(domain="whole number", about="How many items there are.", example="5000"),
    "against": _choice("The outcome, or the served answer that a shadow answered beside.", "outcome", "champion"),
    "scaled": _choice("Whether a distance is divided by the longer text's length.", "none", "longest"),
    "tokenize": _choice("How a text becomes words, as sacrebleu names it.", "13a", "intl", "char", "none"),
    "range": Parameter(domain="above zero", about="The largest value of a pixel.", example="255"),
    "eps": Parameter(domain="above zero", about="The least that is divided by.", example="1e-6"),
}
"""Every parameter, by name."""
