"""What does a process cost, and how is one started and ended?"""

import mmap
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_START_S: Final = 20.0
_TOUCHED_BYTES_AT_MOST: Final = 4 * 2**30


def cpu_s(pid: int) -> float:
    """User and system time of a process, all its threads, living and dead."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def rss_bytes(pid: int) -> int:
    """Resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES


def peak_bytes() -> int:
    """The most memory that this process, as the program that it is now, has had resident.

    What `getrusage` says is the parent's peak, where that is higher: a child shares its parent's memory until it begins its
    own program, and takes that peak along.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def first_child(pid: int) -> int:
    """The process that this one has started, once it has (a port may be open before).

    Raises:
        TimeoutError: it has started none.
    """
    ends_s = time.monotonic() + _START_S
    while time.monotonic() < ends_s:
        started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if started:
            return int(started[0])
        time.sleep(0.01)
    raise TimeoutError(f"process {pid} has started no other")


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def touch_memory() -> None:
    """Use some gigabytes of the free memory once, and give them back.

    A virtual machine gets a page from its host when it first touches it, which takes longer than to write it. Whoever writes
    files would pay for that in a young machine, and only there.
    """
    free_bytes = os.sysconf("SC_AVPHYS_PAGES") * _PAGE_BYTES
    with mmap.mmap(-1, min(free_bytes // 2, _TOUCHED_BYTES_AT_MOST)) as memory:
        for offset in range(0, len(memory), _PAGE_BYTES):
            memory[offset] = 1


@contextmanager
def process(arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """A process, terminated at the end; its pid."""
    with (
        log.open("ab") as out,
        subprocess.Popen(arguments, stdout=out, stderr=out, env={**os.environ, **(environment or {})}) as started,
    ):
        try:
            yield started.pid
        finally:
            started.terminate()
            try:
                started.wait(20)
            except subprocess.TimeoutExpired:
                started.kill()


def wait_for(port: int) -> None:
    """Return when somebody accepts connections there.

    Raises:
        TimeoutError: nobody did.
    """
    ends_s = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            if time.monotonic() > ends_s:
                raise TimeoutError(f"nobody listens on port {port}") from None
            time.sleep(0.05)
        else:
            return
