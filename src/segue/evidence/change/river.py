"""What do River's detectors say of the losses: ADWIN and Page-Hinkley, as River has them? Takes `segue[river]`.

Both are River's own objects with River's defaults; every parameter is part of the name. Neither keeps a stated rate of false
alarms over a stream: ADWIN bounds it at each of its checks (Bifet & Gavaldà 2007, theorem 3.1), Page-Hinkley not at all (Page
1954; Hinkley 1971). How often they cry on the same losses in another order is measured instead (`signals`).
"""

from typing import Final, Protocol

import msgspec
from river import drift

from segue.evidence.change.signals import Watcher
from segue.evidence.process import Floats


class Adwin(msgspec.Struct, frozen=True, kw_only=True):
    """Adaptive windowing: cuts the window where two of its parts differ by more than `delta` allows; in both directions."""

    delta: float = 0.002
    clock: int = 32
    min_window_length: int = 5
    grace_period: int = 10

    @property
    def id(self) -> str:
        """The name with the whole convention."""
        more = f"min_window_length={self.min_window_length},grace_period={self.grace_period}"
        return f"adwin[river,delta={self.delta:g},clock={self.clock},{more}]"

    def alarms(self, losses: Floats) -> list[int]:
        """The places at which it signals."""
        made: _Detector = drift.ADWIN(**msgspec.structs.asdict(self))
        return _alarms(made, losses)


class PageHinkley(msgspec.Struct, frozen=True, kw_only=True):
    """The losses' sum above their mean so far, less `delta` each, since it was least; upwards alone, as losses are watched."""

    min_instances: int = 30
    delta: float = 0.005
    threshold: float = 50.0
    alpha: float = 0.9999

    @property
    def id(self) -> str:
        """The name with the whole convention."""
        parts = f"min_instances={self.min_instances},delta={self.delta:g},threshold={self.threshold:g},alpha={self.alpha:g}"
        return f"page_hinkley[river,up,{parts}]"

    def alarms(self, losses: Floats) -> list[int]:
        """The places at which it signals; it then begins anew."""
        return _alarms(drift.PageHinkley(**msgspec.structs.asdict(self), mode="up"), losses)


class _Detector(Protocol):
    def update(self, x: float) -> object: ...

    @property
    def drift_detected(self) -> bool: ...


ALL: Final = (
    Watcher(
        name=Adwin().id,
        guarantee="a false alarm at any one check, one each 32 losses, has a chance of at most 0.002",
        alarms=Adwin().alarms,
    ),
    Watcher(name=PageHinkley().id, guarantee="none", alarms=PageHinkley().alarms),
)
"""Those that are asked where nobody says otherwise."""


def _alarms(detector: _Detector, losses: Floats) -> list[int]:
    found = []
    for place, loss in enumerate(losses.tolist()):
        detector.update(loss)
        if detector.drift_detected:
            found.append(place)
    return found
