"""What comes in is what the world says."""

import msgspec
import numpy as np
import pytest
from tests.unit.simulate.conftest import world

from segue.errors import DomainError
from segue.simulate.seen.view import Glance
from segue.simulate.worlds.clockwork import looks
from segue.simulate.worlds.streams import BETTER, WORSE, Share, Stretch
from segue.simulate.worlds.world import FAILURES, Truth, World


def stretch(it: World, share: Share, days: float = 10.0) -> Stretch:
    """Looked at by the hour from the first minute on."""
    edges = np.concatenate([[0.0], looks(0.0, days * 1440, -1440.0)])
    return Stretch(world=it, share=share, edges=edges, parts=tuple(it.populations), seed=(7,))


def test_arrivals_follow_share_and_population() -> None:
    """A million requests: a tenth to the candidate, three tenths of them vips; within five standard errors."""
    came = stretch(world(), Share(number=1, candidate=0.1)).arrivals("request").sum(axis=0)
    assert came.sum() == pytest.approx(1_000_000, abs=5_000)
    assert came[0].sum() / came.sum() == pytest.approx(0.1, abs=0.0015)
    assert came[:, 1].sum() / came.sum() == pytest.approx(0.3, abs=0.0025)


def test_day_and_night_move_both_alike() -> None:
    """The difference of the chances is the same at all hours, the chances themselves are not."""
    it = world()
    champion, candidate = it.truths["conversion"].chances(it.swung(np.arange(0.0, 1440.0, 60.0)))
    assert np.ptp(champion) > 0.03
    assert candidate - champion == pytest.approx(0.02)


def test_pairs_differ_as_often_as_said() -> None:
    """Of accuracy 7 %, as often in one's favour as in the other's where they are equally good."""
    joint = stretch(world(), Share(number=1, paired=1.0)).joint("accuracy").every.sum(axis=(0, 2))
    assert joint[[BETTER, WORSE]].sum() / joint.sum() == pytest.approx(0.07, abs=0.0013)
    assert joint[BETTER] == pytest.approx(joint[WORSE], rel=0.03)


def test_what_was_drawn_before_changes_nothing() -> None:
    """The order in which questions look does not move their data."""
    one, other = (stretch(world(), Share(number=1, candidate=0.5)) for _ in range(2))
    first = one.split("accuracy", "request").every
    other.split("conversion", "request")
    assert (other.split("accuracy", "request").every == first).all()


def test_before_the_begin_nothing_has_come() -> None:
    """And after the end, what had come by then."""
    it = stretch(world(), Share(number=1, candidate=0.5), days=1.0)
    came = it.came("request")
    assert not Glance(it, np.array([-60.0, 0.0])).at(came).any()
    assert Glance(it, np.array([9999.0])).at(came)[0].tolist() == it.arrivals("request").sum(axis=(0, 2)).tolist()


def test_what_would_come_after_the_end_does_not() -> None:
    """Cut where another allocation comes into force; what has come by then is asked as often as it is answered, or fails."""
    it = stretch(world(), Share(number=1, candidate=0.5), days=1.0)
    it.ends = 600.0
    by_then, later = (Glance(it, np.array([moment])) for moment in (600.0, 1200.0))
    assert later.at(it.came("request")).tolist() == by_then.at(it.came("request")).tolist()
    assert it.asked()[..., 0].tolist() == it.came("request").tolist()
    assert it.asked()[..., 1].any()
    assert (it.asked()[..., 1] <= it.asked()[..., 0]).all()


def test_every_population_is_a_part_of_all() -> None:
    """What comes of one is within what comes of all, by every time at which its outcome may come."""
    it = stretch(msgspec.structs.replace(world(), coverage=0.9, late=(0.1, 0.2)), Share(number=1, candidate=0.5), days=1.0)
    for some, every in zip(it.arms("accuracy", "unit", "tier == 'vip'"), it.arms("accuracy", "unit"), strict=True):
        assert some is not None
        assert every is not None
        assert (some[-1] > 0).all()
        assert (some <= every).all()


def test_units_are_fewer_than_requests() -> None:
    """Where a world says how many units are new a day, they are what arrives by unit."""
    it = World(name="w", says="", right="stay", units=10_000.0, truths={FAILURES: Truth(champion=0.0)})
    few = stretch(it, Share(number=1, candidate=0.5), days=1.0)
    assert few.arrivals("unit").sum() == pytest.approx(10_000, abs=500)
    assert few.arrivals("request").sum() == pytest.approx(100_000, abs=1_600)


def test_no_chance_above_one() -> None:
    """A truth that is none is refused."""
    with pytest.raises(DomainError, match="no chances"):
        Truth(champion=0.99, shift=0.02)
