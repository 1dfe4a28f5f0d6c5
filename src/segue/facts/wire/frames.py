"""What may stand in a frame of the journal?

A journal file begins with the allocation under which its first captures were made, and repeats one at each swap, so that a
file can be read alone.
"""

from typing import Final

ALLOCATION: Final = 1
"""`facts.allocation.Allocation` as canonical JSON: all captures that name its number were made under it."""
CAPTURE: Final = 2
"""`facts.prediction.Capture` as msgpack: one answer of one variant."""
OUTCOME: Final = 3
"""`facts.outcome.Outcome` as msgpack, with the time at which it was received."""
