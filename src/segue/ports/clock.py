"""What time is it in the stream?

Windows, ages, ramps and partitions are in stream time, which comes from here only. With a scaled clock a recorded month
passes in minutes; network timeouts and back-off stay in real time and never ask this clock.
"""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Stream time, the same in every process that shares the clock's setting."""

    def now(self) -> datetime:
        """Now, aware, UTC."""
        ...

    def now_us(self) -> int:
        """Now in microseconds since the epoch; for the request path."""
        ...

    @property
    def speed(self) -> float:
        """Stream seconds in one real second; > 0."""
        ...
