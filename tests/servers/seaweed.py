"""A real S3 server for tests: SeaweedFS, in a folder of its own, on ports of the loopback."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from obstore.store import S3Store

from segue.adapters.lakes.s3 import S3Settings

KEY: Final = "segue-key"
SECRET: Final = "segue-secret"
_START_WITHIN_S: Final = 60.0


class Server(msgspec.Struct, frozen=True):
    """A running server; a bucket comes to be with its first object."""

    endpoint: str

    def settings(self, address: str, **changes: object) -> S3Settings:
        """How a lake of this server is opened."""
        fresh = S3Settings(address=address, endpoint=self.endpoint, key_id=KEY, secret=SECRET)
        return msgspec.structs.replace(fresh, **changes)

    def make_bucket(self, name: str) -> None:
        """An empty bucket."""
        store = S3Store(name, config=self.settings(f"s3://{name}").config, client_options=self.settings("s3://x").client)
        store.put(".bucket", b"")


@contextmanager
def running() -> Iterator[Server]:
    """A server for the time of the block; nothing of it is left behind."""
    folder = Path(tempfile.mkdtemp(prefix="segue-s3-"))
    rights = {"identities": [{"name": "segue", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}]}
    (folder / "s3.json").write_bytes(msgspec.json.encode(rights))
    ports = {name: _free_port() for name in ("master", "volume", "filer", "s3")}
    grpc = {name: _free_port() for name in ("master", "volume", "filer", "s3")}
    command = [str(Path(sys.executable).parent / "weed"), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]  # further ports, and news to its makers
    command += ["-filer", "-s3", f"-s3.config={folder}/s3.json", "-master.volumeSizeLimitMB=64", "-volume.max=50"]
    command += [f"-{name}.port={port}" for name, port in ports.items()]
    command += [f"-{name}.port.grpc={port}" for name, port in grpc.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    server = Server(f"http://127.0.0.1:{ports['s3']}")
    try:
        _wait(server, process, folder / "log")
        yield server
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + _START_WITHIN_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            server.make_bucket("lake")
        except Exception:  # noqa: BLE001 - whatever it is, the server is not ready yet
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"the S3 server did not start: {log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
