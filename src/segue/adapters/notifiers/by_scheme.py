"""Who delivers a notice, and when is it tried again?

http and https get a CloudEvent, every other scheme goes to apprise. A notice that was not delivered stays pending in the store
and is tried at each tick; here is the pause that grows with each failure, so that a receiver that is away costs a tick nothing.
"""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from segue.adapters.notifiers import events, people
from segue.errors import Unavailable
from segue.facts.decision import SendNotice

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0


class _Failed(NamedTuple):
    """Since when a url fails."""

    times: int
    again_s: float


class NotifierByScheme:
    """Delivers notices by the scheme of their url.

    Args:
        secret: that CloudEvents are signed with; "" for no signature.
        now_s: real time, monotonic.
    """

    def __init__(self, *, secret: str = "", now_s: Callable[[], float] = time.monotonic) -> None:
        self._secret = secret
        self._now_s = now_s
        self._failed: dict[str, _Failed] = {}

    def send(self, notice: SendNotice) -> None:
        """Deliver a notice.

        Raises:
            Unavailable: not now, or too early after a failure.
            Refused: never.
        """
        failed = self._failed.get(notice.url)
        if failed is not None and self._now_s() < failed.again_s:
            raise Unavailable(f"{failed.times} times in vain; again in {failed.again_s - self._now_s():.0f} s")
        try:
            if notice.url.startswith(("http://", "https://")):
                events.post(notice, self._secret)
            else:
                people.tell(notice)
        except Unavailable:
            times = 1 if failed is None else failed.times + 1
            pause_s = min(FIRST_PAUSE_S * 2.0 ** (times - 1), LONGEST_PAUSE_S)
            self._failed[notice.url] = _Failed(times, self._now_s() + pause_s)
            raise
        self._failed.pop(notice.url, None)
