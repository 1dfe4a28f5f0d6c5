"""Where requests are counted and units were drawn: are the requests of one unit alike?"""

import pytest

from segue.facts.decision import Verdict
from segue.monitor.begin import apply
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld

ACCURACY = "      - accuracy: {not_worse_than_champion_by: 2pp}\n"
LIMIT = ACCURACY + "      - accuracy: {at_least: 60%}\n      - accuracy: {better_than_champion: true}\n"


def judged(world: SmallWorld, spec: str) -> dict[str, Verdict]:
    """The verdicts of a shadow stage of 80 users with 15 requests each, by the gate's sentence."""
    apply(world.outside, spec)
    world.host()
    Monitor(world.outside).tick()
    world.users = 80
    for _ in range(2):
        world.traffic(600, hours=1)
    world.later(1.5)
    world.host()
    decision = Monitor(world.outside).tick_one("churn-1")
    assert decision is not None
    return {verdict.text: verdict for verdict in decision.verdicts}


@pytest.mark.parametrize(
    ("habits", "limit", "pairs"),
    [({}, False, False), ({"v8": 0.1, "champion": 0.1}, True, False), ({"v8": -0.1, "champion": 0.2}, True, True)],
    ids=["no habits", "the same habits", "opposite habits"],
)
def test_requests_of_one_unit(small_world: SmallWorld, habits: dict[str, float], limit: bool, pairs: bool) -> None:
    """A design effect above 1.2 is told beside the verdict that it is about, and changes no outcome; pairs cancel habits."""
    small_world.habits = habits
    verdicts = judged(small_world, SPEC.replace(ACCURACY, LIMIT))
    alone = next(verdict for text, verdict in verdicts.items() if "60" in text)
    beside = verdicts["accuracy of v8 better than champion's"]
    assert ("requests of one unit are alike" in alone.reason) == limit, alone.reason
    assert ("requests of one unit are alike" in beside.reason) == pairs, beside.reason
    assert alone.outcome == "pass"


def test_where_the_request_is_the_unit(small_world: SmallWorld) -> None:
    """Nobody who draws by the request is told about units."""
    small_world.habits = {"v8": 0.1, "champion": 0.1}
    verdicts = judged(small_world, SPEC.replace(ACCURACY, LIMIT).replace("[header:x-user-id, request]", "[request]"))
    assert not any("requests of one unit" in verdict.reason for verdict in verdicts.values())
