"""Every kind of the catalogue can be named in a spec, and what is wrong with one is said with its near miss."""

from pathlib import Path

import pytest

from segue.spec.catalogue.kind import PARAMETERS, Parameter
from segue.spec.load import lint, load
from segue.spec.metric import KINDS, gated

SMALL = (Path(__file__).parents[3] / "vectors" / "small-rollout.yaml").read_text(encoding="utf-8")
ENTRY = "{kind: accuracy}"


def with_metrics(*entries: str) -> str:
    """A small spec with further metrics."""
    assert ENTRY in SMALL
    return SMALL.replace(ENTRY, ENTRY + "".join(f"\n  m{at}: {entry}" for at, entry in enumerate(entries)), 1)


def entry(kind: str, **more: str) -> str:
    """A metric as it may be written, with what it needs."""
    known = KINDS[kind]
    needed = {name: written(PARAMETERS[name]) for name, default in known.parameters.items() if default is None}
    of = {"of": "outcome.revenue"} if known.of else {}
    goal = {} if known.goal else {"goal": "increase"}
    return "{" + ", ".join(f"{name}: {value}" for name, value in {"kind": kind, **of, **goal, **needed, **more}.items()) + "}"


def written(parameter: Parameter) -> str:
    """The parameter's example; an attribute that the spec declares."""
    return parameter.example


def problems(*entries: str) -> str:
    """What lint says."""
    return "\n".join(str(problem) for problem in lint(with_metrics(*entries)))


@pytest.mark.parametrize("kind", KINDS)
def test_can_be_named(kind: str) -> None:
    """A metric with what it must say is accepted, and has its parameters."""
    loaded = load(with_metrics(entry(kind)))
    metric = loaded.metrics["m0"]
    assert metric.kind == kind
    assert set(metric.parameters) == {name for name, default in KINDS[kind].parameters.items() if default is None}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if any(it is None for it in KINDS[kind].parameters.values())])
def test_what_is_needed_is_missed(kind: str) -> None:
    """A parameter that must be said is asked for by its name, with an example."""
    for name, default in KINDS[kind].parameters.items():
        if default is None:
            text = entry(kind).replace(f"{name}: {written(PARAMETERS[name])}", "").replace(", }", "}").replace(", ,", ",")
            assert f"`{name}" in problems(text) or name in problems(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{kind: matthew}", "matthews"),
        ("{kind: ece, binz: mass}", "bins"),
        ("{kind: ece, bins: mas}", "mass"),
        ("{kind: ece, count: 0}", "at least 1"),
        ("{kind: ece, q: 0.5}", "no use"),
        ("{kind: fbeta, positive: 1, beta: 0}", "above 0"),
        ("{kind: quantile_loss, q: 1}", "a quantile"),
        ("{kind: precision, average: binary}", "positive"),
        ("{kind: precision, average: macro, positive: 1}", "no use in a mean over all classes"),
        ("{kind: value_ratio, goal: increase, of: outcome.a, per: b}", "outcome.revenue"),
        ("{kind: conversion, goal: increase, of: prediction.cost_usd}", "nothing that"),
        ("{kind: worst_day, goal: increase, base: precison}", "precision"),
        ("{kind: worst_day, goal: increase, base: precision}", "positive"),
        ("{kind: worst_day, goal: increase, base: mean}", "of"),
        ("{kind: worst_day, goal: increase, base: day_trend}", "kind of metric"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    """With a near miss, or with what would be right."""
    assert said in problems(text)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].shape == "shown"])
def test_a_gate_on_what_is_only_shown_is_refused_by_name(kind: str) -> None:
    """No gate is passed over: it is said that there is no evidence for this kind."""
    text = with_metrics(entry(kind)).replace("hits:", "m0:", 2).replace("m0: {kind", "hits: {kind", 1)
    assert f"no gate can test `m0`: `{kind}` is measured and shown" in "\n".join(str(problem) for problem in lint(text))


def test_days_of_a_base() -> None:
    """What the base needs stands beside it: its value, its parameters, its outcome."""
    sales = "{kind: day_deviation, base: mean, of: outcome.sales, cap: 5}"
    errors, late = (
        "{kind: day_trend, goal: increase, base: error_rate}",
        "{kind: worst_day, goal: decrease, base: quantile_loss, q: 0.9}",
    )
    loaded = load(with_metrics(sales, errors, late)).metrics
    assert (loaded["m0"].of, loaded["m0"].cap) == ("outcome.sales", 5.0)
    assert [loaded[name].window_s > 0 for name in ("m0", "m1", "m2")] == [True, False, True]
    assert loaded["m2"].parameters == {"base": "quantile_loss", "q": 0.9}


def test_a_mean_over_classes_is_only_shown() -> None:
    """Precision of one class has evidence, the mean over all classes has none yet."""
    loaded = load(with_metrics("{kind: precision, average: macro}", "{kind: precision, positive: 1}"))
    assert [gated(loaded.metrics[name]) for name in ("m0", "m1")] == [False, True]
    with_threshold = load(with_metrics("{kind: precision, positive: 1, threshold: 0.3}")).metrics["m0"]
    assert not gated(with_threshold)


def test_a_whole_list_may_be_captured() -> None:
    """A pointer may end in `[]`."""
    assert load(SMALL.replace("label: outputs.label", "label: 'outputs.items[]'")).prediction.label == "outputs.items[]"
    assert lint(SMALL.replace("label: outputs.label", "label: 'outputs[].items'"))
