"""A server that keeps one Kubernetes object as the API server does: GET, merge PATCH, `resourceVersion`, and Status objects.

The object is an HTTPRoute as `kubectl get -o json` gives it, with the fields that servers and controllers add.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from listening import listening

PATH = "/apis/gateway.networking.k8s.io/v1/namespaces/models/httproutes/churn"


def recorded() -> dict[str, Any]:
    """The object: two rules, of which one is none of ours."""
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "annotations": {"team": "risk"},
            "creationTimestamp": "2026-02-03T09:12:44Z",
            "generation": 1,
            "name": "churn",
            "namespace": "models",
            "resourceVersion": "48213",
            "uid": "5f0c8a2e-6d0b-4a53-9f5a-0f3f6f6f9b11",
        },
        "spec": {
            "hostnames": ["churn.example.com"],
            "parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}],
            "rules": [
                {
                    "backendRefs": [
                        {"group": "", "kind": "Service", "name": "churn-v7", "port": 8080, "weight": 1},
                        {"group": "", "kind": "Service", "name": "churn-v8", "port": 8080, "weight": 0},
                    ],
                    "matches": [{"path": {"type": "PathPrefix", "value": "/v2/models/churn"}}],
                    "timeouts": {"request": "10s"},
                },
                {
                    "backendRefs": [{"group": "", "kind": "Service", "name": "about", "port": 80, "weight": 1}],
                    "matches": [{"path": {"type": "PathPrefix", "value": "/about"}}],
                },
            ],
        },
        "status": {"parents": [{"controllerName": "example.com/mesh", "parentRef": {"name": "public"}}]},
    }


class Kept:
    """The object, and how the server behaves.

    Args:
        before_patch: called before each PATCH is looked at: what somebody else does in between.
        failures: statuses that are answered next, in order, before anything is done.
    """

    def __init__(self) -> None:
        self.object = recorded()
        self.before_patch: Callable[[], None] = lambda: None
        self.failures: list[int] = []
        self.patches: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.url = ""

    @property
    def provider(self) -> str:
        """As a spec names it."""
        return f"httproute+{self.url}#models/churn"

    @property
    def weights(self) -> list[tuple[str, int]]:
        """Of the first rule."""
        return [(ref["name"], ref["weight"]) for ref in self.object["spec"]["rules"][0]["backendRefs"]]

    def touch(self) -> None:
        """Somebody else changes something that is none of ours."""
        self.patch({"metadata": {"labels": {"touched": self.object["metadata"]["resourceVersion"]}}})

    def patch(self, change: dict[str, Any]) -> None:
        """Merge a change into it."""
        self.object = merged(self.object, change)
        self.object["metadata"]["resourceVersion"] = str(int(self.object["metadata"]["resourceVersion"]) + 1)

    def asked(self, method: str, path: str, change: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        """The status and the body of an answer."""
        if self.failures:
            return self.failures[0], status(self.failures.pop(0), "as the test asked for")
        if path != PATH:
            return 404, status(404, f'httproutes.gateway.networking.k8s.io "{path.rpartition("/")[2]}" not found')
        if method == "PATCH" and change is not None:
            self.before_patch()
            version = change.get("metadata", {}).pop("resourceVersion", None)
            if version is not None and version != self.object["metadata"]["resourceVersion"]:
                return 409, status(409, "the object has been modified; please apply your changes to the latest version")
            self.patches.append(change)
            self.patch(change)
        return 200, self.object


def merged(target: Any, change: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(change, dict):
        return change
    found = dict(target) if isinstance(target, dict) else {}
    for name, value in change.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def status(code: int, message: str) -> dict[str, Any]:
    """What the API server says when it says no."""
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


@contextmanager
def keeping() -> Iterator[Kept]:
    """The server for the time of the block."""
    kept = Kept()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(None)

        def do_PATCH(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            right = self.headers.get("content-type") == "application/merge-patch+json"
            self.answer(json.loads(body) if right else None)

        def answer(self, change: dict[str, Any] | None) -> None:
            kept.tokens.append(self.headers.get("authorization", ""))
            code, found = kept.asked(self.command, self.path, change)
            body = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with listening(Handler) as kept.url:
        yield kept
