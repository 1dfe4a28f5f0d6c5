"""Which keys do stages and gates have?"""

from typing import Final

import msgspec

from segue.spec.document.keys import Section, Type, key
from segue.spec.gate import GUARDRAIL_TESTS, OBJECTIVE_TESTS, RETRAIN_TESTS
from segue.spec.metric import FAILURES_WEIGH, GAPS

STRATEGIES: Final = ("shadow", "canary", "ab", "bandit", "full")
POLICIES: Final = ("thompson", "top_two", "ucb", "epsilon_greedy")

AT_LEAST: Final = Section(
    "stages[].at_least",
    "What must be there before gates may end the stage.",
    (
        key("age", "stream duration", "How long the stage has run.", "48h", default="0s"),
        key("outcomes", "integer", "How many predictions of each variant have been judged.", "2000", default="0"),
    ),
)

AT_MOST: Final = Section(
    "stages[].at_most",
    "How long the stage may take; time alone never promotes.",
    (
        key("age", "stream duration", "How long the stage may run.", "14d"),
        key(
            "outcomes",
            "integer",
            "Judged observations of the candidate after which it is over; gates are sharpest then.",
            "20000",
            default="0: no such end",
        ),
        key("then", "choice", "What happens then.", "rollback", choices=("rollback", "hold")),
    ),
)

STEP: Final = Section(
    "stages[].steps[]",
    "One step of a canary.",
    (
        key("share", "percent", "The candidate's share; for everybody, it grows from step to step.", "5%"),
        key("age", "stream duration", "How long the step lasts at least.", "6h"),
        key(
            "audience",
            "expression",
            "Who may be given the candidate; others keep the champion.",
            "\"employee == 'yes'\"",
            default="everybody",
        ),
    ),
)

PLAN: Final = Section(
    "stages[].plan",
    "The effect that the stage is planned to find; the power of the test is put there.",
    (
        key("metric", "metric", "Which metric.", "conversion"),
        key("effect", "quantity", "How large an effect.", "0.5pp"),
        key("power", "percent", "The chance of finding it, if it is there.", "80%", default="80%"),
    ),
)

WATCH: Final = Section(
    "stages[].watch",
    "After the promotion: how long harm is still looked for.",
    (
        key("age", "stream duration", "How long.", "48h"),
        key("holdback", "percent", "The share that the old champion keeps meanwhile; below 50%.", "1%", default="0%"),
    ),
)

STAGE: Final = Section(
    "stages[]",
    "One stage: a strategy, when it may be left, and by which evidence.",
    (
        key("name", "name", "The stage's name.", "canary"),
        key("strategy", "choice", "How traffic is shared.", "canary", choices=STRATEGIES),
        key("sample", "percent", "The share of requests that it is asked beside.", "100%", default="100%", only=("shadow",)),
        key("steps", "section", "The steps of the ramp.", "[{share: 1%, age: 1h}, {share: 25%, age: 24h}]",
            form="list", section=STEP.path, only=("canary",)),
        key("shares", "percent", "Each variant's share; together 100%.", "{champion: 50%, v8: 50%}", form="mapping",
            only=("ab",)),
        key("policy", "choice", "How shares follow the rewards.", "thompson", choices=POLICIES, only=("bandit",)),
        key("reward", "metric", "The metric that is maximised.", "conversion", only=("bandit",)),
        key("floor", "percent", "No variant gets less while it is alive.", "5%", default="1%", only=("bandit",)),
        key("update", "stream duration", "How often shares move.", "5m", default="5m", only=("bandit",)),
        key("watch", "section", "What is watched after the promotion.", "{age: 48h, holdback: 1%}", default="no watch",
            section=WATCH.path, only=("full",)),
        key("at_least", "section", "What must be there before the stage ends.", "{age: 48h, outcomes: 2000}", default="nothing",
            section=AT_LEAST.path, only=STRATEGIES[:4]),
        key("at_most", "section", "How long it may take, and what then.", "{age: 14d, then: rollback}", default="no limit",
            section=AT_MOST.path, only=STRATEGIES[:4]),
        key("promote_when", "section", "All of these must pass; `any`, `all` and `not` combine gates.",
            "[{conversion: {better_than_champion: true}}]",
            default="required where no person approves and another stage follows", only=STRATEGIES[:4], form="list",
            section="GATE"),
        key("plan", "section", "The planned effect.", "{metric: conversion, effect: 0.5pp}", default="none", section=PLAN.path,
            only=STRATEGIES[:4]),
        key("approve", "text", "The role of the person who says yes after the gates passed.", "product",
            default="nobody is asked", only=STRATEGIES[:4]),
    ),
)  # fmt: skip

_TESTS: Final = {
    "not_worse_than_champion_by": ("The candidate is shown to be worse by less than this margin.", "0.5pp"),
    "better_than_champion": ("The candidate is shown to be better: `true`, or by how much.", "true"),
    "at_least": ("The candidate's value is shown to be above this.", "95%"),
    "at_most": ("The candidate's value is shown to be below this.", "80ms"),
    "best_with": ("The probability of being the best variant; stages `ab` and `bandit`.", "95%"),
    "worse_than_champion_by": ("The candidate is shown to be worse by more than this margin.", "0.5pp"),
    "above": ("The value is shown to be above this.", "80ms"),
    "below": ("The value is shown to be below this.", "85%"),
}


def _type(test: str) -> Type:
    return "percent" if test == "best_with" else "quantity"


def _uses(test: str) -> str:
    tables = {"promote_when": OBJECTIVE_TESTS, "guardrails": GUARDRAIL_TESTS, "retrain": RETRAIN_TESTS}
    return ", ".join(f"`{key}`" for key, tests in tables.items() if test in tests)


GATE: Final = Section(
    "GATE.METRIC",
    "A condition on a metric: one test, for everybody or for a population.",
    (
        *(
            key(test, _type(test), f"{about} In {_uses(test)}.", example, default="one test")
            for test, (about, example) in _TESTS.items()
        ),
        key("stable", "section", "The metric varies little from period to period. In `promote_when`.",
            "{every: 1d, at_most: 1.5x champion}", default="one test", section="GATE.METRIC.stable"),
        key("where", "expression", "Only these requests count.", '"tier == \'vip\'"', default="everybody"),
        key("weight", "number", "Its part of `false_rollback` beside the others'. In `guardrails`.", "2",
            default=f"{FAILURES_WEIGH:g} on failed requests (`error_rate`), else 1"),
    ),
)  # fmt: skip

STABLE: Final = Section(
    "GATE.METRIC.stable",
    "How much a metric may vary, against the champion's own variation.",
    (
        key("every", "stream duration", "The length of a period, in whole hours.", "1d"),
        key("at_most", "multiple", "How many times the champion's variance between periods.", "1.5x champion"),
    ),
)

DRIFT: Final = Section(
    "GATE.drift",
    "A condition on how far the served features have moved (population stability index).",
    (
        key("against", "choice", "What they are compared with.", "training", choices=("training", "champion")),
        key("psi_below", "number", "The index is below this. In `promote_when`.", "0.2", default="one of the two"),
        key("psi_above", "number", "The index is above this. In `guardrails`, `retrain`.", "0.25", default="one of the two"),
    ),
)

FAIRNESS: Final = Section(
    "GATE.fairness",
    "A condition on the gap between groups. In `promote_when`.",
    (
        key("metric", "choice", "Which gap.", "demographic_parity_difference", choices=tuple(GAPS)),
        key("over", "attribute", "The attribute whose values are the groups.", "country"),
        key("at_most", "number", "The largest gap allowed, above 0 and below 1.", "0.1"),
        key("positive", "label", "The label that it is about.", "1", default="1"),
    ),
)


def stage_section(strategy: str) -> Section:
    """The keys that a stage of a strategy may have; all, none required, where the strategy is unknown."""
    if strategy not in STRATEGIES:
        keys = tuple(msgspec.structs.replace(row, default="") if row.only else row for row in STAGE.keys)
        return Section(STAGE.path, STAGE.about, keys)
    keys = tuple(row for row in STAGE.keys if not row.only or strategy in row.only)
    foreign = tuple(row.name for row in STAGE.keys if row not in keys)
    article = "an" if strategy == "ab" else "a"
    return Section(STAGE.path, STAGE.about, keys, f"{article} {strategy} stage", foreign)
