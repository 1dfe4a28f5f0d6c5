"""What work of minutes says while it goes on, to a person and to a file."""

import os
import pty
import re
import subprocess
import sys
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path

from segue.cli.output import Progress


def _work() -> None:
    with Progress() as progress:
        progress.say("begins")
        progress.passing("first part")
        progress.passing("second part")
        progress.say("is done")
        progress.passing("last part")


def test_lines_in_a_file() -> None:
    """Where nobody watches every line stays, each after the seconds since the work began, and none is drawn over."""
    said = StringIO()
    with redirect_stderr(said):
        _work()
    assert re.sub(r"\d", "0", said.getvalue()).splitlines() == [
        f"[  0.0 s] {text}" for text in ("begins", "first part", "second part", "is done", "last part")
    ]


def test_lines_on_a_terminal() -> None:
    """On a terminal what only passes is drawn over, and nothing of it is left when the work is over, or has failed."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal, os.fdopen(theirs, "w") as screen, redirect_stderr(screen):
        with suppress(KeyError), Progress() as progress:
            progress.passing("first part")
            progress.say("begins")
            progress.passing("second part")
            raise KeyError
        screen.write("end")
        screen.flush()
        seen = b""
        while not seen.endswith(b"end"):
            seen += terminal.read(1000)
    text = re.sub(r"\033\[\d*m", "", seen.decode().replace("\r\n", "\n"))
    rub = "\r\033[K"
    first, second = f"{rub}[  0.0 s] first part", f"{rub}[  0.0 s] second part"
    assert re.sub(r"\d", "0", text) == f"{first}{rub}[  0.0 s] begins\n{second}{rub}end"


def test_demo_begins_with_a_word(tmp_path: Path) -> None:
    """`segue demo` says what it does before it loads what takes seconds to load."""
    command = [sys.executable, "-m", "segue", "demo", "-o", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as started:
        assert started.stderr is not None
        line = started.stderr.readline()
        started.kill()
    assert re.fullmatch(r"\[ *\d+\.\d s\] loading pandas, scikit-learn and ONNX\n", line)
