"""A real API on a real socket, for the tests of this room."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import command_line
import uvicorn

from segue.adapters.stores.store import Stores
from segue.api.access import Person, new_token
from segue.api.application import application
from segue.api.opening import office_of
from segue.facts.decision import Decision
from segue.ports.access import Role
from segue.ports.registry import AliasMove, ModelVersion
from segue.testkit import samples
from segue.wiring import Home, home_at, stores_of

SPEC = command_line.SPEC.replace("  - name: everyone", "    approve: risk-team\n  - name: everyone")
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    """A client of it, and the stores behind it."""

    def __init__(self, home: Home, stores: Stores, port: int) -> None:
        self.home = home
        self.stores = stores
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __call__(self, method: str, path: str, body: object = None, token: str = "", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            fields["authorization"] = f"Bearer {token}"
        if body is not None:
            fields.setdefault("content-type", "application/json")
        payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            connection.request(method, path, payload, fields)
            answer = connection.getresponse()
            said = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, said, answer.read())
        finally:
            connection.close()

    def token(self, role: Role, name: str = "", *also: str) -> str:
        """A new token of a role."""
        kept, secret = new_token(Person(name=name or role, role=role, also=also), AT)
        self.stores.tokens.add(kept)
        return secret

    def begin(self) -> str:
        """A rollout that is there, with one decision."""
        register(self.stores)
        begun: str = self("POST", "/v1/rollouts", {"spec": SPEC}).json["rollout"]
        self.decide(begun, "running")
        return begun

    def decide(self, rollout: str, phase: Any) -> Decision:
        """One more decision of the rollout."""
        loaded = self.stores.rollouts.load(rollout)
        number = loaded.state.decisions + 1
        decision: Decision = samples.decision(number, rollout, acts=tuple(self.stores.commands.asked(rollout)))
        state = samples.state(rollout, phase=phase, decisions=number)
        self.stores.rollouts.save(decision, state, loaded.token)
        return decision


def register(stores: Stores) -> None:
    """Versions 7 and 8, 7 the champion."""
    for version in ("7", "8"):
        entry = ModelVersion(model="churn", version=version, factory="churn:load", artifact="/x", digest="d", registered_at=AT)
        stores.registry.register(entry)
    stores.registry.move(AliasMove(model="churn", alias="champion", before="", after="7", who="ada", why="first", at=AT))


@contextmanager
def serving(folder: Path, *, guarded: bool = False) -> Iterator[Api]:
    """The API of a fresh home, in a thread of this process, on a port of its own."""
    home = home_at(folder)
    listener = socket.create_server(("127.0.0.1", 0))
    with stores_of(home) as stores:
        app = application(office_of(home, stores, guarded=guarded))
        config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none", loop="asyncio", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Api(home, stores, listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()
            listener.close()
