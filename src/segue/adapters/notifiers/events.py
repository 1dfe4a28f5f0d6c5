"""How does a program hear what was decided? A CloudEvent, posted as JSON and signed.

The event's id is the notice's, at every attempt. The signature is that of Standard Webhooks (`facts.wire.signing`).
"""

import time
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import quote

import msgspec

from segue.errors import Refused, Unavailable
from segue.facts.decision import SendNotice
from segue.facts.wire.signing import signature

TYPE: Final = "io.segue.rollout."
_ANSWER_WITHIN_S: Final = 5.0
_LATER: Final = frozenset({408, 425, 429})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET without its body."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        """None makes the redirect an error."""


_opener: Final = urllib.request.build_opener(_NoRedirect)


def cloud_event(notice: SendNotice) -> bytes:
    """A notice as a CloudEvent 1.0 in structured mode."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": notice.id,
            "source": f"/segue/routes/{quote(notice.route)}/rollouts/{quote(notice.rollout)}",
            "type": TYPE + notice.event,
            "subject": notice.rollout,
            "time": notice.at,
            "datacontenttype": "application/json",
            "data": {
                "route": notice.route,
                "rollout": notice.rollout,
                "event": notice.event,
                "stage": notice.stage,
                "phase": notice.phase,
                "reasons": notice.reasons,
                "decision": notice.decision,
            },
        }
    )


def post(notice: SendNotice, secret: str) -> None:
    """Post a notice to its url.

    Args:
        notice: its url is http or https.
        secret: of the signature; "" for none.

    Raises:
        Unavailable: no answer, or one that says later (5xx, 408, 425, 429).
        Refused: any other answer than 2xx.
    """
    body, timestamp = cloud_event(notice), str(int(time.time()))
    headers = {"Content-Type": "application/cloudevents+json", "webhook-id": notice.id, "webhook-timestamp": timestamp}
    if secret:
        headers["webhook-signature"] = signature(secret, notice.id, timestamp, body)
    request = urllib.request.Request(notice.url, body, headers, method="POST")  # noqa: S310 - the scheme was looked at
    try:
        with _opener.open(request, timeout=_ANSWER_WITHIN_S):
            return
    except urllib.error.HTTPError as error:
        with error:
            kind = Unavailable if error.code >= 500 or error.code in _LATER else Refused
            raise kind(f"the receiver answered {error.code}", hint="look at the url under `notify`") from error
    except (OSError, ValueError) as error:
        raise Unavailable(f"the receiver does not answer: {error}") from error
