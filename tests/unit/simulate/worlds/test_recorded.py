"""Days of a real lake become the days of a simulation, and what cannot be known from them is not made up."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from command_line import run
from tests.unit.simulate.conftest import world

from segue.errors import DomainError
from segue.evidence.process import Floats
from segue.facts.summary import Cell, Counts
from segue.monitor.begin import apply
from segue.monitor.telling.recounting import recounted
from segue.monitor.tick import Monitor
from segue.simulate.many import Asking, simulate
from segue.simulate.walk import Walker
from segue.simulate.worlds.recorded import Recorded, recorded
from segue.simulate.worlds.streams import CANDIDATE, CHAMPION, Share, Stretch
from segue.simulate.worlds.world import DAY_MIN, FAILURES
from segue.spec.load import load
from segue.testkit.small_world import SPEC, SmallWorld

OpenWorld = Callable[[Path], AbstractContextManager[SmallWorld]]
MORNING = 0.5
EVENING = 0.9


def cell(metric: str, variant: str, hour: int, counts: tuple[int, int], allocation: int = 1) -> Cell:
    """One cell of everybody."""
    yes, no = counts
    return Cell(
        metric=metric, variant=variant, version="7", allocation=allocation, segment={}, hour=hour, predictions=yes + no,
        summary=Counts(yes=yes, no=no),
    )  # fmt: skip


def two_days() -> list[Cell]:
    """One quiet day and one busy one; the champion is right half the time before noon, and nine times in ten after."""
    found = []
    for hour in range(48):
        requests = 100 if hour < 24 else 300
        right = round(requests * (MORNING if hour % 24 < 12 else EVENING))
        found += [
            cell(FAILURES, "champion", hour, (0, requests)),
            cell("accuracy", "champion", hour, (right, requests - right)),
        ]
    return found


def days(cells: list[Cell]) -> Recorded:
    """What they come to, without shadows and audiences."""
    return recorded(cells, "champion", shadows=(), chosen=())


def test_hours_keep_their_traffic_and_their_rates() -> None:
    """A simulated day is one of the recorded ones, hour by hour; the seed alone says which."""
    found = days(two_days())
    assert (found.days, found.traffic.sum()) == (2, 24 * 400)
    past = found.drawn((3,), 30.0)
    assert (past.order == found.drawn((3,), 30.0).order).all()
    assert set(past.order.tolist()) == {0, 1}
    noons: Floats = np.arange(31.0) * DAY_MIN
    rates = past.rates("accuracy", "champion", np.concatenate([noons + 60.0, noons + 13 * 60.0]))
    assert rates is not None
    assert rates.tolist() == pytest.approx(31 * [MORNING] + 31 * [EVENING])
    assert past.traffic(noons).tolist() == [0.5 if day == 0 else 1.5 for day in past.order[:31]]
    assert past.rates("accuracy", "v2", noons) is None


def test_arms_are_weighted_by_all_that_came_to_their_allocation() -> None:
    """A candidate with a tenth of many requests and half of few is worth what it would be for all of them."""
    cells = two_days()
    for hour in range(48):
        cells += [cell(FAILURES, "v2", hour, (0, 100), 1), cell("accuracy", "v2", hour, (20, 80), 1)]
        cells += [cell(FAILURES, "champion", hour, (0, 900), 2), cell(FAILURES, "v2", hour, (0, 100), 2)]
        cells += [cell("accuracy", "v2", hour, (80, 20), 2)]
    rates = days(cells).rates["accuracy", "v2"]
    assert rates[0] == pytest.approx((200 * 0.2 + 1000 * 0.8) / 1200)
    assert rates[1] == pytest.approx((400 * 0.2 + 1000 * 0.8) / 1400)
    left_out = recorded(cells, "champion", shadows=(), chosen=(2,))
    assert left_out.rates["accuracy", "v2"] == pytest.approx(0.2)


def test_without_a_whole_day_there_is_no_world() -> None:
    """Ten hours say nothing about a night."""
    with pytest.raises(DomainError, match="no day is recorded whole: there is what came in 10 hours"):
        days([it for it in two_days() if it.hour < 10])
    with pytest.raises(DomainError, match=r"in 1 hour\n"):
        days([it for it in two_days() if it.hour < 1])


def test_a_placebo_has_the_champions_rates_and_draws_of_its_own() -> None:
    """The candidate of a world that moves nothing is right as often as the champion in each hour."""
    edges = np.arange(0.0, 10 * DAY_MIN + 1, 60.0)
    past = (days(two_days()).drawn((5,), 10.0), "v2", "champion")
    it = Stretch(world=world(), share=Share(number=1, candidate=0.5), edges=edges, parts=(), seed=(5,), past=past)
    counts = it.split("accuracy", "request").every.sum(axis=2)
    mornings = (edges[1:] % DAY_MIN <= 12 * 60) & (edges[1:] % DAY_MIN > 0)
    right, all_ = counts[:, ::2], counts[:, ::2] + counts[:, 1::2]
    for side in (CANDIDATE, CHAMPION):
        assert right[mornings, side].sum() / all_[mornings, side].sum() == pytest.approx(MORNING, abs=0.01)
        assert right[~mornings, side].sum() / all_[~mornings, side].sum() == pytest.approx(EVENING, abs=0.02)
    assert (right[:, CANDIDATE] != right[:, CHAMPION]).any()


def test_a_policy_is_simulated_on_a_real_lake(tmp_path: Path, open_world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two days of a shadow, written by the gateway's rules: placebo, edges, and what was recorded; the store keeps nothing."""
    home = tmp_path / "home"
    home.mkdir()
    with open_world(home) as small:
        small.accuracy = {"champion": 0.9, "v8": 0.6}
        rollout = apply(small.outside, SPEC.replace("{age: 2h, outcomes: 100}", "{age: 9d, outcomes: 100}")).rollout
        small.host()
        Monitor(small.outside).tick()
        for _ in range(72):
            small.traffic(40)
        before = list(small.outside.summaries.cells(rollout))
        cells = recounted(small.outside, small.outside.rollouts.load(rollout), load(SPEC))
        answers = sum(it.predictions for it in cells if (it.metric, it.segment) == ("accuracy", {}))
        assert answers == 2 * 71 * 40  # those of the last hour are not due yet
        assert list(small.outside.summaries.cells(rollout)) == before
    (home / "segue.db").rename(home / "store.db")
    monkeypatch.setenv("SEGUE_HOME", str(home))
    monkeypatch.setenv("SEGUE_CLOCK", "2013-03-10T00:00:00Z@0*1")
    policy = tmp_path / "policy.yaml"
    policy.write_text(SPEC)
    words = ("simulate", str(policy), "--recorded", rollout, "--runs", "5", "--days", "3")
    said = run(*words, "--world", "placebo", "--world", "recorded", "--world", "edge 1")
    assert said.status == 0, said.err
    assert "whole days of churn-1" in said.out
    placebo, replayed = (
        next(line for line in said.out.splitlines() if line.strip().startswith(name)) for name in ("placebo", "recorded")
    )
    assert "go" in placebo.split()
    assert "rolled back 100 %" in replayed


def test_workers_and_seeds_as_ever() -> None:
    """Recorded days change nothing of what a seed decides."""
    from tests.unit.simulate.conftest import SPEC as POLICY

    spec, asking = load(POLICY), Asking(runs=3, days=1.0, recorded=days(two_days()))
    one, other = (list(simulate("p", spec, [world()], asking, say=lambda *_: None)) for _ in range(2))
    assert one == other
    walker = Walker(spec, world(), (1,), days=1.0, recorded=asking.recorded)
    assert walker.run() != Walker(spec, world(), (1,), days=1.0).run()
