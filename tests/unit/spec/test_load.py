"""The example loads whole; a bad spec says all that is wrong with it, and where."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from segue.errors import SpecError
from segue.spec.gate import DriftGate, FairnessGate, Margin, MetricGate, StableGate
from segue.spec.load import lint, load
from segue.spec.metric import AGREEMENT
from segue.spec.rollout import Retrain, Rollout, UnhealthyChampion, Variant
from segue.spec.stage import Ab, AtLeast, AtMost, Bandit, Canary, Full, Plan, Shadow, Step

VECTORS = Path(__file__).parents[2] / "vectors"
EXAMPLE = (VECTORS / "example-rollout.yaml").read_text(encoding="utf-8")
SMALL = (VECTORS / "small-rollout.yaml").read_text(encoding="utf-8")
BAD = json.loads((VECTORS / "bad-specs.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def example() -> Rollout:
    """The example of the design, loaded once."""
    return load(EXAMPLE)


def test_the_example_has_no_problem() -> None:
    """Every line of the example is in the language."""
    assert lint(EXAMPLE) == ()


def test_head_of_the_example(example: Rollout) -> None:
    """Where units, predictions, attributes and outcomes come from is read as written; what is not written has its default."""
    assert example.unit == ("header:x-user-id", "cookie:uid", "request")
    assert example.variants["champion"] == Variant(name="champion", version="models:/churn@champion", url="", timeout_s=1.0)
    assert example.candidates == ("v8",)
    assert (example.prediction.label, example.prediction.score, example.prediction.features) == (
        "outputs.label",
        "outputs.score",
        "inputs",
    )
    assert example.context == {"country": "header:x-country", "tier": "header:x-tier", "employee": "header:x-employee"}
    assert example.segments == (("country",), ("tier",), ("country", "tier"))
    assert (example.outcome.window_s, example.outcome.missing) == (86400.0, "exclude")
    assert (example.error_budget.false_promotion, example.error_budget.false_rollback) == (0.05, 0.01)
    assert example.source == EXAMPLE
    assert len(example.digest) == 32


def test_metrics_of_the_example(example: Rollout) -> None:
    """A metric knows its goal, its window and its parameters; one that needs no outcome waits for none."""
    assert set(example.metrics) == {"agreement", "precision", "auc", "conversion", "revenue", "p99", "errors", "cost"}
    assert example.metrics["agreement"] == AGREEMENT
    assert example.metrics["precision"].parameters == {"positive": "1"}
    assert example.metrics["precision"].window_s == 86400.0
    assert example.metrics["revenue"].cap == 500.0
    assert {name for name, metric in example.metrics.items() if metric.window_s == 0} == {"agreement", "p99", "errors", "cost"}
    assert {name for name, metric in example.metrics.items() if metric.goal == "decrease"} == {"p99", "errors", "cost"}


def test_gates_of_the_example(example: Rollout) -> None:
    """Every form of gate is read with its amount in the metric's own unit."""
    errors, p99, precision = example.guardrails
    assert errors == MetricGate(
        path="guardrails[0]", metric="errors", test="worse_than_champion_by", margin=Margin(value=0.005, relative=False)
    )
    assert isinstance(p99, MetricGate)
    assert (p99.test, p99.margin.value) == ("above", 0.08)
    assert isinstance(precision, MetricGate)
    assert precision.where == "tier == 'vip'"
    gates = example.stages[0].promote_when
    assert gates[1] == MetricGate(
        path="stages[0].promote_when[1]", metric="precision", test="at_least", margin=Margin(value=0.95), where="tier == 'vip'"
    )
    assert gates[2] == StableGate(
        path="stages[0].promote_when[2]", metric="precision", every_s=86400.0, at_most_times_champion=1.5
    )
    assert gates[4] == DriftGate(path="stages[0].promote_when[4]", against="training", psi_below=0.2)
    assert gates[5] == FairnessGate(
        path="stages[0].promote_when[5]", metric="demographic_parity_difference", over="country", at_most=0.1
    )
    assert example.stages[2].promote_when[1] == MetricGate(
        path="stages[2].promote_when[1]",
        metric="revenue",
        test="not_worse_than_champion_by",
        margin=Margin(value=0.01, relative=True),
    )


def test_stages_of_the_example(example: Rollout) -> None:
    """Every strategy is read with its shares, ages and steps."""
    shadow, canary, ab, learn, everyone = example.stages
    assert (shadow.name, shadow.strategy) == ("shadow", Shadow(sample=1.0))
    assert (shadow.at_least, shadow.at_most) == (
        AtLeast(age_s=172800.0, outcomes=2000),
        AtMost(age_s=1209600.0, then="rollback"),
    )
    assert isinstance(canary.strategy, Canary)
    assert canary.strategy.steps[:2] == (
        Step(share=1.0, age_s=14400.0, audience="employee == 'yes'"),
        Step(share=0.01, age_s=3600.0),
    )
    assert ab.strategy == Ab(shares={"champion": 0.5, "v8": 0.5})
    assert (ab.plan, ab.approve) == (Plan(metric="conversion", effect=0.005, relative=False, power=0.8), "product")
    assert learn.strategy == Bandit(policy="thompson", reward="conversion", floor=0.05, update_s=300.0)
    assert everyone.strategy == Full(watch_s=172800.0, holdback=0.01)


def test_tail_of_the_example(example: Rollout) -> None:
    """What happens afterwards is read too."""
    assert (example.after.registry_alias, example.after.keep_previous_as) == ("champion", "previous")
    assert example.notify[0].on == ("promoted", "rolled_back", "needs_approval")
    assert example.retrain[0] == Retrain(every_s=2592000.0)
    drift = example.retrain[2].when
    assert isinstance(drift, DriftGate)
    assert drift.psi_above == 0.25


def test_a_rollout_travels_as_json(example: Rollout) -> None:
    """The frozen types survive the store: encoded and decoded, a rollout is itself."""
    assert msgspec.json.decode(msgspec.json.encode(example), type=Rollout) == example


@pytest.mark.parametrize("case", BAD, ids=[f"{number}:{case['by'][:40]!r}" for number, case in enumerate(BAD)])
def test_bad_spec(case: dict[str, Any]) -> None:
    """One wrong place gives exactly its problems, with line, column, path and the nearest valid form."""
    assert case["replace"] in SMALL
    problems = lint(SMALL.replace(case["replace"], case["by"], 1))
    assert [msgspec.to_builtins(problem) for problem in problems] == case["problems"]


def test_all_problems_at_once() -> None:
    """Wrong places in different sections are reported together, in the order of the file."""
    text = SMALL
    for old, new in [("v8: 50%}", "v8: 40%}"), ("{kind: accuracy}", "{kind: acuracy}"), ("24h", "24"), ("route: ", "roote: ")]:
        text = text.replace(old, new, 1)
    with pytest.raises(SpecError) as caught:
        load(text, "churn.yaml")
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (2, "roote"),
        (9, "outcome.window"),
        (11, "metrics.hits.kind"),
        (28, "stages[2].shares"),
    ]
    assert str(caught.value).startswith("churn.yaml: 4 problems\n  2:1: roote: unknown key `roote` (did you mean `route`?)")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{window: 24h}", "{window: 1440m}"),
        ("segue: 1", "# a comment\nsegue: 1"),
        ("{age: 2d, holdback: 1%}", "{holdback: 1.0%, age: 48h}"),
        ("share: 5%,", "share: '5 %',"),
        ("header:x-user-id", "header:X-User-Id"),
        ("route: churn", "route: churn\nregistry: embedded\nprotocol: v2"),
        ("{kind: accuracy}", "{goal: increase, kind: accuracy, window: 1d}"),
    ],
)
def test_spelling_means_the_same(old: str, new: str) -> None:
    """Comments, the order of keys, units and written-out defaults change nothing in the meaning."""
    changed = SMALL.replace(old, new, 1)
    assert changed != SMALL
    assert load(changed).digest == load(SMALL).digest


@pytest.mark.parametrize(
    ("metric", "gate"),
    [
        ("auc", "not_worse_than_champion_by: 0.01"),
        ("auc", "at_least: 0.8"),
        ("auc", "at_least: 80%"),
        ("sales", "not_worse_than_champion_by: 1.5"),
        ("sales", "better_than_champion: 2%"),
        ("p99", "not_worse_than_champion_by: 10%"),
        ("p99", "not_worse_than_champion_by: 10ms"),
        ("errors", "at_most: 1%"),
        ("hits", "better_than_champion: 0.5pp"),
        ("hits", "at_least: 95%, where: tier in ['vip', 'gold'] and not country == 'DE'"),
    ],
)
def test_every_metric_has_its_units(metric: str, gate: str) -> None:
    """A proportion takes percent and points, an index plain numbers, a latency durations, any of them a relative margin."""
    text = SMALL.replace("{label: outputs.label}", "{label: outputs.label, score: outputs.score}")
    text = text.replace("[sales: {better_than_champion: true}]", f"[{{{metric}: {{{gate}}}}}]")
    assert lint(text.replace("where: tier", 'where: "tier').replace("'DE'", "'DE'\"")) == ()


def test_a_key_with_an_alias_reads_as_its_anchor() -> None:
    """Anchors and aliases are plain YAML and work."""
    text = SMALL.replace("[sales: {not_worse_than_champion_by: 1%}]", "&gates [errors: {at_most: 1%}]")
    text = text.replace("promote_when: [sales: {better_than_champion: true}]", "promote_when: *gates")
    rollout = load(text)
    assert [gate.metric for gate in rollout.stages[2].promote_when if isinstance(gate, MetricGate)] == ["errors"]
    assert rollout.stages[2].promote_when[0].path == "stages[2].promote_when[0]"


@pytest.mark.parametrize(
    ("url", "valid"),
    [
        ("http://10.0.0.8:8080", True),
        ("https://models.example/v8", True),
        ("http://[::1]:80", True),
        ("ftp://host", False),
        ("http://", False),
        ("http://host:99999", False),
        ("http://host:0", False),
        ("http://user:secret@host", False),
        ("http://host/?a=b", False),
        ("http://host/a b", False),
    ],
)
def test_addresses(url: str, *, valid: bool) -> None:
    """A variant that is hosted elsewhere has an http address with a port that exists, and no password in the file."""
    assert (lint(SMALL.replace("{version: models:/churn/8}", f"{{version: models:/churn/8, url: '{url}'}}")) == ()) is valid


def test_what_an_unhealthy_champion_means_is_read() -> None:
    """As written, and where nothing is written what holds; defaults that are written out are no other meaning."""
    said = "unhealthy_champion: {errors_rise_by: 1pp, latency_rises_by: 100%, then: previous, after: 10m, well_for: 1h}\n"
    read = load(SMALL + said).unhealthy_champion
    assert read == UnhealthyChampion(
        errors_rise_by=0.01, latency_rises_by=1.0, then="previous", after_s=600.0, well_for_s=3600.0
    )
    assert load(SMALL + said.replace("100%", "250%")).unhealthy_champion.latency_rises_by == 2.5
    assert [len(lint(SMALL + said.replace("100%", wrong))) for wrong in ("0%", "-50%", "2")] == [1, 1, 1]
    assert load(SMALL).unhealthy_champion == UnhealthyChampion()
    written_out = "unhealthy_champion: {errors_rise_by: 2pp, latency_rises_by: 50%, then: hold, after: 5m, well_for: 15m}\n"
    assert load(SMALL + written_out).digest == load(SMALL).digest != load(SMALL + said).digest
