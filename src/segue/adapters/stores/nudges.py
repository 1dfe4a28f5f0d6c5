"""How does somebody who polls hear of a change before the next poll?

A nudge is a courtesy: it says that something may have changed, and may be lost with its connection. So a thread listens on a
connection of its own, makes a new one when that is lost, and wakes its listener then too, for what it did not hear meanwhile.

SQLite tells nobody. Who listens there looks twenty times a second at a mark that costs next to nothing; only where it moved,
because somebody has committed something, is the database asked for the number of nudges, which stands in its header.
"""

import logging
import threading
from typing import Final

from segue.adapters.stores.database.connect import Database
from segue.errors import PortError
from segue.ports.store import End, Wake

log: Final = logging.getLogger("segue.store")
_LOOK_UP_S: Final = 0.5  # after which the thread sees that it is to end
_GLANCE_S: Final = 0.05  # between two looks at SQLite's mark
_BACK_OFF_S: Final = (0.1, 0.5, 2.0, 5.0, 10.0)


def listen(database: Database, channel: str, wake: Wake) -> End:
    """Wake somebody at each change that is told on a channel, until the end that is returned is called."""
    if not database.tells:
        return lambda: None
    stop = threading.Event()
    threading.Thread(target=_listen, args=(database, channel, wake, stop), name=f"listen {channel}", daemon=True).start()
    return stop.set


def look(database: Database, wake: Wake) -> End:
    """Wake somebody at each nudge of a database that has marks, until the end that is returned is called."""
    if database.mark() is None:
        return lambda: None
    nudged, stop = Nudged(database), threading.Event()

    def looking() -> None:
        while not stop.wait(_GLANCE_S):
            if nudged.since():
                wake()

    threading.Thread(target=looking, name="look for nudges", daemon=True).start()
    return stop.set


class Nudged:
    """Whether somebody has nudged since it was asked last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mark = database.mark()  # before the number: what comes in between is found by the next look
        self._number = database.nudges()

    def since(self) -> bool:
        """Whether somebody has; False where the database fails, and then it is found later."""
        mark = self._database.mark()
        if mark is not None and mark == self._mark:
            return False
        try:
            number = self._database.nudges()
        except PortError:
            return False
        self._mark, before, self._number = mark, self._number, number
        return number != before


def _listen(database: Database, channel: str, wake: Wake, stop: threading.Event) -> None:
    failures = 0
    while not stop.is_set():
        try:
            with database.listening(channel) as heard:
                failures = 0
                wake()
                while not stop.is_set():
                    if heard(_LOOK_UP_S):
                        wake()
        except PortError as error:
            pause_s = _BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)]
            failures += 1
            log.info("not told of changes (%s), polling; again in %.1f s: %s", channel, pause_s, error.message)
            stop.wait(pause_s)
