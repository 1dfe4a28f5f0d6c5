"""A worker answers from the right version, falls back, shadows, and writes everything down first."""

import asyncio
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from gateway_stage import BODY, Behaviour, answers, hangs, resets, stage
from small_disk import disk_of
from xxhash import xxh3_128_digest

from segue.facts.prediction import Capture
from segue.http.call import Call
from segue.http.exchange import Exchange

ALL_TO_CANDIDATE = {"champion": 0.0, "v8": 1.0}
ALL_TO_CHAMPION = {"champion": 1.0}


def by_role(rows: list[Capture]) -> dict[str, Capture]:
    """Rows by role; each role once."""
    found: dict[str, Capture] = {row.role: row for row in rows}
    assert len(found) == len(rows)
    return found


def test_answer_is_the_variants_and_is_recorded(tmp_path: Path) -> None:
    """The caller gets the assigned variant's very bytes, told which, and the row holds the same."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.publish(ALL_TO_CANDIDATE)
            reply = await world.ask(headers=[(b"X-User-Id", b"u-1"), (b"X-Country", b"DE"), (b"traceparent", b"00-ab-cd-01")])
            assert reply.status == 200
            assert (reply.headers["x-segue-variant"], reply.headers["x-segue-version"]) == ("v8", "8")
            assert reply.headers["x-upstream"] == "8"
            (row,) = world.rows()
            assert (row.role, row.variant, row.assigned, row.version) == ("served", "v8", "v8", "8")
            assert (row.unit, row.unit_source, row.context) == ("u-1", "header:x-user-id", {"country": "DE"})
            assert (row.request_body, row.response_body) == (BODY, reply.body)
            assert row.request_id == reply.headers["x-segue-request-id"]
            assert (row.propensity, row.comparable, row.error) == (1.0, True, "")
            assert (b"traceparent", b"00-ab-cd-01") in world.seen["8"][0].headers

    asyncio.run(run())


@pytest.mark.parametrize(
    ("candidate", "error"),
    [(answers("8", 500), "status_5xx"), (answers("8", 422), "rejected"), (hangs, "timeout"), (resets, "reset")],
    ids=["500", "422", "hangs", "resets"],
)
def test_fallback(tmp_path: Path, candidate: Behaviour, error: str) -> None:
    """Whatever a candidate does wrong, the caller gets the champion's answer, and both rows are kept."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), candidate) as world:
            world.publish(ALL_TO_CANDIDATE)
            reply = await world.ask()
            assert (reply.status, reply.headers["x-segue-variant"]) == (200, "champion")
            rows = by_role(world.rows())
            assert (rows["failed"].variant, rows["failed"].error) == ("v8", error)
            assert (rows["fallback"].variant, rows["fallback"].assigned, rows["fallback"].error) == ("champion", "v8", "")
            assert rows["fallback"].response_body == reply.body

    asyncio.run(run())


def test_nobody_there(tmp_path: Path) -> None:
    """A candidate that refuses connections, or that nobody serves, is answered for by the champion."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(ALL_TO_CANDIDATE)
            assert (await world.ask()).headers["x-segue-variant"] == "champion"
            world.ports["8"] = 1
            world.publish(ALL_TO_CANDIDATE)
            assert (await world.ask()).headers["x-segue-variant"] == "champion"
            assert [row.error for row in world.rows() if row.role == "failed"] == ["unserved", "connect_refused"]

    asyncio.run(run())


def test_callers_fault(tmp_path: Path) -> None:
    """A request that the champion refuses too is no failure of the candidate."""

    async def run() -> None:
        async with stage(tmp_path, answers("7", 400), answers("8", 422)) as world:
            world.publish(ALL_TO_CANDIDATE)
            assert (await world.ask()).status == 400
            rows = by_role(world.rows())
            assert (rows["failed"].error, rows["fallback"].error) == ("caller", "caller")

    asyncio.run(run())


def test_nobody_serves_the_champion(tmp_path: Path) -> None:
    """The caller is told to come later, and the request has a row."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.ports.clear()
            world.publish(ALL_TO_CHAMPION)
            reply = await world.ask()
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            (row,) = world.rows()
            assert (row.role, row.error) == ("failed", "unserved")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("champion", "status"), [(answers("7", 500), 500), (hangs, 504), (resets, 502)], ids=["500", "hangs", "resets"]
)
def test_champions_failure_is_told_truthfully(tmp_path: Path, champion: Behaviour, status: int) -> None:
    """Nobody answers for the champion: its failure is the caller's answer, and has a row."""

    async def run() -> None:
        async with stage(tmp_path, champion) as world:
            world.publish(ALL_TO_CHAMPION)
            reply = await world.ask()
            assert reply.status == status
            (row,) = world.rows()
            assert row.variant == "champion"
            assert row.error

    asyncio.run(run())


def test_what_became_of_shadows_is_counted(tmp_path: Path) -> None:
    """Answered, without a good answer, and not asked: each is a state of its own."""

    async def run() -> None:
        moods = [200, 500, 200]

        def candidate(exchange: Exchange) -> None:
            answers("8", moods.pop())(exchange)

        async with stage(tmp_path, answers("7"), candidate) as world:
            world.publish(ALL_TO_CHAMPION, shadows={"v8": 1.0})
            for _ in range(3):
                await world.ask()
            await asyncio.sleep(0.1)
            world.worker.dropped_shadow(world.worker.live["churn"], "v8")
            lines = (await world.ask(b"/metrics", b"")).body.decode().splitlines()
            found = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in lines if "segue_capture_total{" in line}
            states = {"sent": "2", "failed": "1", "dropped": "1"}
            assert found == {
                f'segue_capture_total{{route="churn",variant="v8",state="{state}"}}': number for state, number in states.items()
            }

    asyncio.run(run())


def test_shadow(tmp_path: Path) -> None:
    """A shadow is asked the same, marked, after the answer; both answers are kept under one id."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.publish(ALL_TO_CHAMPION, shadows={"v8": 1.0})
            reply = await world.ask()
            assert reply.headers["x-segue-variant"] == "champion"
            await asyncio.sleep(0.1)
            rows = by_role(world.rows())
            assert rows["shadow"].request_id == rows["served"].request_id
            assert rows["shadow"].variant == "v8"
            assert rows["shadow"].request_body is None
            asked = world.seen["8"][0]
            assert asked.body == BODY
            assert (b"x-segue-shadow", b"1") in asked.headers

    asyncio.run(run())


def test_hung_shadow_holds_nobody_up(tmp_path: Path) -> None:
    """While a shadow hangs, callers are answered, and what is too much for its queue is dropped and counted."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), hangs) as world:
            world.publish(ALL_TO_CHAMPION, shadows={"v8": 1.0})
            queue = world.worker._shadows["churn", "v8"]
            queue.settings = type(queue.settings)(variant="v8", share=1.0, timeout_s=0.3, concurrency=2, queue=3)
            replies = await asyncio.gather(*(world.ask() for _ in range(20)))
            assert {reply.status for reply in replies} == {200}
            assert queue.dropped == 15
            await asyncio.sleep(1.2)
            assert sum(row.error == "timeout" for row in world.rows() if row.role == "shadow") == 5

    asyncio.run(run())


def test_shadows_that_end_together_are_not_followed_by_as_many_at_once(tmp_path: Path) -> None:
    """No turn of the loop asks many of those that wait, so that a caller's request never waits for many; all are asked."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), hangs) as world:
            world.publish(ALL_TO_CHAMPION, shadows={"v8": 1.0})
            queue = world.worker._shadows["churn", "v8"]
            queue.settings = type(queue.settings)(variant="v8", share=1.0, timeout_s=0.3, concurrency=20, queue=40)
            await asyncio.gather(*(world.ask() for _ in range(60)))
            depths = [queue.depth]
            while not queue.idle:
                await asyncio.sleep(0)
                depths.append(queue.depth)
            assert depths[0] > 20
            assert max(before - after for before, after in pairwise(depths)) <= 4
            assert sum(row.error == "timeout" for row in world.rows() if row.role == "shadow") == 60

    asyncio.run(run())


def test_a_shadow_that_answers_is_never_idle_while_requests_wait(tmp_path: Path) -> None:
    """Its answer is followed at once by who has waited longest, so that its whole concurrency is used and nothing dropped."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.publish(ALL_TO_CHAMPION, shadows={"v8": 1.0})
            queue = world.worker._shadows["churn", "v8"]
            queue.settings = type(queue.settings)(variant="v8", share=1.0, concurrency=2, queue=100)
            asking = asyncio.gather(*(world.ask() for _ in range(60)))
            waited = 0
            while not asking.done() or not queue.idle:
                await asyncio.sleep(0)
                waited += queue.depth > 0
                assert not queue.depth or queue._under_way == 2
            assert waited
            assert sum(row.role == "shadow" and not row.error for row in world.rows()) == 60

    asyncio.run(run())


def test_small_pieces_of_many_shadows_are_read_in_turn(tmp_path: Path) -> None:
    """Shadows that send in small pieces at once are not read as often as pieces come, and yet all that they say is kept."""
    together, pieces = 40, 8

    def babbles(exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        exchange.start(200, [])
        for number in range(pieces):
            loop.call_later(0.02 * number, exchange.write, b"%d" % number)
        loop.call_later(0.02 * pieces, exchange.finish)

    async def run() -> None:
        async with stage(tmp_path, answers("7"), babbles) as world:
            world.publish(ALL_TO_CHAMPION, shadows={"v8": 1.0})
            queue = world.worker._shadows["churn", "v8"]
            paces, sizes = queue.on_part, []

            def on_part(call: Call, size: int) -> None:
                sizes.append(size)
                paces(call, size)

            queue.on_part = on_part
            await asyncio.gather(*(world.ask() for _ in range(together)))
            assert await queue.drained(5.0)
            assert sum(row.response_body == b"01234567" for row in world.rows() if row.role == "shadow") == together
            assert together <= len(sizes) <= together * pieces / 2

    asyncio.run(run())


def test_a_worker_that_ends_counts_the_shadows_that_waited(tmp_path: Path) -> None:
    """Each shadow request has a row, or is counted as dropped, also where the worker does not wait for a hung shadow."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), hangs) as world:
            world.publish(ALL_TO_CHAMPION, shadows={"v8": 1.0})
            queue = world.worker._shadows["churn", "v8"]
            queue.settings = type(queue.settings)(variant="v8", share=1.0, concurrency=2, queue=10)
            await asyncio.gather(*(world.ask() for _ in range(8)))
            await world.worker.close()
            assert (queue.depth, queue.dropped) == (0, 6)
            assert sum(row.role == "shadow" for row in world.rows()) == 2

    asyncio.run(run())


def test_pinned(tmp_path: Path) -> None:
    """A version asked for by name answers, is recorded as pinned, and nobody stands in for it."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8", 500)) as world:
            world.publish(ALL_TO_CHAMPION)
            reply = await world.ask(b"/v2/models/churn/versions/8/infer")
            assert (reply.status, reply.headers["x-segue-version"]) == (500, "8")
            assert (await world.ask(headers=[(b"x-segue-pin", b"v8")])).status == 500
            assert (await world.ask(b"/v2/models/churn/versions/99/infer")).status == 404
            assert {(row.role, row.comparable) for row in world.rows()} == {("pinned", False)}

    asyncio.run(run())


def test_callers_own_id(tmp_path: Path) -> None:
    """The id in the body is the request's id; one that could break a header is not taken."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(ALL_TO_CHAMPION)
            ids = [
                (await world.ask(body=body, headers=headers)).headers["x-segue-request-id"]
                for body, headers in (
                    (b'{"id":"mine","inputs":[]}', []),
                    (b'{"id":"a\\r\\nx: y","inputs":[]}', []),
                    (b'{"inputs":[{"id":"inner"}]}', []),
                    (b'not json but "id"', []),
                    (b"{}", [(b"x-request-id", b"edge-7")]),
                )
            ]
            assert ids[0] == "mine"
            assert ids[4] == "edge-7"
            assert all(name.startswith("000") for name in ids[1:4])

    asyncio.run(run())


def test_no_record_no_answer(tmp_path: Path) -> None:
    """When the journal cannot be written, the answer does not leave: the caller is told to come again."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(ALL_TO_CHAMPION)
            with disk_of(0):
                reply = await world.ask()
            assert (reply.status, reply.headers["retry-after"]) == (503, "1")
            assert (await world.ask()).status == 200
            assert len(world.rows()) == 1

    asyncio.run(run())


def test_swap_under_load(tmp_path: Path) -> None:
    """While allocations change, every request is answered, and each row names an allocation that its file holds."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.publish(ALL_TO_CHAMPION)
            replies = []
            for turn in range(30):
                replies += await asyncio.gather(*(world.ask(headers=[(b"x-user-id", b"%d" % n)]) for n in range(10)))
                world.publish({"champion": 1 - turn / 30, "v8": turn / 30})
            assert {reply.status for reply in replies} == {200}
            rows = world.rows()
            assert len(rows) == 300
            assert {row.allocation for row in rows} == set(range(1, 31))

    asyncio.run(run())


def test_outcomes(tmp_path: Path) -> None:
    """Outcomes are accepted when they are in the journal; a bad batch is refused whole, with the place."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            world.publish(ALL_TO_CHAMPION)
            good = await world.ask(b"/segue/v1/outcomes", b'[{"request_id":"a","label":1},{"unit":"u","values":{"paid":2.5}}]')
            assert (good.status, good.body) == (202, b'{"accepted":2}')
            bad = await world.ask(b"/segue/v1/outcomes", b'[{"request_id":"a","label":1},{"label":1}]')
            assert bad.status == 400
            assert b"outcome 1" in bad.body
            elsewhere = await world.ask(b"/segue/v1/outcomes", b'{"request_id":"a","label":1,"route":"other"}')
            assert elsewhere.status == 404

    asyncio.run(run())


def test_readiness_tells_the_truth(tmp_path: Path) -> None:
    """Not ready without an allocation or without a served champion; always alive."""

    async def run() -> None:
        async with stage(tmp_path, answers("7")) as world:
            assert (await world.ask(b"/readyz", b"")).status == 503
            assert (await world.ask(b"/livez", b"")).status == 200
            assert (await world.ask()).status == 503
            assert (await world.ask(b"/v2/models/chrn/infer")).status == 404
            world.publish(ALL_TO_CHAMPION)
            assert (await world.ask(b"/v2/health/ready", b"")).status == 200
            assert (await world.ask(b"/v2/models/churn/ready", b"")).status == 200
            assert (await world.ask(b"/v2/models/chrn/ready", b"")).status == 404
            world.worker.about.draining = True
            assert (await world.ask(b"/readyz", b"")).status == 503

    asyncio.run(run())


def test_caller_that_leaves(tmp_path: Path) -> None:
    """A caller that hangs up before its answer leaves a row, and nothing breaks."""

    async def run() -> None:
        slow: list[Exchange] = []
        async with stage(tmp_path, slow.append) as world:
            world.publish(ALL_TO_CHAMPION, timeout_s=5.0)
            _reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            writer.write(b"POST /v2/models/churn/infer HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}")
            await asyncio.sleep(0.05)
            writer.close()
            await writer.wait_closed()
            await asyncio.sleep(0.05)
            slow[0].respond(200, [], b"late")
            await asyncio.sleep(0.05)
            assert [row.response_body for row in world.rows()] == [b"late"]
            assert (await world.ask(b"/livez", b"")).status == 200

    asyncio.run(run())


def test_long_bodies_are_kept_as_length_and_hash(tmp_path: Path) -> None:
    """Beyond the limit bodies are passed on whole, and of each the row holds the length and the hash; a shadow's row too."""
    body = b'{"id":"mine","inputs":["' + b"x" * 70_000 + b'"]}'

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8")) as world:
            world.publish(ALL_TO_CHAMPION, shadows={"v8": 1.0})
            reply = await world.ask(body=body)
            await asyncio.sleep(0.1)
            assert {seen.body for seen in (*world.seen["7"], *world.seen["8"])} == {body}
            rows = by_role(world.rows())
            for row in rows.values():
                assert (row.request_id, row.request_body, row.response_body) == ("mine", None, None)
                assert (row.request_size, row.request_hash) == (len(body), xxh3_128_digest(body))
            served = rows["served"]
            assert (served.response_size, served.response_hash) == (len(reply.body), xxh3_128_digest(reply.body))

    asyncio.run(run())


def test_an_upstreams_marks_are_not_ours(tmp_path: Path) -> None:
    """What an upstream says in the names of our own fields does not reach the caller."""

    def claims(exchange: Exchange) -> None:
        exchange.respond(200, [(b"X-Segue-Variant", b"v8"), (b"x-other", b"1")], b"{}")

    async def run() -> None:
        async with stage(tmp_path, claims) as world:
            world.publish(ALL_TO_CHAMPION)
            for _ in range(2):  # the second time the head is remembered
                reply = await world.ask()
                assert (reply.headers["x-segue-variant"], reply.headers["x-other"]) == ("champion", "1")
                assert "date" in reply.headers

    asyncio.run(run())


def test_it_counts_what_it_writes_down(tmp_path: Path) -> None:
    """For each variant and allocation as many rows as the journal has, fallbacks and shadows included and pinned ones apart."""

    async def run() -> None:
        async with stage(tmp_path, answers("7"), answers("8", 500)) as world:
            world.publish({"champion": 0.5, "v8": 0.5})
            for _ in range(40):
                await world.ask()
            world.publish({"champion": 1.0}, shadows={"v8": 1.0})
            for _ in range(10):
                await world.ask()
            await world.ask(headers=[(b"x-segue-pin", b"v8")])
            told: dict[tuple[int, str], int] = {}
            for _ in range(300):
                told = {(it.allocation, it.variant): it.rows for it in world.worker.runs("churn").captured if it.rows}
                if told.get((2, "v8")) == 10:
                    break
                await asyncio.sleep(0.01)
            rows = Counter((row.allocation, row.variant) for row in world.rows() if row.role != "pinned")
            assert told == dict(rows)
            assert set(told) == {(1, "champion"), (1, "v8"), (2, "champion"), (2, "v8")}

    asyncio.run(run())
