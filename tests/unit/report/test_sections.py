"""A report of any rollout, from the record alone."""

import random
import re

from segue.evidence.drift.profiling import profile_of
from segue.monitor.begin import apply
from segue.monitor.tick import Monitor
from segue.report.gather import of_rollout, to_html
from segue.report.sections import line, sections
from segue.testkit.small_world import SPEC, SmallWorld


def people(rng: random.Random) -> dict[str, object]:
    """Features of a request."""
    return {"age": rng.gauss(40, 10), "plan": rng.choice(["a", "b"])}


def test_a_page_that_needs_nothing_else(small_world: SmallWorld) -> None:
    """Walk, gates, drift, agreement and segments stand on one page, with pictures and nothing from elsewhere."""
    rng = random.Random(1)
    rows = [people(rng) for _ in range(2000)]
    outside = small_world.outside
    assert outside.profiles is not None
    outside.profiles.keep("churn", "8", profile_of({name: [row[name] for row in rows] for name in rows[0]}))
    apply(outside, SPEC)
    small_world.host()
    monitor = Monitor(outside)
    monitor.tick()
    small_world.features = lambda rng: people(rng) | {"age": rng.gauss(50, 10)}
    small_world.tiers = ("new", "vip")
    small_world.accuracy_of = {("v8", "vip"): 0.6}
    small_world.traffic(800, hours=1.5)
    small_world.later(2)
    small_world.host()
    monitor.tick()
    loaded = outside.rollouts.load("churn-1")
    found = of_rollout(outside, "churn-1")
    made = {section.name: section for section in sections(outside, loaded)}
    assert list(made) == ["drift", "agreement", "apart", "segments-accuracy", "segments-errors"]
    assert made["drift"].rows[0][0] == "age"
    assert float(made["drift"].rows[0][1]) > 0.2
    assert made["segments-accuracy"].rows[0][0] == "tier vip"
    text = to_html(found, tuple(made.values()))
    for said in ("Drift from training", "Agreement", "Where accuracy differs most", "800 requests of the route were recorded"):
        assert said in text
    assert "the caller" not in text.replace("the caller's", "").partition("How to read this")[0]
    assert not re.search(r"(src|href)=\"(?!#|data:)", text)
    assert "<script" not in text


def test_nothing_known_is_left_out(small_world: SmallWorld) -> None:
    """Before the first request there is no section, and the page is there all the same."""
    outside = small_world.outside
    apply(outside, SPEC)
    small_world.host()
    Monitor(outside).tick()
    assert sections(outside, outside.rollouts.load("churn-1")) == ()
    found = of_rollout(outside, "churn-1")
    assert "0 requests of the route were recorded" in to_html(found)


def test_a_line_of_one_day() -> None:
    """One day is a point, none is nothing; no day divides by zero."""
    assert "0.0," in line([0.1])
    assert 'points=""' in line([])
