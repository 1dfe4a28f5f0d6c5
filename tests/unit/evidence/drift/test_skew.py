"""Values as served and as the offline pipeline has them."""

from segue.evidence.drift.skew import Tolerance, skew


def test_every_request_is_counted_once() -> None:
    """Same, different, on one side only, on neither; requests that one side does not know are told apart."""
    served: dict[str, dict[str, object]] = {
        "a": {"age": "41", "tier": "vip", "p": 0.5},
        "b": {"age": "41.00000001", "tier": "new", "p": None},
        "c": {"age": "12", "tier": None, "p": 0.25},
        "d": {"age": None, "tier": None, "p": 0.1},
        "only served": {"age": "1"},
    }
    offline: dict[str, dict[str, object]] = {
        "a": {"age": 41, "tier": "vip", "p": 0.5},
        "b": {"age": 41.0, "tier": "old", "p": 0.5},
        "c": {"age": 14.5, "tier": "vip", "p": float("nan")},
        "d": {"age": 3.0, "tier": None, "p": 0.1},
        "only offline": {"age": 1},
    }
    found = skew(served, offline, ("age", "tier", "p"), Tolerance())
    assert (found.joined, found.not_served) == (4, 1)
    age, tier, score = found.columns
    assert (age.same, age.different, age.offline_only, age.served_only, age.neither) == (2, 1, 1, 0, 0)
    assert (age.largest, age.examples, age.rate) == (2.5, ("c",), 0.5)
    assert (tier.same, tier.different, tier.offline_only, tier.neither) == (1, 1, 1, 1)
    assert tier.largest is None
    assert (score.same, score.offline_only, score.served_only) == (2, 1, 1)


def test_the_tolerance_is_felt() -> None:
    """What is the same at one tolerance is different at a stricter one; nothing on both sides is no rate."""
    served, offline = {"a": {"x": "1.001"}}, {"a": {"x": 1.0}}
    assert skew(served, offline, ("x",), Tolerance()).columns[0].different == 1
    assert skew(served, offline, ("x",), Tolerance(relative=0.01)).columns[0].same == 1
    assert skew(served, offline, ("y",), Tolerance()).columns[0].rate is None


def test_booleans_and_texts() -> None:
    """A boolean is what JSON writes for it; texts are the same letter by letter."""
    served, offline = {"a": {"x": "true", "y": "abc", "z": "false"}}, {"a": {"x": True, "y": "Abc", "z": True}}
    found = skew(served, offline, ("x", "y", "z"), Tolerance())
    assert [column.same for column in found.columns] == [1, 0, 0]
