"""A real browser, without a window: Chromium opens a page, and a script of ours in it says what it sees."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any, Final

_FOUND: Final = re.compile(r'data-found="([^"]*)"')


def program() -> str | None:
    """Chromium, where it is installed (`tools/browser` does it)."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def seen(browser: str, page: Path, script: str, *, dark: bool = False, width: int = 1280) -> Any:
    """What a script finds on a page: the value of the expression, as JSON.

    Args:
        browser: the program.
        page: a file; it is copied, with the script at its end.
        script: JavaScript, an expression.
        dark: whether the reader likes it dark.
        width: of the window, pixels.
    """
    copy = page.with_suffix(".seen.html")
    tail = f"<script>document.documentElement.dataset.found = JSON.stringify({script})</script>"
    copy.write_text(page.read_text(encoding="utf-8") + tail, encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'browser'}"]
    command += [f"--window-size={width},1000", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    made = subprocess.run([*command, "--dump-dom", copy.as_uri()], capture_output=True, text=True, timeout=60, check=True)
    found = _FOUND.search(made.stdout)
    assert found, made.stderr[-500:]
    return json.loads(unescape(found[1]))
