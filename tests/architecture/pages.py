"""What do the pages show? Their blocks, and the commands that are named in them and in the program's own hints."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "examples").rglob("*.md")])
SOURCES = sorted((ROOT / "src").rglob("*.py"))
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(segue [^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Args:
        page: path below the project's folder.
        line: of its first line of text, from 1.
        language: what stands behind the fence.
        text: without the fences.
    """

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def place(file: Path) -> str:
    """A file's path below the project's folder."""
    return file.relative_to(ROOT).as_posix()


def blocks_of(page: Path) -> Iterator[Block]:
    """The fenced blocks of one page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        yield Block(place(page), text.count("\n", 0, found.start(2)) + 1, found[1], found[2])


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def prose(page: Path) -> str:
    """A page without its blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each `segue` command that a block has typed into a shell, without `segue` itself."""
    for line in re.sub(r"\\\n *", "", block.text).splitlines():
        typed = line.removeprefix("$ ")
        if block.language == "sh" or (typed.startswith("segue ") and block.language != "console"):
            yield from _simple(typed)


def _simple(line: str) -> Iterator[list[str]]:
    """The commands of a line that `&&`, `;`, `|`, `&` and redirections keep apart."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    one: list[str] = []
    for word in [*words, ";"]:
        if not re.fullmatch(r"[();<>|&]+", word):
            one.append(word)
            continue
        while one and re.fullmatch(r"[A-Z_]+=.*", one[0]):
            one.pop(0)
        if one and one[0].rpartition("/")[2] == "segue":
            yield one[1:]
        one = ["(redirection)"] if word in {"<", ">", ">>"} else []


def mentions(text: str) -> set[str]:
    """The `segue ...` commands in backticks of some prose."""
    return set(_INLINE.findall(text))


def typed(mention: str) -> list[list[str]]:
    """A command as it is mentioned, as it would be typed: brackets and dots left out, a name in place of each `{name}`.

    >>> typed("segue kill ROUTE [VARIANT ...] --reason ..."), typed("segue pause | resume")
    ([['kill', 'ROUTE', 'VARIANT', '--reason']], [['pause'], ['resume']])
    """
    plain = re.sub(r"\{[^}]*\}", "X", mention.removeprefix("segue ")).replace("[", "").replace("]", "")
    return [[word for word in shlex.split(part) if word != "..."] for part in plain.split(" | ")]
