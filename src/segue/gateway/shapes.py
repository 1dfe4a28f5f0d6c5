"""How does each protocol say no?"""

import json
from typing import Final

from segue.facts.allocation import Protocol

_MLFLOW: Final = {400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST"}
_OPENAI: Final = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}


def refusal(protocol: Protocol, status: int, why: str) -> bytes:
    """The body of an answer that is none, as JSON.

    >>> refusal("v2", 404, "no such version")
    b'{"error": "no such version"}'
    >>> refusal("mlflow", 503, "busy")
    b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "busy"}'
    """
    said: object = {"error": why}
    if protocol == "mlflow":
        said = {
            "error_code": _MLFLOW.get(status, "TEMPORARILY_UNAVAILABLE" if status >= 500 else "BAD_REQUEST"),
            "message": why,
        }
    elif protocol == "openai":
        kind = _OPENAI.get(status, "server_error" if status >= 500 else "invalid_request_error")
        said = {"error": {"message": why, "type": kind, "param": None, "code": None}}
    return json.dumps(said).encode()
