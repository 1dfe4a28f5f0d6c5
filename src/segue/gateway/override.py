"""What has a person ruled for this machine alone, whether or not the store answers?

A small file, looked at several times a second by a thread of its own, since the one that asks the store may have to wait:

```json
{"churn": {"kill": ["v8"], "reason": "v8 leaks names", "by": "ann"}}
```
`"kill": "all"` leaves the champion alone. What cannot be read changes nothing and is told in the log; no file, no override.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from segue.assign.draw import Assigner, Assignment
from segue.errors import DomainError
from segue.facts.allocation import Allocation, Shadow
from segue.facts.wire.codec import UNREADABLE

log: Final = logging.getLogger("segue.gateway")
_LOOK_S: Final = 0.2


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's rule for one route.

    Args:
        kill: the variants that are asked no more, neither for an answer nor as a shadow; "all" but the champion.
        reason: why; kept here, in the log and in the worker's reports.
        by: who.

    Raises:
        DomainError: no reason, or nobody to kill.
    """

    kill: tuple[str, ...] | Literal["all"]
    reason: str
    by: str = ""

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise DomainError("an override needs a reason")
        if not self.kill:
            raise DomainError("an override kills nobody", hint='"kill": ["v8"], or "all"; take the route out to end it')

    def killed(self, allocation: Allocation) -> frozenset[str]:
        """The variants of an allocation that are asked no more; never its champion."""
        named = allocation.variants if self.kill == "all" else self.kill
        return frozenset(named) - {allocation.champion}


Overrides = Mapping[str, Override]
"""By route."""
_decode = msgspec.json.Decoder(dict[str, Override]).decode


def read(file: Path) -> dict[str, Override]:
    """What a file rules; nothing where there is no file.

    Raises:
        DomainError: it cannot be read, or is none.
    """
    try:
        return _decode(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, *UNREADABLE) as error:
        hint = 'such as {"churn": {"kill": ["v8"], "reason": "leaks names"}}'
        raise DomainError(f"the override file {file} cannot be read: {error}", hint=hint) from error


def write(file: Path, overrides: Overrides) -> None:
    """Put these rules in force, at once for every reader; none removes the file.

    Raises:
        DomainError: the file cannot be written.
    """
    draft = file.with_suffix(f".{os.getpid()}.draft")
    try:
        if not overrides:
            file.unlink(missing_ok=True)
            return
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(overrides), indent=1) + b"\n")
        draft.replace(file)
    except OSError as error:
        raise DomainError(f"the override file {file} cannot be written: {error}") from error


class Overruled:
    """Draws as an allocation does, but for those that were killed; nothing drawn under an override is compared.

    Args:
        assigner: the allocation's own.
        champion: who gets the units of the killed.
    """

    __slots__ = ("_assigner", "_champion", "_killed")

    def __init__(self, assigner: Assigner, champion: str, killed: frozenset[str]) -> None:
        self._assigner = assigner
        self._champion = champion
        self._killed = killed

    def assign(self, unit: str, context: Mapping[str, str]) -> Assignment:
        """The unit's own variant, or the champion in its place."""
        drawn = self._assigner.assign(unit, context).variant
        return Assignment(self._champion if drawn in self._killed else drawn, 1.0, comparable=False)

    def shadows(self, request_id: str, served: str) -> list[Shadow]:
        """The shadows that are left."""
        return [shadow for shadow in self._assigner.shadows(request_id, served) if shadow.variant not in self._killed]


class Watch:
    """Follows the file of one worker.

    Args:
        file: "" for none.
        on_change: called on the event loop with all rules whenever they have changed.
    """

    def __init__(self, file: str, on_change: Callable[[Overrides], None]) -> None:
        self._file = Path(file) if file else None
        self._on_change = on_change
        self._seen: tuple[int, int, int] | None = None
        self._rules: Overrides = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="override", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give what the file rules at once, then follow it."""
        self._loop = loop
        if self._file is not None:
            if self._changed(self._file):
                self._on_change(self._rules)
            self._thread.start()

    def stop(self) -> None:
        """Follow no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _follow(self) -> None:
        while not self._stop.wait(_LOOK_S):
            if self._file is not None and self._changed(self._file) and self._loop is not None:
                self._loop.call_soon_threadsafe(self._on_change, self._rules)

    def _changed(self, file: Path) -> bool:
        """Whether the rules are others than before."""
        try:
            status = file.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            seen = None  # gone, or out of reach: `read` tells which
        if seen == self._seen:
            return False
        self._seen = seen
        try:
            rules = read(file)
        except DomainError as error:
            log.error("%s; the rules of before stay: %s", error.message, _said(self._rules))
            return False
        changed, self._rules = rules != self._rules, rules
        if changed:
            log.warning("override: %s", _said(rules))
        return changed


def _said(rules: Overrides) -> str:
    each = (f"{route}: kill {rule.kill} by {rule.by or 'somebody'}: {rule.reason}" for route, rule in rules.items())
    return "; ".join(each) or "none"
