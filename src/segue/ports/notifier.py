"""Who tells people and programs what was decided?

Duties: a notice that was taken over is not lost; one that was perhaps delivered may be sent again, with the same id, by which a
receiver knows it.
"""

from typing import Protocol

from segue.facts.decision import SendNotice


class Notifier(Protocol):
    """Where notices go."""

    def send(self, notice: SendNotice) -> None:
        """Deliver a notice.

        Raises:
            Unavailable: not now; it is to be tried again. Also while it is too early after a failure.
            Refused: never; a person has to look.
        """
        ...
