"""When is the loop asked to call back?"""

import asyncio
import time

import uvloop

from segue.gateway.request.pace import call_at


def test_the_loop_does_not_turn_on_the_spot() -> None:
    """What is due within less than a tick of uvloop's clock is not asked for again and again until it is time."""

    async def run() -> int:
        done, calls = asyncio.Event(), 0
        due_s = time.monotonic() + 0.0004

        def callback() -> None:
            nonlocal calls
            calls += 1
            now_s = time.monotonic()
            if due_s > now_s:
                call_at(due_s, now_s, callback)
            else:
                done.set()

        call_at(due_s, time.monotonic(), callback)
        await done.wait()
        return calls

    assert max(uvloop.run(run()) for _ in range(20)) <= 2
