"""A place that keeps failing is left out, the champion's last one never, and it comes back on the word of one request."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from gateway_stage import Stage, answers, hangs, resets, stage

from segue.errors import DomainError
from segue.gateway.request.ejection import EjectionSettings, Health
from segue.http.exchange import Exchange

TO_CANDIDATE = {"champion": 0.0, "v8": 1.0}
QUICK = EjectionSettings(in_a_row=3, base_s=0.2, most_s=1.0, jitter=0.0)


class Moody:
    """An upstream whose status can be changed."""

    def __init__(self, version: str, status: int = 200) -> None:
        self.version = version
        self.status = status

    def __call__(self, exchange: Exchange) -> None:
        """Answer as it is in the mood to."""
        answers(self.version, self.status)(exchange)


async def ask(world: Stage, times: int) -> Counter[str]:
    """Who answered."""
    return Counter([(await world.ask()).headers["x-segue-variant"] for _ in range(times)])


def errors(world: Stage) -> list[str]:
    """Of the failed rows, in order."""
    return [row.error for row in world.rows() if row.role == "failed"]


@pytest.mark.parametrize(
    ("candidate", "error"), [(answers("8", 500), "status_5xx"), (resets, "reset"), (answers("8", 422), "rejected")]
)
def test_a_failing_candidate_is_left_out(tmp_path: Path, candidate: Callable[[Exchange], None], error: str) -> None:
    """After three failures in a row it is asked no more; its units get the champion, and each has its row."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), candidate, ejection=QUICK) as world:
            told: list[tuple[str, ...]] = []
            world.worker.on_change = lambda: told.append(world.worker.runs("churn").ejected)
            world.publish(TO_CANDIDATE)
            assert await ask(world, 6) == {"champion": 6}
            assert len(world.seen["8"]) == 3
            assert told == [(), ("v8",)]
            numbers = (await world.ask(b"/metrics", b"")).body.decode()
            assert 'segue_ejections_total{route="churn",variant="v8"} 1' in numbers
            assert 'segue_ejected_places{route="churn",variant="v8"} 1' in numbers
            assert errors(world) == [error] * 3 + ["ejected"] * 3

    asyncio.run(run())


def test_it_comes_back_on_one_good_answer(tmp_path: Path) -> None:
    """When its time is up one request tries it: a failure ejects it again, an answer ends it, and both are reported."""

    async def run() -> None:
        moody = Moody("8", 500)
        async with stage(tmp_path, answers("7"), moody, ejection=QUICK) as world:
            world.publish(TO_CANDIDATE)
            await ask(world, 5)
            await asyncio.sleep(0.25)
            await ask(world, 5)
            assert len(world.seen["8"]) == 4, "one trial, which failed"
            assert world.worker.runs("churn").ejected == ("v8",)
            moody.status = 200
            await asyncio.sleep(0.45)
            assert await ask(world, 5) == {"v8": 5}
            assert world.worker.runs("churn").ejected == ()

    asyncio.run(run())


def test_a_swap_forgets_nothing(tmp_path: Path) -> None:
    """A new allocation does not bring a failing place back."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8", 500), ejection=QUICK) as world:
            world.publish(TO_CANDIDATE)
            await ask(world, 4)
            world.publish({"champion": 0.1, "v8": 0.9})
            await ask(world, 10)
            assert len(world.seen["8"]) == 3
            assert world.worker.runs("churn").ejected == ("v8",)

    asyncio.run(run())


def test_the_champion_is_never_left_out(tmp_path: Path) -> None:
    """However it fails, it is asked again each time: nobody could answer in its place. It is reported, until it is well."""

    async def run() -> None:
        moody = Moody("7", 500)
        async with stage(tmp_path, moody, ejection=QUICK) as world:
            told: list[tuple[str, ...]] = []
            world.worker.on_change = lambda: told.append(world.worker.runs("churn").ejected)
            world.publish({"champion": 1.0})
            for _ in range(8):
                assert (await world.ask()).status == 500
            assert len(world.seen["7"]) == 8
            assert world.worker.runs("churn").ejected == ("champion",)
            assert told == [(), ("champion",)], "told at once, and once"
            moody.status = 200
            await asyncio.sleep(0.25)
            assert world.worker.runs("churn").ejected == ()

    asyncio.run(run())


def test_the_callers_fault_is_nobodys(tmp_path: Path) -> None:
    """What the champion refuses too ejects nobody; neither does a pinned call to an ejected place go elsewhere."""

    async def run() -> None:
        async with stage(tmp_path, answers("7", 400), answers("8", 422), ejection=QUICK) as world:
            world.publish(TO_CANDIDATE)
            for _ in range(6):
                assert (await world.ask()).status == 400
            assert len(world.seen["8"]) == 6

    asyncio.run(run())


def test_a_pinned_call_reaches_an_ejected_place(tmp_path: Path) -> None:
    """Whoever debugs it wants its own answer."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8", 500), ejection=QUICK) as world:
            world.publish(TO_CANDIDATE)
            await ask(world, 4)
            reply = await world.ask(headers=[(b"X-Segue-Pin", b"v8")])
            assert (reply.status, json.loads(reply.body)["model_version"]) == (500, "8")

    asyncio.run(run())


def test_a_hung_candidate_holds_up_few(tmp_path: Path) -> None:
    """Those that come after the ejection do not wait for its timeout."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), hangs, ejection=QUICK) as world:
            world.publish(TO_CANDIDATE, timeout_s=0.05)
            assert await ask(world, 12) == {"champion": 12}
            assert len(world.seen["8"]) <= 4
            assert errors(world)[:3] == ["timeout"] * 3

    asyncio.run(run())


def test_a_share_of_failures_is_too_many() -> None:
    """Failures that are never in a row eject as well, once there are enough calls to speak of a share."""
    health = Health(EjectionSettings(in_a_row=100, share=0.5, among=20, jitter=0.0))
    for turn in range(9):
        assert not health.failed(turn / 100, turn / 100, 0.0)
        assert not health.answered(turn / 100, turn / 100)
    assert not health.ejected
    for turn in range(9, 12):
        health.failed(turn / 100, turn / 100, 0.0)
    assert health.ejected


def test_what_began_before_the_trial_tells_nothing() -> None:
    """A late answer from before the ejection does not end it, and a late failure does not make it longer."""
    health = Health(EjectionSettings(in_a_row=1, base_s=1.0, jitter=0.0))
    assert health.failed(0.0, 0.1, 0.0)
    assert not health.answered(0.05, 0.5)
    assert not health.failed(0.05, 0.9, 0.0)
    assert not health.on_trial(1.0)
    assert health.on_trial(1.2)
    assert health.answered(1.2, 1.3)
    assert not health.ejected


@pytest.mark.parametrize(
    "wrong", [{"in_a_row": 0}, {"share": 0.0}, {"share": 1.5}, {"base_s": 9.0, "most_s": 1.0}, {"jitter": -1}]
)
def test_settings_that_eject_everybody_or_nobody(wrong: dict[str, float]) -> None:
    """Are refused."""
    with pytest.raises(DomainError):
        EjectionSettings(**wrong)  # type: ignore[arg-type]
