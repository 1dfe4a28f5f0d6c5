"""Gateways that know nothing of one another give every unit the same variant."""

import asyncio
import json
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from siege import free_port, process, publish, until, upstream

from segue.http.call import Answer
from segue.http.client import UpstreamPool
from segue.http.message import block, first, request
from segue.wiring import home_at

UNITS = 10_000
AT_ONCE = 16


async def variants(port: int) -> dict[int, str]:
    """Unit -> the variant that a gateway gives it."""
    pool = UpstreamPool("127.0.0.1", port)
    given: dict[int, str] = {}
    left = iter(range(UNITS))

    async def ask(unit: int) -> str:
        fields = block([(b"host", b"h"), (b"x-user-id", b"user-%d" % unit)])
        body = json.dumps({"id": f"q-{unit}", "n": unit}).encode()
        answer = await pool.request(request(b"POST", b"/v2/models/churn/infer", fields, body), 30.0, replayable=True)
        ok = isinstance(answer, Answer) and answer.status == 200
        return (first(answer.headers, b"x-segue-variant") or b"").decode() if ok and isinstance(answer, Answer) else ""

    async def caller() -> None:
        for unit in left:
            given[unit] = await ask(unit)

    async def serves() -> bool:
        return bool(await ask(0))

    for _ in range(600):
        if await serves():
            break
        await asyncio.sleep(0.1)
    await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    await until(lambda: len(given) == UNITS)
    await pool.close()
    return given


@pytest.mark.slow
def test_gateways_of_different_homes_agree_on_every_unit(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two gateways that share the store and nothing else agree on ten thousand units."""
    monkeypatch.setenv("SEGUE_STORE", postgres_url)
    homes = [tmp_path / "here", tmp_path / "there"]
    ports = [free_port(), free_port()]
    with upstream("7") as seven, upstream("8") as eight, ExitStack() as running:
        publish(homes[0], {"7": seven, "8": eight}, champion=0.7)
        for home, port in zip(homes, ports, strict=True):
            home_at(home)
            words = [sys.executable, "-m", "segue", "gateway", "--route", "churn", "--port", str(port)]
            running.enter_context(process(*words, home=home, log=tmp_path / f"{home.name}.log"))
        here, there = (asyncio.run(variants(port)) for port in ports)
        assert here == there
        assert set(here.values()) == {"champion", "v8"}
        share = sum(variant == "v8" for variant in here.values()) / UNITS
        assert abs(share - 0.3) < 5 * (0.3 * 0.7 / UNITS) ** 0.5
