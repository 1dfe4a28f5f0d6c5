"""What proves that a message is from whoever knows the secret, and says so now?

The signature of Standard Webhooks: HMAC-SHA256 over `ID.TIMESTAMP.BODY`, in base 64, after `v1,`
(https://github.com/standard-webhooks/standard-webhooks, "Signature scheme"). Two families of headers carry it: those of that
specification, in which Segue signs too, and those of MLflow (`mlflow.webhooks.constants`).
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from segue.errors import Refused

TOLERANCE_S: Final = 300
"""How far a message's time may lie from ours, before and after: what Standard Webhooks' own libraries allow."""

_FAMILIES: Final = (
    ("webhook-id", "webhook-timestamp", "webhook-signature"),
    ("x-mlflow-delivery-id", "x-mlflow-timestamp", "x-mlflow-signature"),
)


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says of itself.

    Args:
        id: of the delivery; every attempt at it has the same.
        timestamp: seconds since the epoch, as text.
        signatures: while a secret is exchanged, one of each.
    """

    id: str
    timestamp: str
    signatures: tuple[str, ...]


def signature(secret: str, identity: str, timestamp: str, body: bytes) -> str:
    """What proves that a message is from whoever knows the secret.

    >>> signature("s", "1", "2", b"{}")
    'v1,SnYrvqzM9LnSl953cPVWV1AmSWOeDIOs6ZD5pBq4+Ig='
    """
    code = hmac.new(secret.encode(), f"{identity}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(code.digest()).decode()}"


def signed(headers: Mapping[str, str]) -> Signed | None:
    """What headers, by lower-case name, say of a signature; None where they name none.

    >>> signed({"webhook-id": "m", "webhook-timestamp": "2", "webhook-signature": "v1,YQ== v1,Yg=="}).signatures
    ('v1,YQ==', 'v1,Yg==')
    """
    for identity, timestamp, proof in _FAMILIES:
        if proof in headers:
            proofs = tuple(headers[proof].split())
            return Signed(id=headers.get(identity, ""), timestamp=headers.get(timestamp, ""), signatures=proofs)
    return None


def verify(said: Signed, body: bytes, secrets: Sequence[str], now_s: float) -> None:
    """See that a message is signed with one of the secrets, and is of now.

    Args:
        said: what its headers say.
        body: as it came, to the byte.
        secrets: more than one while they are exchanged.
        now_s: real time, seconds since the epoch.

    Raises:
        Refused: it is neither, or not both.
    """
    expected = [signature(secret, said.id, said.timestamp, body) for secret in secrets]
    pairs = [(given.encode(), right.encode()) for given in said.signatures for right in expected]
    matches = [hmac.compare_digest(given, right) for given, right in pairs]  # all of them, so that time tells nothing
    if not said.id or not any(matches):
        raise Refused("the signature is not right", hint="does the sender have the same secret?")
    if not said.timestamp.isdecimal() or abs(now_s - int(said.timestamp[:15])) > TOLERANCE_S:
        raise Refused(f"it was signed more than {TOLERANCE_S} s from now", hint="do the clocks agree?")
