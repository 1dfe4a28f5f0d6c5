"""What the pages name is there: variables, words of `make`, files, modules, paths of the API, headings behind links."""

import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest
from tests.architecture.pages import BLOCKS, PAGES, ROOT, SOURCES, place, prose

from segue.api.openapi import document

CODE = "\n".join(file.read_text(encoding="utf-8") for file in SOURCES)
LINK = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
of_each_page = pytest.mark.parametrize("page", PAGES, ids=place)


def whole(page: Path) -> str:
    """A page's text."""
    return page.read_text(encoding="utf-8")


def ticked(page: Path) -> set[str]:
    """What stands in backticks in a page's prose."""
    return set(re.findall(r"`([^`\n]+)`", prose(page)))


@of_each_page
def test_variables(page: Path) -> None:
    """Each variable of the environment is read by somebody."""
    named = set(re.findall(r"\bSEGUE_[A-Z_]+[A-Z]\b", whole(page)))
    assert not {name for name in named if name not in CODE and not name.startswith("SEGUE_GATEWAY")}


@of_each_page
def test_words_of_make(page: Path) -> None:
    """Each `make WORD` is a word of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shell = "\n".join(block.text for block in BLOCKS if block.page == place(page) and block.language in {"sh", ""})
    typed = [
        *re.findall(r"^make (.+?)(?:  |$)", shell, re.MULTILINE),
        *(text[5:] for text in ticked(page) if text.startswith("make ")),
    ]
    assert {word for words in typed for word in words.split() if "=" not in word} <= targets


@of_each_page
def test_files(page: Path) -> None:
    """Each file of the project that is named by its path is there."""
    folders = ("src/", "tests/", "docs/", "examples/", "bench/", "tools/")
    named = {text for text in ticked(page) if text.startswith(folders) and not re.search(r"[<*{ ]", text)}
    assert not {path for path in named if not (ROOT / path).exists()}


@of_each_page
def test_modules(page: Path) -> None:
    """Each `segue.module`, `segue.module.name` and `segue.module:name` is there, or a name that the code gives to something."""
    named = {text.replace(":", ".") for text in ticked(page) if re.fullmatch(r"segue(\.[a-z_]+)+(:\w+)?", text)}
    assert not [name for name in named if not (importable(name) or f'"{name}' in CODE)]


def importable(name: str) -> bool:
    """Whether it is a module, or a module has it."""
    module, _, last = name.rpartition(".")
    try:
        return bool(importlib.util.find_spec(name)) or hasattr(importlib.import_module(module), last)
    except ModuleNotFoundError:
        return hasattr(importlib.import_module(module), last)


@of_each_page
def test_paths_of_the_api(page: Path) -> None:
    """Each path of the REST API that is named is in its description."""
    known = [re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) for path in document()["paths"]]
    named = re.findall(r"/v1/(?:rollouts|routes|models|hooks|keys|tokens|audit|decisions|aliases|diff)[\w/{}.:-]*", whole(page))
    served = [path for path in named if not re.match(r"/v1/models/.*:predict", path)]
    assert not [path for path in served if not any(re.fullmatch(one, path.rstrip("./:")) for one in known)]


def headings(page: Path) -> set[str]:
    """What links can lead to in a page, as the site names it."""
    count: Counter[str] = Counter()
    slugs = set()
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())
        slugs.add(f"{slug}_{count[slug]}" if count[slug] else slug)
        count[slug] += 1
    return slugs


@of_each_page
def test_headings_that_links_lead_to(page: Path) -> None:
    """A link into a page leads to a heading that it has."""
    links = [(page.parent / to if to else page, anchor) for to, anchor in LINK.findall(prose(page)) if "://" not in to]
    assert not [f"{to}#{anchor}" for to, anchor in links if to.suffix == ".md" and anchor not in headings(to)]
