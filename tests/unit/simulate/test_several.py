"""Several candidates, and gates of which one is enough: decided as in life, in worlds of which it is known who is good."""

import numpy as np
import pytest
from tests.unit.simulate.conftest import SPEC, world

from segue.planning.assumptions import Assumed
from segue.simulate.many import Asking, simulate
from segue.simulate.walk import Walker
from segue.simulate.worlds.battery import battery
from segue.simulate.worlds.streams import BETTER, BOTH, CANDIDATE, CHAMPION, WORSE, Share, Stretch
from segue.simulate.worlds.world import Truth, World
from segue.spec.load import load
from segue.spec.rollout import Rollout

KNOWN = Assumed(baselines={"accuracy": (0.91, 0.0819), "conversion": (0.1, 0.09), "errors": (0.01, 0.0099)})
TWO = SPEC.replace("  v2: {version: models:/churn/2}\n", "  v2: {version: models:/churn/2}\n  v3: {version: models:/churn/3}\n")
TWO = TWO.replace("{champion: 50%, v2: 50%}", "{champion: 40%, v2: 30%, v3: 30%}")
ANY = SPEC.replace(
    "promote_when: [conversion: {better_than_champion: true}]",
    "promote_when: [any: [conversion: {better_than_champion: true}, accuracy: {better_than_champion: true}]]",
)
WORSE_CONVERSION = {"conversion": Truth(champion=0.1, shift=-0.05)}


@pytest.fixture
def two() -> Rollout:
    """The policy for two candidates."""
    return load(TWO)


def beside(share: Share) -> tuple[Stretch, Stretch]:
    """Ten days of two candidates at once, the second a little worse in accuracy."""
    edges = np.arange(0.0, 14_401.0, 60.0)
    other = world(accuracy=Truth(champion=0.91, shift=-0.02, differ=0.07))
    first = Stretch(world=world(), share=share, edges=edges, parts=("tier == 'vip'",), seed=(7,))
    return first, Stretch(world=other, share=share, edges=edges, parts=("tier == 'vip'",), seed=(7, 1), beside=first)


def test_the_champion_is_everybodys_champion() -> None:
    """Drawn once: its arrivals and observations are the same beside each candidate, and each candidate has its own."""
    first, second = beside(Share(number=1, drawn=0.7, candidate=0.3))
    came, split = (
        (it.arrivals("unit") for it in (first, second)),
        (it.split("accuracy", "unit").every for it in (first, second)),
    )
    for (one, other), candidate, champion in ((came, CANDIDATE, CHAMPION), (split, [0, 1], [2, 3])):
        assert (one[:, champion] == other[:, champion]).all()
        assert (one[:, candidate] != other[:, candidate]).any()


def test_two_shadows_see_the_same_request() -> None:
    """As many pairs, the champion right in the same ones, and each candidate as its world says."""
    first, second = beside(Share(number=1, paired=1.0))
    pairs = [it.joint("accuracy").every.sum(axis=(0, 2)) for it in (first, second)]
    assert [kinds.sum() for kinds in pairs] == 2 * [first.pairs().sum()]
    assert len({kinds[WORSE] + kinds[BOTH] for kinds in pairs}) == 1
    apart = [(kinds[BETTER] - kinds[WORSE]) / kinds.sum() for kinds in pairs]
    assert apart == pytest.approx([0.0, -0.02], abs=0.001)
    assert [(kinds[BETTER] + kinds[WORSE]) / kinds.sum() for kinds in pairs] == pytest.approx([0.07, 0.07], abs=0.002)


def test_a_worse_one_leaves_and_the_other_goes_on(two: Rollout) -> None:
    """The alias moves to the one that is better, never to the one that is not."""
    it = world()
    mixed = World(name="mixed", says="", right="promote", truths=it.truths, populations=it.populations,
                  apart={"v3": WORSE_CONVERSION}, bad=("v3",))  # fmt: skip
    runs = [Walker(two, mixed, (seed,), days=10).run() for seed in range(5)]
    assert [(run.phase, run.promoted) for run in runs] == 5 * [("promoted", "v2")]


def test_each_world_says_who_should_not_be_promoted(two: Rollout) -> None:
    """All alike as for one; and worlds in which one is better, or worse, than the others."""
    worlds = {it.name: it for it in battery(two, KNOWN).worlds}
    assert (worlds["one better"].right, worlds["one better"].bad) == ("promote", ("v3",))
    assert (worlds["one worse"].right, worlds["one worse"].bad, worlds["one worse"].harmful) == ("promote", ("v3",), False)
    assert (worlds["same"].right, worlds["same"].bad) == ("stay", ())
    (found,) = simulate("p", two, [worlds["one better"]], Asking(runs=3, days=1.0), say=lambda *_: None)
    assert found.wrong_promotion is not None


def test_one_alternative_is_enough() -> None:
    """Better in one of two metrics promotes; on the edge of both at once nobody is promoted, and that is the edge's world."""
    spec = load(ANY)
    one = world(conversion=Truth(champion=0.1), accuracy=Truth(champion=0.91, shift=0.02, differ=0.07))
    assert Walker(spec, one, (3,), days=10).run().phase == "promoted"
    worlds = {it.name: it for it in battery(spec, KNOWN).worlds}
    edge = next(it for it in worlds.values() if " or " in it.says)
    assert edge.right == "stay"
    assert [edge.truths[name].candidate for name in ("accuracy", "conversion")] == pytest.approx([0.91, 0.1])
    runs = [Walker(spec, edge, (seed,), days=4).run().phase for seed in range(3)]
    assert set(runs) == {"held"}


@pytest.mark.slow
@pytest.mark.parametrize("text", [TWO, ANY], ids=["two candidates", "alternatives"])
def test_leaving_out_looks_leaves_out_no_decision(text: str) -> None:
    """Asked at every look, as a monitor asks, `decide` makes the same moves; but where an audit holds."""
    spec = load(text)
    for name, it in {it.name: it for it in battery(spec, KNOWN).worlds if it.name != "late"}.items():
        quick, slow = (Walker(spec, it, (5,), days=2, every_look=every) for every in (False, True))
        assert quick.run() == slow.run(), name
        moves = [[(found.trigger, found.at) for found in walker.decisions] for walker in (quick, slow)]
        assert moves[0] == moves[1], name


def test_what_a_step_ended_comes_no_more() -> None:
    """A step in the middle of what was drawn: the share before it is dealt out until then, and counted no longer."""
    limit = "    strategy: canary\n    at_most: {age: 5d, then: rollback}\n"
    spec = load(SPEC.replace("    strategy: canary\n", limit))
    walker = Walker(spec, world(conversion=Truth(champion=0.1, shift=-0.02)), (3,), days=1.0)
    walker.run()
    ((_, began), (_, stepped)) = [
        (found.trigger, found.at.timestamp() / 60) for found in walker.decisions if found.trigger in {"next_stage", "step"}
    ][:2]
    assert stepped - began == pytest.approx(60)
    early = [stretch for stretch in walker._stretches["v2"] if stretch.share.candidate == 0.05]
    assert [stretch.ends - stretch.edges[0] for stretch in early] == pytest.approx([60.0])
