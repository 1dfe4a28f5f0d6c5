"""Conditions that stand in for one another, and opposites that can be shown."""

import pytest

from segue.errors import SpecError
from segue.spec.digest import digest_of
from segue.spec.gate import MetricGate
from segue.spec.load import load
from segue.spec.rollout import Rollout
from segue.testkit.small_world import SPEC

GATE = "      - accuracy: {not_worse_than_champion_by: 2pp}\n"


def with_conditions(*lines: str) -> Rollout:
    """The small world's rollout with other conditions of its first stage."""
    return load(SPEC.replace(GATE, "".join(f"      {line}\n" for line in lines)))


def test_alternatives() -> None:
    """`any` names its alternatives, of which one may be several gates; `all` is what a list is anyway."""
    rollout = with_conditions(
        "- errors: {not_worse_than_champion_by: 1pp}",
        "- any:",
        "    - accuracy: {better_than_champion: true}",
        "    - all: [{accuracy: {not_worse_than_champion_by: 1pp}}, {p99: {at_most: 80ms}}]",
        "- all: [{accuracy: {at_least: 70%}}]",
    )
    stage, at = rollout.stages[0], "stages[0].promote_when"
    paths = [gate.path for gate in stage.promote_when]
    assert paths == [f"{at}[0]", f"{at}[1].any[0]", f"{at}[1].any[1].all[0]", f"{at}[1].any[1].all[1]", f"{at}[2].all[0]"]
    assert stage.any_of == (((paths[1],), (paths[2], paths[3])),)
    assert [stage.alternatives(path) for path in paths] == [1, 2, 2, 2, 1]
    assert digest_of(rollout) != digest_of(with_conditions("- errors: {not_worse_than_champion_by: 1pp}"))


@pytest.mark.parametrize(
    ("guardrail", "test"),
    [
        ("p99: {above: 80ms}", "at_most"),
        ("accuracy: {below: 70%}", "at_least"),
        ("accuracy: {worse_than_champion_by: 2pp}", "not_worse_than_champion_by"),
    ],
)
def test_the_opposite_of_a_guardrail_is_shown(guardrail: str, test: str) -> None:
    """`not` before a guardrail's test asks for the opposite to be shown, never for the test to be open still."""
    (gate,) = with_conditions(f"- not: {{{guardrail}}}").stages[0].promote_when
    assert isinstance(gate, MetricGate)
    assert gate.test == test


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["- not: {accuracy: {at_least: 90%}}"], "`at_least` is no test under `guardrails`"),
        (["- any: [{accuracy: {at_least: 90%}}]"], "`any` of fewer than two"),
        (["- any: [{accuracy: {at_least: 90%}}, {any: [{accuracy: {at_least: 80%}}]}]"], "`any` inside of `any`"),
        (["- accuracy: {at_least: 90%, weight: 2}"], "`weight` has no use under `promote_when`"),
        (["- any: [{accuracy: {at_least: 90%}}, {drift: {against: training, psi_below: 0.2}}]"], "drift alone never promotes"),
    ],
)
def test_what_says_nothing_is_refused(lines: list[str], said: str) -> None:
    """Each with its reason."""
    with pytest.raises(SpecError, match="problem") as caught:
        with_conditions(*lines)
    assert said in str(caught.value)
