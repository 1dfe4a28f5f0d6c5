"""What workers report is what they do: once all say that they run an allocation, no answer is given under an older one."""

import asyncio
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from siege import free_port, process, publish, until, upstream

from segue.gateway.override import Override, write
from segue.http.call import Answer
from segue.http.client import UpstreamPool
from segue.http.message import block, first, request
from segue.wiring import home_at, stores_of

WORKERS = 3
CALLERS = 24
TURNS = 10


async def answering(port: int) -> set[str]:
    """The variants that answer callers who come now, each on a connection of its own, so that every worker is met."""
    found = set()
    for number in range(CALLERS):
        pool = UpstreamPool("127.0.0.1", port)
        fields = block([(b"host", b"h"), (b"x-user-id", b"u-%d" % number)])
        body = json.dumps({"n": number}).encode()
        result = await pool.request(request(b"POST", b"/v2/models/churn/infer", fields, body), 5.0)
        await pool.close()
        assert isinstance(result, Answer)
        found.add((first(result.headers, b"x-segue-variant") or b"").decode())
    return found


def test_reports_are_true(tmp_path: Path) -> None:
    """For publications, and for a kill by the override file and its end."""
    home, port = tmp_path / "home", free_port()
    serving = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port), "--workers", str(WORKERS)]

    async def run(ports: dict[str, int]) -> None:
        with stores_of(home_at(home)) as stores:

            async def told(allocation: int, killed: tuple[str, ...] = ()) -> None:
                def all_say() -> bool:
                    reports = stores.allocations.reports("churn")
                    say = [report for report in reports if (report.allocation, report.killed) == (allocation, killed)]
                    return len(say) == WORKERS

                await until(all_say)

            for turn in range(TURNS):
                share = float(turn % 2)
                number = publish(home, ports, champion=share, command=f"turn-{turn}")
                await told(number)
                assert await answering(port) == {"champion" if share else "v8"}
            override = home_at(home).override
            assert await answering(port) == {"champion"}
            number = publish(home, ports, champion=0.0, command="last")
            write(override, {"churn": Override(kill=("v8",), reason="to see")})
            await told(number, ("v8",))
            assert await answering(port) == {"champion"}
            write(override, {})
            await told(number)
            assert await answering(port) == {"v8"}

    with upstream("7") as seven, upstream("8") as eight:
        ports = {"7": seven, "8": eight}
        publish(home, ports)
        with process(*serving, home=home, log=tmp_path / "gateway.log"):
            asyncio.run(run(ports))
