"""What alternatives, and several candidates, show together and none shows alone."""

from itertools import combinations
from math import exp, inf, log
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.decide.conftest import TEXT, Scene
from tests.unit.decide.gates.test_alternatives import ANY

from segue.decide.decide import decide
from segue.decide.gates.together import shown, together
from segue.decide.judge import verdicts
from segue.decide.preconditions.missing import what_ifs
from segue.decide.questions import asked_gates
from segue.facts.evidence import Evidence, Weighed
from segue.spec.load import load

V8 = "  v8: {version: models:/churn/8}\n"
TWO = TEXT.replace(V8, f"{V8}  v9: {{version: models:/churn/9}}\n")
LOGS = st.dictionaries(st.sampled_from(["v8", "v9", "v10", "v11"]), st.floats(-5, 8), min_size=1)


@given(LOGS, st.sampled_from([0.001, 0.01, 0.05, 0.2]))
def test_it_is_closed_testing(log_e: dict[str, float], alpha: float) -> None:
    """The shortcut is the definition: every set that a shown claim belongs to has a mean of at least 1 / alpha."""
    found, values = shown(log_e, alpha), {name: exp(value) for name, value in log_e.items()}
    for name, value in values.items():
        others = [other for rival, other in values.items() if rival != name]
        sets = [part for size in range(len(others) + 1) for part in combinations(others, size)]
        least = min((value + sum(part)) / (1 + len(part)) for part in sets)
        if abs(least * alpha - 1) > 1e-9:
            assert (name in found) == (least >= 1 / alpha)
    assert found >= {name for name, value in log_e.items() if value >= log(len(log_e) / alpha) + 1e-9}
    assert found <= {name for name, value in log_e.items() if value >= -log(alpha) - 1e-9}


def with_logs(scene: Scene, logs: dict[tuple[str, str], float], lost: float = 0.0) -> dict[str, Weighed]:
    """Evidence of so much for each gate (candidate and path), nothing for the rest; `lost` where unknown truths are known."""
    known = scene.evidence()
    for asked in scene.asked:
        found = known[asked.question.id]
        assert isinstance(found, Evidence)
        log_e = logs.get((asked.candidate, asked.question.gate), -1.0)
        known[asked.question.id] = msgspec.structs.replace(found, log_e=log_e, threshold=-log(asked.question.alpha))
    for it in what_ifs(scene.asked, scene.state):
        found = known[it.question.id]
        assert isinstance(found, Evidence)
        log_e = logs.get((it.asked.candidate, it.asked.question.gate), -1.0) - lost
        known[it.question.id] = msgspec.structs.replace(found, log_e=log_e, threshold=-log(it.question.alpha))
    return known


def passed(scene: Scene, logs: dict[tuple[str, str], float]) -> set[tuple[str, str]]:
    """The gates that pass."""
    observed = scene.observed(weighed=with_logs(scene, logs))
    found, _ = together(scene.spec, scene.state, verdicts(scene.asked, scene.state, observed))
    return {(it.candidate, it.gate) for it in found if it.role == "objective" and it.outcome == "pass"}


@pytest.fixture
def either(running: Any) -> Scene:
    """In a shadow whose two gates are alternatives."""
    return Scene(load(ANY), running.state).at(hours=3)


def test_unknown_outcomes_have_to_bear_it_together(either: Scene) -> None:
    """A gate that is shown together is held where it would not be, were the unknown outcomes known."""
    logs = {FIRST: log(26), SECOND: log(25)}
    fine, _ = decide(either.spec, either.state, either.observed(weighed=with_logs(either, logs)), either.now)
    assert fine.trigger == "next_stage"
    decision, _ = decide(either.spec, either.state, either.observed(weighed=with_logs(either, logs, 3.0)), either.now)
    assert decision.trigger == "hold"
    (held,) = [it for it in decision.verdicts if it.gate == f"{FIRST[1]}.unknown_wrong"]
    assert held.outcome == "not_yet"


FIRST, SECOND = (("v8", f"stages[0].promote_when[0].any[{place}]") for place in (0, 1))


def test_two_alternatives_that_are_nearly_shown_are_shown_together(either: Scene) -> None:
    """Two e-values of 26 are less than 2 / alpha each, their mean is more than 1 / alpha: that passes the stage, and stays."""
    logs = {FIRST: log(26), SECOND: log(25)}
    assert passed(either, logs) == {FIRST}, "the one that is shown best"
    assert not passed(either, {FIRST: log(26)})
    assert not passed(either, {FIRST: log(18), SECOND: log(18)})
    ids = {it.question.gate: it.question.id for it in asked_gates(either.spec, either.state) if it.kind == "promotion"}
    silent = msgspec.structs.replace(either.observed(weighed=with_logs(either, logs)), health={})
    decision, after = decide(either.spec, either.state, silent, either.now)
    assert decision.trigger == "hold"
    assert after.crossed[ids[FIRST[1]]] == pytest.approx(log(26))
    known = either.observed(weighed=with_logs(either, {}))
    decision, _ = decide(either.spec, after, known, either.now)
    assert decision.trigger == "next_stage"


def test_of_two_candidates_the_second_needs_no_half(running: Any) -> None:
    """Where one is shown beyond doubt, the other needs 1 / alpha, not 2 / alpha (Holm); alone with it, each needs its half."""
    scene = Scene(load(TWO), running.state).at(hours=3)
    gates = [(name, "stages[0].promote_when[0]") for name in ("v8", "v9")]
    assert passed(scene, dict(zip(gates, (log(500), log(23)), strict=True))) == set(gates)
    assert passed(scene, dict(zip(gates, (log(5), log(23)), strict=True))) == set()
    assert passed(scene, dict(zip(gates, (log(500), log(19)), strict=True))) == {gates[0]}
    alone = scene.at(out={"v8": 0})
    assert passed(alone, {gates[1]: log(23)}) == set(), "one that has left is no evidence"


def test_one_false_gate_is_enough_against_a_candidate(running: Any) -> None:
    """Candidates are closed over the least of their gates: what one gate shows beyond doubt helps no other one."""
    text = TWO.replace(
        "promote_when: [accuracy: {not_worse_than_champion_by: 2pp}]",
        "promote_when: [accuracy: {not_worse_than_champion_by: 2pp}, errors: {at_most: 1%}]",
        1,
    )
    scene = Scene(load(text), running.state).at(hours=3)
    one, other = "stages[0].promote_when[0]", "stages[0].promote_when[1]"
    logs = {("v8", one): log(500), ("v8", other): 1.0, ("v9", one): log(23), ("v9", other): log(500)}
    assert passed(scene, logs) == {("v8", one), ("v9", other)}
    assert passed(scene, logs | {("v8", other): log(500)}) == {(name, gate) for name in ("v8", "v9") for gate in (one, other)}


def test_what_is_no_process_keeps_to_its_share(running: Any) -> None:
    """Beside a gate on stability nothing is added up: its evidence may not be looked at at every look."""
    text = TWO.replace(
        "promote_when: [accuracy: {not_worse_than_champion_by: 2pp}]",
        "promote_when: [accuracy: {not_worse_than_champion_by: 2pp}, accuracy: {stable: {every: 1d, at_most: 1.5x champion}}]",
        1,
    )
    scene = Scene(load(text), running.state).at(hours=3)
    everything = {(name, f"stages[0].promote_when[{place}]"): log(30) for name in ("v8", "v9") for place in (0, 1)}
    assert len(passed(Scene(load(TWO), running.state).at(hours=3), everything)) == 2, "more than 1 / alpha, less than 2 / alpha"
    assert passed(scene, everything) == set()


def test_nothing_is_shown_by_nothing() -> None:
    """No evidence at all is none together."""
    assert shown({"v8": -inf, "v9": -inf}, 0.05) == frozenset()
