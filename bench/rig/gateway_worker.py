"""The gateway's worker under measurement: the very one that `segue gateway` starts, on an allocation of its own.

Arguments, as JSON: see `Setting`. With the journal off, answers leave at the same moment, and nothing is written.
"""

import asyncio
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from segue.assign.ownership import rebalance
from segue.facts.allocation import Allocation, Capturing, Shadow, Split, Target
from segue.gateway.serve import Preamble, WorkerJournal, run
from segue.gateway.settings import GatewaySettings
from segue.http.limits import PoolLimits, ServerLimits
from segue.ports.recorder import Release, Written
from segue.wiring import GatewayParts, home_at, stores_of


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured: ports of the champion and the candidate, an A/B split or a shadow, with or without the journal.

    `share` is the candidate's in a split; `sweep_s`, if any, is the time between two looks at deadlines.
    """

    home: str
    port: int
    champion: int
    candidate: int
    shadow: bool = False
    share: float = 0.1
    journal: bool = True
    path: str = ""
    body_limit_bytes: int = 64 * 1024
    shadow_timeout_s: float = 5.0
    poll_s: float = 0.15
    sweep_s: float = 0.0


class NoJournal:
    """A recorder that keeps nothing, and releases as the journal does: after this turn of the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._releases: list[Release] = []

    def record(self, kind: int, payload: bytes, release: Release | None = None) -> None:  # noqa: ARG002 - the port's signature
        """Forget the payload."""
        if release is not None:
            if not self._releases:
                self._loop.call_soon(self._flush)
            self._releases.append(release)

    def _flush(self) -> None:
        releases, self._releases = self._releases, []
        for release in releases:
            release(True)  # noqa: FBT003 - the port's signature

    def tick(self) -> None:
        """Nothing is due."""

    def close(self) -> None:
        """Nothing is left."""

    def written(self) -> Written:
        """Nothing."""
        return Written(0, 0, 0, 0)


class WithoutJournal(GatewayParts):
    """The real parts, but for the journal."""

    def journal(self, preamble: Preamble) -> WorkerJournal:  # noqa: ARG002 - the port's signature
        """One that keeps nothing."""
        return NoJournal()


def allocation_of(setting: Setting) -> Allocation:
    """90 to 10 by a hashed header, or all to the champion with the candidate in its shadow."""
    shares = {"champion": 1.0} if setting.shadow else {"champion": 1.0 - setting.share, "v8": setting.share}
    ports = {"champion": ("7", setting.champion), "v8": ("8", setting.candidate)}
    return Allocation(
        number=0,
        route="churn",
        rollout="churn-1",
        stage="bench",
        spec_digest="d",
        published_at=datetime.now(UTC),
        protocol="v2",
        unit=("header:x-user-id", "request"),
        context={},
        champion="champion",
        variants={
            name: Target(version=f"models:/churn/{version}", url=f"http://127.0.0.1:{port}{setting.path}", timeout_s=10.0)
            for name, (version, port) in ports.items()
        },
        split=Split(salt="s", kind="variant", ranges=rebalance(None, shares)),
        capturing=Capturing(body_limit_bytes=setting.body_limit_bytes),
        shadows=(Shadow(variant="v8", share=1.0, timeout_s=setting.shadow_timeout_s),) if setting.shadow else (),
    )


def main(arguments: bytes) -> None:
    """Publish the allocation, then serve until SIGTERM."""
    setting = msgspec.json.decode(arguments, type=Setting)
    home = home_at(setting.home)
    with stores_of(home) as stores:
        stores.allocations.publish(allocation_of(setting), command_id="bench")
    sweep_s = setting.sweep_s
    settings = GatewaySettings(
        server=ServerLimits(sweep_s=sweep_s) if sweep_s else ServerLimits(),
        pool=PoolLimits(sweep_s=sweep_s) if sweep_s else PoolLimits(),
        routes=("churn",),
        worker="bench-0",
        port=setting.port,
        last_good=str(Path(setting.home) / "run" / "good"),
        poll_s=setting.poll_s,
        report_s=max(setting.poll_s, 1.0),
    )
    parts: Callable[..., GatewayParts] = GatewayParts if setting.journal else WithoutJournal
    run(settings, parts(home, settings))


if __name__ == "__main__":
    main(sys.argv[1].encode())
