"""How often, how long, how many times: what a host does with its time?"""

import msgspec

from segue.errors import DomainError


class HostSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A host's settings; all times are real time.

    Args:
        host: who this is in the directory; the same after a restart, and no other host's.
        address: that workers listen on, each on a port of its own; what callers are told to connect to.
        poll_s: between two looks at what is wanted and where the aliases point.
        heartbeat_s: between two signs of life in the directory.
        start_s: for a worker to load and warm up.
        probe_s: for the probe of a worker that says it is ready.
        grace_s: that a version goes on running when nobody wants it any more: callers may not have heard yet.
        leave_s: the same at the end of the host.
        drain_s: that the answers in hand get when a worker ends.
        orphan_s: that workers serve on when this process has died, for the next one to take over.
        live_s: between two looks at whether a worker still answers.
        hung_s: without an answer to `/v2/health/live`, after which a worker is killed.
        back_off_least_s, back_off_most_s: before a failed worker is started again; doubled each time.
        steady_s: of being ready, after which earlier failures are forgotten.
    """

    host: str
    address: str = "127.0.0.1"
    poll_s: float = 0.25
    heartbeat_s: float = 2.0
    start_s: float = 120.0
    probe_s: float = 10.0
    grace_s: float = 5.0
    leave_s: float = 0.5
    drain_s: float = 10.0
    orphan_s: float = 30.0
    live_s: float = 5.0
    hung_s: float = 30.0
    back_off_least_s: float = 0.2
    back_off_most_s: float = 30.0
    steady_s: float = 20.0

    def __post_init__(self) -> None:
        if not self.host:
            raise DomainError("a host has a name, so that its entries in the directory can be told from others'")
        for field in msgspec.structs.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and value <= 0:
                raise DomainError(f"{field.name} is {value}, and must be above 0")
