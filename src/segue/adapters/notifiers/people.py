"""How do people hear what was decided? Through apprise, which knows chats, mail and a hundred services by url."""

from segue.errors import Refused, Unavailable
from segue.extras import installing
from segue.facts.decision import SendNotice


def tell(notice: SendNotice) -> None:
    """Send a notice as a title and a text.

    Raises:
        Refused: apprise is not installed, or knows no such address.
        Unavailable: the service did not take it.
    """
    try:
        import apprise  # noqa: PLC0415 - an extra, needed by those who tell people
    except ImportError as error:
        raise Refused(f"notices to people need apprise: {error}", hint=installing("notify")) from error
    service = apprise.Apprise()
    if not service.add(notice.url):
        raise Refused(f"no service is known by {notice.url.partition('://')[0]}://", hint="https://appriseit.com/services/")
    if not service.notify(title=title(notice), body=body(notice)):
        raise Unavailable("the service did not take it")


def title(notice: SendNotice) -> str:
    """One line: which rollout, and what became of it."""
    return f"{notice.rollout}: {notice.event.replace('_', ' ')}"


def body(notice: SendNotice) -> str:
    """Why, and where it stands now."""
    return "\n".join([*notice.reasons, f"stage {notice.stage}, {notice.phase.replace('_', ' ')}, decision {notice.decision}"])
