"""What differs between two specs, in the words of a spec."""

from pathlib import Path

import pytest

from segue.spec.diff import diff
from segue.spec.load import load

VECTORS = Path(__file__).parents[2] / "vectors"
SMALL = (VECTORS / "small-rollout.yaml").read_text(encoding="utf-8")
EXAMPLE = (VECTORS / "example-rollout.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("{share: 5%, age: 1h}", "{share: 6%, age: 90m}",
         ["~ stages[canary].steps[0].share: 5% -> 6%", "~ stages[canary].steps[0].age: 1h -> 90m"]),
        ("1pp}]", "2%}]", ["~ stages[shadow].promote_when[hits].not_worse_than_champion_by: 1pp -> 2%"]),
        ("0.5pp}", "0.5pp}\n  - p99: {above: 80ms}", ["+ guardrails[p99].above: 80ms"]),
        ("  errors: {kind: error_rate}\n", "  errors: {kind: error_rate}\n  loss: {kind: mae, cap: 3}\n",
         ["+ metrics.loss.kind: mae", "+ metrics.loss.goal: decrease", "+ metrics.loss.cap: 3", "+ metrics.loss.window: 1d",
          "+ metrics.loss.missing: exclude"]),
        ("  - name: ab\n", "  - {name: more, strategy: canary, steps: [{share: 30%, age: 1d}], approve: ops}\n  - name: ab\n",
         ["+ stages[more].strategy: canary", "+ stages[more].steps[0].share: 30%", "+ stages[more].steps[0].age: 1d",
          "+ stages[more].at_least.age: 0s", "+ stages[more].at_least.outcomes: 0", "+ stages[more].approve: ops",
          "~ stages: [shadow, canary, ab, all] -> [shadow, canary, more, ab, all]"]),
        ("{window: 24h}", "{window: 1d} # the same", []),
    ],
)  # fmt: skip
def test_changes(old: str, new: str, lines: list[str]) -> None:
    """Only what means something else is a change; a stage put in between is one stage more."""
    changed = SMALL.replace(old, new, 1)
    assert changed != SMALL
    assert [str(change) for change in diff(load(SMALL), load(changed))] == lines


def test_back_is_the_opposite() -> None:
    """The way back has the same paths with old and new exchanged."""
    there, back = diff(load(SMALL), load(EXAMPLE)), diff(load(EXAMPLE), load(SMALL))
    assert {(change.path, change.old, change.new) for change in there} == {
        (change.path, change.new, change.old) for change in back
    }
    assert len(there) > 50
