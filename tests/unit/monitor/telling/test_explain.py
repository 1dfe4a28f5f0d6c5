"""Decisions in words."""

from segue.monitor.begin import apply, ask
from segue.monitor.telling.explain import describe, explain, line, spending
from segue.monitor.tick import Monitor
from segue.testkit.small_world import SPEC, SmallWorld


def test_people_read_what_was_decided_and_why(small_world: SmallWorld) -> None:
    """Phase, stage, who asked, every verdict with its numbers, what had to be done, and from which data."""
    applied = apply(small_world.outside, SPEC)
    small_world.host()
    monitor = Monitor(small_world.outside)
    (start,) = monitor.tick()
    assert "serve champion 100 %, v8 in the shadow of 100 %" in explain(start)
    small_world.traffic(300, hours=2)
    (held,) = monitor.tick()
    text = explain(held)
    for part in (
        "Guardrails:",
        "Conditions:",
        "Gates:",
        "never errors of v8 worse",
        "champion 300, v8 300",
        "segments of the lake",
    ):
        assert part in text
    ask(small_world.outside, "churn-1", "promote_full", who="ana", why="hurry")
    (promoted,) = monitor.tick()
    text = explain(promoted)
    for part in ("promote full by ana: hurry", "move alias champion of churn from 7 to 8", "serve champion 10 %, v8 90 %"):
        assert part in text
    assert line(promoted).split()[:1] == [str(promoted.number)]
    state = small_world.outside.rollouts.load("churn-1").state
    about = describe(applied.spec, state, promoted)
    assert "churn-1 on route churn: watching" in about
    assert "everyone (3 of 3: shadow, canary, everyone)" in about


def test_the_ledger_is_told(small_world: SmallWorld) -> None:
    """What each gate may spend, and what the whole may."""
    spec = apply(small_world.outside, SPEC).spec
    text = spending(spec, small_world.outside.rollouts.load("churn-1").state)
    assert text.startswith("false promotion 5 %, false rollback 1 %, given up as good as planned 10 %, at any number of looks")
    assert text.count("\n  false rollback") == 6
    assert "guardrails[0] (errors) weighs 8, for it counts requests that failed, and the file says nothing else" in text
    assert text.count(", as any other") == 1
