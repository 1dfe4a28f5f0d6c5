"""Which of several monitors acts, and how does it notice that it does not any more?

The one with the lease. A tick may last longer than the lease, so a thread renews it meanwhile; it never takes it anew, so a
tick that began under one lease cannot go on under another. A monitor that is frozen as a whole renews nothing, and one whose
tick hangs stops renewing after a while. What either still writes when it wakes is refused by the store's fence.
"""

import logging
import threading
import time
from types import TracebackType
from typing import Final, Self

from segue.errors import PortError
from segue.ports.store import Lease, LeaseStore

log: Final = logging.getLogger("segue.monitor")
LEASE: Final = "monitor"


class Leading:
    """The lead of one monitor, to be entered once.

    Args:
        leases: where the lease is.
        holder: unique to this boot.
        lease_s: real time that a lease lasts; it is renewed three times as often.
        tick_most_s: real time without a sign of life of the tick after which it is not renewed any more.
    """

    def __init__(self, leases: LeaseStore, holder: str, *, lease_s: float, tick_most_s: float) -> None:
        self._leases = leases
        self._holder = holder
        self._lease_s = lease_s
        self._tick_most_s = tick_most_s
        self._lease: Lease | None = None
        self._alive_s = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self.lost = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def begin(self) -> bool:
        """Take the lease, or renew it, before a tick; whether this monitor leads.

        Raises:
            Unavailable: the store did not answer.
        """
        led = self._lease is not None and not self.lost
        self._lease = None  # the thread leaves the lease alone meanwhile
        lease = self._leases.acquire(LEASE, self._holder, ttl_s=self._lease_s)
        self.alive()
        self._lease, self.lost = lease, False
        if (lease is not None) != led:
            log.info("%s %s", self._holder, f"leads, fence {lease.fence}" if lease else "does not lead any more")
        return lease is not None

    def alive(self) -> None:
        """The tick goes on."""
        self._alive_s = time.monotonic()

    def _renew(self) -> None:
        while not self._end.wait(self._lease_s / 3):
            lease = self._lease
            if lease is None or self.lost or time.monotonic() - self._alive_s > self._tick_most_s:
                continue
            try:
                renewed = self._leases.renew(lease, ttl_s=self._lease_s)
            except PortError as error:
                log.warning("the lease was not renewed: %s", error.message)
                continue
            if renewed is None and self._lease is lease:
                self.lost = True
                log.warning("%s has lost the lead", self._holder)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end.set()
        self._thread.join()
        if self._lease is None:
            return
        try:
            self._leases.release(self._lease)
        except PortError as failure:
            log.warning("the lease runs out by itself: %s", failure.message)
