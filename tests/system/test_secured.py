"""A gateway told by a file: TLS to callers and upstreams, keys for a route; no secret in any log or file."""

import http.client
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from http_certificates import Authority
from siege import free_port, process

from segue.testkit import samples
from segue.wiring import home_at, stores_of

SECRET = "the-upstreams-own-secret"
PATH = "/v2/models/churn/infer"


class Upstream(BaseHTTPRequestHandler):
    """A model server that keeps what it was told."""

    told: ClassVar[list[dict[str, str]]] = []

    def do_POST(self) -> None:
        """Answer at once."""
        self.rfile.read(int(self.headers["content-length"]))
        Upstream.told.append({name.lower(): value for name, value in self.headers.items()})
        body = b'{"model_name":"churn","outputs":[]}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who signs."""
    folder = tmp_path / "tls"
    folder.mkdir()
    return Authority(folder)


@contextmanager
def upstream(authority: Authority) -> Iterator[int]:
    """It speaks TLS only."""
    Upstream.told = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        server.socket = authority.showing(authority.issue("upstream")).wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def publish(home: Path, port: int) -> None:
    """Everybody to an upstream behind TLS."""
    allocation = samples.all_to_champion(f"https://127.0.0.1:{port}")
    with stores_of(home_at(home)) as stores:
        stores.allocations.publish(allocation, command_id="first")


def segue(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command."""
    environment = {**os.environ, "SEGUE_HOME": str(home)}
    return subprocess.run([sys.executable, "-m", "segue", *words], env=environment, capture_output=True, text=True, check=False)


def ask(port: int, trust: ssl.SSLContext, headers: dict[str, str]) -> tuple[int, bytes]:
    """One request of a foreign client."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trust)
    try:
        connection.request("POST", PATH, json.dumps({"inputs": []}), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def until(port: int, trust: ssl.SSLContext, headers: dict[str, str], status: int) -> None:
    """Ask until it is answered so."""
    ends_s, last = time.monotonic() + 30, 0
    while time.monotonic() < ends_s:
        try:
            last, _ = ask(port, trust, headers)
        except OSError:
            last = 0
        if last == status:
            return
        time.sleep(0.1)
    raise AssertionError(f"{last} instead of {status}")


def test_secured(tmp_path: Path, authority: Authority) -> None:
    """A key opens the route over TLS until it is revoked; neither it nor an upstream's own secret is kept or told anywhere."""
    home, port, log = tmp_path / "home", free_port(), tmp_path / "gateway.log"
    pair, trust = authority.issue("gateway"), authority.trusting()
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'port = {port}\nroutes = ["churn"]\nkeyed = ["churn"]\n'
        f'[tls]\ncertificate = "{pair.certificate}"\nkey = "{pair.key}"\n'
        f'[upstream_tls]\nca = "{authority.file}"\n[slow]\nslow_s = 0.000001\n'
    )
    with upstream(authority) as behind:
        publish(home, behind)
        with process(sys.executable, "-m", "segue", "gateway", "--config", str(config), home=home, log=log):
            until(port, trust, {}, 401)
            added = segue(home, "key", "add", "churn", "team-a")
            token = added.stdout.strip()
            assert token.startswith("sgk_")
            key = {"X-API-Key": token, "Authorization": f"Bearer {SECRET}"}
            until(port, trust, key, 200)
            assert ask(port, trust, {"X-API-Key": token[:-1] + "."})[0] == 401
            assert segue(home, "key", "revoke", token.split("_")[1]).returncode == 0
            until(port, trust, key, 401)
            assert "revoked" in segue(home, "key", "list").stdout
    (told,) = Upstream.told[-1:]
    assert told["authorization"] == f"Bearer {SECRET}"
    assert "x-api-key" not in told
    secrets = [token, token.split("_", 2)[2], SECRET]  # which may hold an underscore itself
    files = [log, *(file for file in home.rglob("*") if file.is_file())]
    assert not [(file, secret) for file in files for secret in secrets if secret.encode() in file.read_bytes()]


def test_a_configuration_that_cannot_be_meant(tmp_path: Path) -> None:
    """The gateway does not start, and says which key was meant."""
    config = tmp_path / "gateway.toml"
    config.write_text('[tls]\ncertificat = "x"\n')
    done = segue(tmp_path / "home", "gateway", "--route", "churn", "--config", str(config))
    assert done.returncode == 1
    assert "did you mean certificate?" in done.stderr
    assert "Traceback" not in done.stderr
