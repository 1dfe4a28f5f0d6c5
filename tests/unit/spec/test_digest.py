"""The digest is the meaning's, and it stays."""

from pathlib import Path

import msgspec
import pytest

from segue.spec.digest import digest_of, meaning_of
from segue.spec.load import load

VECTORS = Path(__file__).parents[2] / "vectors"
SMALL = (VECTORS / "small-rollout.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "digest"), msgspec.json.decode((VECTORS / "spec-digests.json").read_bytes()).items())
def test_known_digests(name: str, digest: str) -> None:
    """A spec's digest is the same in every version that reads format 1, since every fact carries it."""
    assert load((VECTORS / name).read_text(encoding="utf-8")).digest == digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1pp}]", "1.1pp}]"),
        ("{window: 24h}", "{window: 24h, missing: negative}"),
        ("share: 5%", "share: 6%"),
        ("name: ab", "name: a-b"),
        ("models:/churn/8", "models:/churn/9"),
        ("models:/churn/8}", "models:/churn/8, timeout: 2s}"),
        ("[header:x-user-id, request]", "[cookie:uid, header:x-user-id, request]"),
        ("{label: outputs.label}", "{label: outputs.label, score: outputs.score}"),
        ("1pp}]", "1pp, where: \"tier == 'vip'\"}]"),
    ],
)
def test_another_meaning_has_another_digest(old: str, new: str) -> None:
    """Whatever changes what is run, measured or decided changes the digest."""
    assert old in SMALL
    assert load(SMALL.replace(old, new, 1)).digest != load(SMALL).digest


def test_a_weight_counts_where_it_is_not_the_default() -> None:
    """A guardrail on failures that weighs as much as any other is another meaning; the default written out is none."""
    said = "worse_than_champion_by: 0.5pp"
    of = {weight: load(SMALL.replace(said, f"{said}, weight: {weight}", 1)) for weight in (1, 8)}
    assert of[1].digest != load(SMALL).digest
    assert of[8].digest == load(SMALL).digest
    assert [one.guardrails[0].weight for one in of.values()] == [1.0, None]  # type: ignore[union-attr]


def test_expressions_count_by_meaning() -> None:
    """Two spellings of one population have one digest."""
    first = SMALL.replace("1pp}]", "1pp, where: \"tier == 'vip'\"}]")
    second = SMALL.replace("1pp}]", "1pp, where: '(\"vip\"==tier)'}]")
    assert load(first).digest == load(second).digest


def test_source_and_digest_are_not_part_of_the_meaning() -> None:
    """The digest can be computed again from the rollout that carries it."""
    rollout = load(SMALL)
    assert digest_of(rollout) == rollout.digest
    assert not {"source", "digest"} & set(meaning_of(rollout))
