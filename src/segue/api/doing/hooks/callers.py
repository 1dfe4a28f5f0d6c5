"""Who calls a hook, where a program can be told nothing but an address and a secret?

A signature of `SEGUE_HOOK_SECRET` says it, or a token in the `metadata` of Flagger's payload, or a token in the usual place.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from segue.api.access import Person, Unknown, person_of
from segue.api.desk import real_now
from segue.api.operation import Office
from segue.errors import Refused
from segue.facts.wire.signing import signed, verify

SIGNER: Final = "a signed webhook"
"""What stands as `who` in the record of what a signed message asks for."""


class WithToken(msgspec.Struct, frozen=True, kw_only=True):
    """Of Flagger's payload, where a token may stand."""

    metadata: dict[str, str] = {}


def by_signature(office: Office, headers: Mapping[str, str], body: bytes) -> Person | None:
    """Who has signed a message; None where nobody has.

    Raises:
        Unknown: it is signed, and not by whoever knows the secret, or not now.
    """
    said = signed(headers)
    if said is None:
        return None
    if not office.hook_secrets:
        raise Unknown("this API has no secret to check a signature by", hint="set SEGUE_HOOK_SECRET for `segue api`")
    try:
        verify(said, body, office.hook_secrets, real_now().timestamp())
    except Refused as error:
        raise Unknown(error.message, hint=error.hint) from error
    return Person(name=SIGNER, role="operator")


def by_payload(office: Office, headers: Mapping[str, str], body: bytes) -> Person | None:
    """Who has signed a message, or whose token stands in its metadata; None where that is nobody.

    Raises:
        Unknown: somebody has, and is not known.
    """
    person = by_signature(office, headers, body)
    if person is not None:
        return person
    try:
        token = msgspec.json.decode(body, type=WithToken).metadata.get("token", "")
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None  # that it is not well said is told to whom is known
    return person_of(f"Bearer {token}", office.tokens, real_now()) if token else None
