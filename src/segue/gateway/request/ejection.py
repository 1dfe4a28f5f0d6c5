"""Which places of a variant are left out for a while, because they keep failing?

```
sound -- too many failures --> ejected -- time is up --> on trial -- answers --> sound
                                  ^------------ longer -------------- fails ------'
```
What outlier detection is to Envoy and Istio, with one difference: a place comes back on the word of one request, not by time
alone. A failure is the variant's own (`OTHERS` are not). A state changes only when a result is heard or a place is looked
for: there is no timer.
"""

import logging
import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from segue.errors import DomainError
from segue.gateway.sight.counters import Counters

if TYPE_CHECKING:
    from segue.gateway.live import Live, Place, Upstream
    from segue.gateway.request.capture import Answered

OTHERS: Final = frozenset({"caller", "overloaded", "closed"})
"""Errors that are not the place's: perhaps the caller's fault, our own queue, our own end."""
log: Final = logging.getLogger("segue.gateway")


class EjectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When a place is left out, and for how long; times are real time.

    Args:
        in_a_row: failures without an answer between them that are too many.
        share: of failures that is too many, among at least `among` calls since the first failure of the last `window_s`.
        base_s: of a first ejection; the n-th in short order takes n times as long.
        most_s: of any ejection; who was sound for as long begins with `base_s` again.
        jitter: up to which part an ejection is longer than that, by chance, so that workers do not try again together.

    Raises:
        DomainError: a number that would eject everybody or nobody.
    """

    in_a_row: int = 5
    share: float = 0.5
    among: int = 20
    window_s: float = 10.0
    base_s: float = 5.0
    most_s: float = 60.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if min(self.in_a_row, self.among, self.window_s, self.base_s) <= 0 or self.most_s < self.base_s or self.jitter < 0:
            raise DomainError("ejection has a number that is too small", hint="counts and times above 0, most_s from base_s on")
        if not 0 < self.share <= 1:
            raise DomainError(f"a share of {self.share} of the calls", hint="above 0, at most 1")


_DEFAULT: Final = EjectionSettings()


class Health:
    """What is known of one place.

    The request path reads `ejected` and counts `good` up; everything else happens only where something fails.

    Args:
        settings: when it is ejected.

    >>> health = Health(EjectionSettings(in_a_row=2, jitter=0))
    >>> [health.failed(now_s, now_s, 0.0) for now_s in (1.0, 2.0)], health.ejected
    ([False, True], True)
    >>> health.on_trial(6.0), health.on_trial(7.0), health.on_trial(8.0)
    (False, True, False)
    >>> health.answered(7.0, 7.1), health.ejected
    (True, False)
    """

    __slots__ = (
        "_bad",
        "_failures",
        "_good_before",
        "_in_a_row",
        "_settings",
        "_sound_s",
        "_trial_s",
        "_until_s",
        "ejected",
        "good",
        "spared_s",
        "times",
    )

    def __init__(self, settings: EjectionSettings = _DEFAULT) -> None:
        self._settings = settings
        self.ejected = False
        self.good = 0
        self.times = 0  # ejected in short order
        self.spared_s = float("-inf")  # when it was kept last only because nobody else is left
        self._bad = 0
        self._in_a_row = 0
        self._good_before = 0  # `good` at the last failure
        self._failures: deque[tuple[float, int]] = deque(maxlen=settings.among)  # when, and after how many calls
        self._until_s = 0.0
        self._trial_s = float("inf")  # when the trial under way began
        self._sound_s = float("-inf")  # since when it has been sound again

    def answered(self, started_s: float, now_s: float) -> bool:
        """A good answer to a call that began then; True where it ends the ejection."""
        self.good += 1
        if not self.ejected or started_s < self._trial_s:
            return False
        self.ejected = False
        self._sound_s = now_s
        self._forget()
        return True

    def failed(self, started_s: float, now_s: float, chance: float, *, last: bool = False) -> bool:
        """A failure of a call that began then.

        Args:
            started_s: monotonic seconds, as is `now_s`.
            now_s: when it is known.
            chance: drawn from [0, 1), for the jitter.
            last: True where nobody would be left: it is kept whatever it does.

        Returns:
            True where it is ejected now, and was not.
        """
        self._bad += 1
        if self.ejected:
            if started_s >= self._trial_s:
                self._eject(now_s, chance)
            return False
        self._in_a_row = self._in_a_row + 1 if self.good == self._good_before else 1
        self._good_before = self.good
        self._failures.append((now_s, self.good + self._bad))
        if not self._too_many(now_s):
            return False
        if last:
            self.spared_s = now_s
            return False
        if now_s - self._sound_s > self._settings.most_s:
            self.times = 0
        self._eject(now_s, chance)
        return True

    def on_trial(self, now_s: float) -> bool:
        """Whether an ejected place may be asked now, by this one request; the next may when this one's result never comes."""
        if now_s < self._until_s:
            return False
        self._trial_s = now_s
        self._until_s = now_s + self._settings.most_s
        return True

    def failing(self, now_s: float) -> bool:
        """Whether it is left out now, or would be, were anybody else there."""
        return self.ejected or now_s - self.spared_s < self._settings.base_s

    def _too_many(self, now_s: float) -> bool:
        settings, failures = self._settings, self._failures
        while failures[0][0] < now_s - settings.window_s:
            failures.popleft()
        calls = self.good + self._bad - failures[0][1] + 1
        in_part = calls >= settings.among and len(failures) >= settings.share * calls
        return in_part or self._in_a_row >= settings.in_a_row

    def _eject(self, now_s: float, chance: float) -> None:
        settings = self._settings
        self.ejected = True
        self.times += 1
        self._until_s = now_s + min(settings.base_s * self.times, settings.most_s) * (1 + settings.jitter * chance)
        self._trial_s = float("inf")
        self._forget()

    def _forget(self) -> None:
        self._failures.clear()
        self._in_a_row = 0


class Ejections:
    """The places of all routes of a worker, and who is left out now.

    Args:
        settings: when a place is.
        counters: the worker's numbers.
        on_change: called when `now` has changed, so that it can be reported at once.

    To read: `now`, route -> the variants that are not asked, because all their places are ejected.
    """

    def __init__(self, settings: EjectionSettings, counters: Counters, on_change: Callable[[], None]) -> None:
        self.now: dict[str, tuple[str, ...]] = {}
        self._settings = settings
        self._counters = counters
        self._on_change = on_change
        self._healths: dict[tuple[str, str, str], Health] = {}
        self._champions: dict[str, Upstream] = {}

    def reported(self, route: str, now_s: float) -> tuple[str, ...]:
        """What the monitor hears of: the variants that are left out, and a champion that would be."""
        champion, now = self._champions.get(route), self.now.get(route, ())
        if champion is None or not champion.places or not all(place.health.failing(now_s) for place in champion.places):
            return now
        return tuple(sorted({*now, champion.variant}))

    def health_of(self, route: str, variant: str, url: str) -> Health:
        """What is known of a place; it outlives the directory."""
        return self._healths.setdefault((route, variant, url), Health(self._settings))

    def follow(self, live: "Live") -> None:
        """A directory is in force: forget the places that it does not have."""
        route = live.allocation.route
        places = {(route, variant, place.url) for variant, it in live.upstreams.items() for place in it.places}
        for gone in [key for key in self._healths if key[0] == route and key not in places]:
            del self._healths[gone]
        champion = next((it for it in live.upstreams.values() if it.is_champion), None)
        if champion is not None:
            self._champions[route] = champion
        self._note(live)

    def hear(self, live: "Live", place: "Place", answered: "Answered", started_s: float) -> None:
        """What became of a call to a place: a failure, or the answer of one that is ejected."""
        health, now_s = place.health, answered.finished_s
        if not answered.error:
            if health.answered(started_s, now_s):
                log.warning("%s %s at %s answers again", live.allocation.route, answered.variant, place.url)
                self._note(live)
        elif answered.error not in OTHERS:
            upstream = live.upstreams[answered.variant]
            last = upstream.is_champion and all(it.health.ejected for it in upstream.places if it is not place)
            spared = health.failing(now_s)
            if health.failed(started_s, now_s, random.random(), last=last):  # noqa: S311 - jitter is no secret
                where = (live.allocation.route, answered.variant, place.url)
                log.warning("%s %s at %s keeps failing (%s): left out for a while", *where, answered.error)
                self._counters.add("segue_ejections_total", (("route", where[0]), ("variant", where[1])))
                self._note(live)
            elif last and not spared and health.failing(now_s):
                told = (live.allocation.route, answered.variant, place.url, answered.error)
                log.warning("%s %s at %s keeps failing (%s), and nobody else is there", *told)
                self._on_change()

    def _note(self, live: "Live") -> None:
        route = live.allocation.route
        for variant, upstream in live.upstreams.items():
            ejected = sum(place.health.ejected for place in upstream.places)
            self._counters.set("segue_ejected_places", (("route", route), ("variant", variant)), ejected)
        now = tuple(sorted(variant for variant, upstream in live.upstreams.items() if upstream.ejected))
        if now != self.now.get(route, ()):
            self.now[route] = now
            self._on_change()
