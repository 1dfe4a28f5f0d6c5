"""The pages that are made from the code agree with it, every command is in them, and no link leads nowhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from segue.api.doing.numbers import FAMILIES
from segue.gateway.sight.counters import HELP

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def test_made_pages_are_up_to_date() -> None:
    """`make docs` would change nothing."""
    command = [sys.executable, str(ROOT / "docs" / "make_pages.py"), "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links(page: Path) -> None:
    """Every relative link and picture is there."""
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link and not link.startswith("mailto:")]
    assert not [link for link in links if not (page.parent / link).exists()]


def test_every_page_can_be_found() -> None:
    """The site's navigation leads to each page."""
    navigation = (ROOT / "mkdocs.yml").read_text()
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.is_relative_to(ROOT / "docs")]
    assert not [page for page in pages if f": {page}\n" not in navigation]


def test_every_number_that_is_given_out_is_in_the_page_about_them() -> None:
    """With its type; and the page names none that nobody gives out."""
    page = (ROOT / "docs" / "operate" / "prometheus.md").read_text()
    found = re.findall(r"^\| `(segue_\w+)` \| (\w+) \|", page, re.MULTILINE)
    assert dict(found) == {name: kind for name, (kind, _) in (HELP | FAMILIES).items()}
    assert len(found) == len(HELP) + len(FAMILIES)
