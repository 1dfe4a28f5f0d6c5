"""What can be read but not run is refused by name."""

from pathlib import Path

import pytest

from segue.errors import SpecError
from segue.spec.load import load
from segue.spec.unbuilt import require_built, unbuilt

VECTORS = Path(__file__).parents[2] / "vectors"
SMALL = (VECTORS / "small-rollout.yaml").read_text(encoding="utf-8")
EXAMPLE = (VECTORS / "example-rollout.yaml").read_text(encoding="utf-8")


def test_the_small_spec_is_built() -> None:
    """A spec of shadow, canary, ab and full with metric gates and an approval can be applied."""
    rollout = load(SMALL.replace("strategy: ab", "strategy: ab\n    approve: product"))
    assert unbuilt(rollout) == ()
    require_built(rollout)


def test_what_of_the_example_is_not_built() -> None:
    """Each part of the example that cannot be run yet is named with its place; nothing is passed over."""
    assert [(problem.line, problem.path) for problem in unbuilt(load(EXAMPLE))] == [
        (72, "stages[3].strategy"),
        (77, "stages[3].promote_when[0]"),
        (84, "retrain"),
    ]
    with pytest.raises(SpecError, match=r"churn\.yaml: 3 of its parts can be read, but not run yet"):
        require_built(load(EXAMPLE), "churn.yaml")


@pytest.mark.parametrize(
    ("old", "new", "path", "message"),
    [
        ("[header:x-user-id, request]", "[body:user.id, request]", "unit[0]", "units from `body:user.id`"),
        ("tier: header:x-tier", "tier: query:tier", "context.tier", "attributes from `query:tier`"),
        ("sales: {better_than_champion: true}", "sales: {stable: {every: 1d, at_most: 2x champion}}",
         "stages[2].promote_when[0]", "gates on stability (`stable`) of another kind than accuracy"),
        ("sales: {better_than_champion: true}", "sales: {best_with: 95%}", "stages[2].promote_when[0]", "gates `best_with`"),
        ("strategy: ab\n", "strategy: ab\n    plan: {metric: auc, effect: 1pp}\n", "stages[2].plan.metric",
         "plans for `roc_auc`"),
    ],
)  # fmt: skip
def test_unbuilt_parts(old: str, new: str, path: str, message: str) -> None:
    """Each is found by itself, where it stands."""
    text = SMALL.replace("{label: outputs.label}", "{label: outputs.label, score: outputs.score}").replace(old, new, 1)
    (problem,) = unbuilt(load(text))
    assert (problem.path, problem.line > 0) == (path, True)
    assert message in problem.message
    assert problem.hint == "take it out to apply this spec"


def test_other_protocols_are_served_by_others() -> None:
    """Our hosts speak v2 alone: under another protocol each variant says where it is served."""
    openai = SMALL.replace("route: churn", "route: churn\nprotocol: openai", 1)
    found = unbuilt(load(openai))
    assert [problem.path for problem in found] == ["variants.champion", "variants.v8"]
    assert "variants of the protocol `openai` without a `url` are not built yet" in found[0].message


def test_rmse_gates() -> None:
    """A difference of roots is no difference of squares: against the champion, a margin on rmse is relative."""
    text = SMALL.replace("auc: {kind: roc_auc}", "auc: {kind: rmse}")
    assert unbuilt(load(text.replace("sales: {better", "auc: {better", 1))) == ()
    gate = "sales: {better_than_champion: true}"
    assert unbuilt(load(text.replace(gate, "auc: {not_worse_than_champion_by: 10%}", 1))) == ()
    (problem,) = unbuilt(load(text.replace(gate, "auc: {not_worse_than_champion_by: 0.5}", 1)))
    assert "gates on `rmse` against the champion by an absolute margin" in problem.message


REFUSED = {
    "`unit: [body:user.id, request]`": ("[header:x-user-id, request]", "[body:user.id, request]"),
    "`context: {tier: query:tier}`": ("tier: header:x-tier", "tier: query:tier"),
    "`protocol: openai` without a `url`": ("route: churn", "route: churn\nprotocol: openai"),
    "`strategy: bandit`": (
        "strategy: ab\n    shares: {champion: 50%, v8: 50%}",
        "strategy: bandit\n    policy: thompson\n    reward: sales",
    ),
    "`best_with: 95%`": ("sales: {better_than_champion: true}", "sales: {best_with: 95%}"),
    "`stable` of a `mean`": ("sales: {better_than_champion: true}", "sales: {stable: {every: 1d, at_most: 2x champion}}"),
    "`plan` for a `roc_auc`": ("strategy: ab\n", "strategy: ab\n    plan: {metric: auc, effect: 1pp}\n"),
    "`rmse: {not_worse_than_champion_by: 0.1}`": (
        "kind: accuracy}\n", "kind: accuracy}\n  rmse: {kind: rmse}\n"
    ),
    "`retrain`": ("stages:\n", "retrain: [{every: 30d}]\nstages:\n"),
}  # fmt: skip


def test_the_reference_lists_what_is_refused() -> None:
    """The page about the rollout file has these rows and no others, and each of its examples is refused."""
    page = (VECTORS.parents[1] / "docs" / "reference" / "spec.md").read_text(encoding="utf-8")
    rows = page.split("## Read, but not run yet\n", 1)[1].split("\n## ", 1)[0].splitlines()
    assert [row.split(" | ")[1] for row in rows if row.startswith("| ")][2:] == list(REFUSED)
    text = SMALL.replace("{label: outputs.label}", "{label: outputs.label, score: outputs.score}")
    for example, (old, new) in REFUSED.items():
        part = text.replace(old, new, 1)
        if "rmse" in example:
            part = part.replace("hits: {not_worse_than_champion_by: 1pp}", "rmse: {not_worse_than_champion_by: 0.1}", 1)
        assert unbuilt(load(part)), example
