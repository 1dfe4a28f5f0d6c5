"""Which part of a list is asked for?"""

from typing import Final

import msgspec


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """So many items after the first few.

    Args:
        after: items to leave out.
        most: items to give; None for all that follow.
    """

    after: int = 0
    most: int | None = None


WHOLE: Final = Span()
"""The whole list."""
