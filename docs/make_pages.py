"""Writes the pages that are made from the code, so that they cannot disagree with it."""

import inspect
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from segue.api.openapi import document
from segue.cli.main import app, tell_whole
from segue.decide.machine import draw
from segue.measure.kinds.catalogue import ENTRIES
from segue.spec.document.keys import Key
from segue.spec.document.top_keys import METRIC
from segue.spec.metric import FAMILIES, signature

DOCS = Path(__file__).parent


def commands() -> str:
    """Every command with its help."""
    lines = [
        "# Commands",
        "",
        "Data goes to stdout, progress and problems to stderr; `-o table|wide|json|yaml|name` chooses the form; every",
        "write takes `--dry-run`; `NO_COLOR` is honoured. `segue COMMAND --help` says the same as this page.",
        "",
        "| exit status | meaning |",
        "| --- | --- |",
        *(f"| {code} | {text} |" for code, text in STATUSES.items()),
        "",
        "",
    ]
    for name in [name for name in app if not name.startswith("-")]:
        tell_whole(name)
    return "\n".join(lines) + app.generate_docs(output_format="markdown", recursive=True, heading_level=2)


STATUSES = {
    0: "done",
    1: "usage, a spec with problems, or other",
    2: "rolled back",
    3: "held, or waits for a person",
    4: "not in time, or not reachable",
    5: "not found",
    6: "denied",
    7: "conflict: somebody else was faster, or the move is not possible now",
}


def metrics() -> str:
    """The catalogue of metric kinds: a line a kind, family by family."""
    head = [
        "# Metrics",
        "",
        "The kinds that a rollout file may name, each with the parameters that are part of it and what holds where the file",
        "does not say; `?` must be said. Under *gate* stands the form of evidence that a gate can test the kind by; a kind",
        "without is measured and shown. Two metrics of one kind with the same parameters are the same number.",
        "",
    ]
    for family, kinds in FAMILIES.items():
        head += [
            f"## {family}",
            "",
            f"Formulas and sources: [{family.lower()}](metrics/{slug(family)}.md).",
            "",
            "| kind | better is to | reads | needs an outcome | gate |",
            "| --- | --- | --- | --- | --- |",
        ]
        for name, kind in kinds.items():
            reads, gate = kind.needs.replace("list", "label, JSON"), "-" if kind.shape == "shown" else kind.shape
            goal, outcome = kind.goal or "said by the file", "yes" if kind.outcome else "no"
            head.append(f"| `{signature(name)}` | {goal} | {reads} | {outcome} | {gate} |")
        head.append("")
    return "\n".join(head)


def family(name: str) -> str:
    """The page of one family: each kind's definition, out of the docstring of what computes it."""
    lines = [f"# {name}", "", *chapter(name), ""]
    for kind in FAMILIES[name]:
        entry = ENTRIES[kind]
        lines += [f"## `{signature(kind)}`", "", inspect.cleandoc(entry.definition), ""]
        lines += [f"Without {entry.unit} there is no value.", ""]
    return "\n".join(lines)


def chapter(name: str) -> list[str]:
    """What the files that compute a family say about it, without their first line, which is a question."""
    modules = dict.fromkeys(inspect.getmodule(ENTRIES[kind].source) for kind in FAMILIES[name])
    said = [inspect.cleandoc(module.__doc__ or "").partition("\n\n")[2] for module in modules if module is not None]
    return [text for part in said if part for text in (part, "")][:-1]


def spec() -> str:
    """The reference of the spec as it is, with the table of a metric's keys made anew."""
    page = (DOCS / "reference" / "spec.md").read_text()
    before, mine = page.split("\n### `metrics.NAME`\n", 1)
    about, table, after = mine.split("| --- | --- | --- | --- | --- |\n", 1)[0], METRIC.keys, mine.split("\n\n### ", 1)[1]
    rows = "\n".join(row(key) for key in table)
    return f"{before}\n### `metrics.NAME`\n{about}| --- | --- | --- | --- | --- |\n{rows}\n\n### {after}"


def row(key: Key) -> str:
    """A key of a spec as a line of a table."""
    kind = " \\| ".join(f"`{choice}`" for choice in key.choices) or key.type
    return f"| `{key.name}` | {kind} | {key.default} | `{key.example}` | {key.about} |"


def openapi() -> str:
    """The API's description of itself, for programs."""
    return json.dumps(document(), indent=1, ensure_ascii=False)


def api() -> str:
    """The API's operations: a line each."""
    page = (DOCS / "reference" / "api.md").read_text()
    before, after = page.split("| --- | --- | --- | --- |\n", 1)
    paths = document()["paths"]
    rows = [
        f"| `{method.upper()} {path}` | {said['summary']} | {said.get('x-segue-role', 'nobody has to say')} | {_takes(said)} |"
        for path, methods in paths.items()
        for method, said in methods.items()
    ]
    return f"{before}| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n\n" + after.split("\n\n", 1)[1]


def _takes(said: dict[str, object]) -> str:
    parameters = said["parameters"]
    names = [f"`{one['name']}`" for one in parameters if one["in"] != "path"] if isinstance(parameters, list) else []
    return ", ".join(names) or "-"


def slug(name: str) -> str:
    """A name as part of a path."""
    return name.lower().replace(",", "").replace(" ", "-")


def state_machine() -> str:
    """The page as it is, with the picture that the table draws."""
    before, _, rest = (DOCS / STATE_MACHINE).read_text().partition("```mermaid\n")
    return f"{before}```mermaid\n{draw().strip()}\n```{rest.partition('```')[2]}"


STATE_MACHINE = "concepts/state-machine.md"

PAGES: dict[str, Callable[[], str]] = {
    STATE_MACHINE: state_machine,
    "reference/cli.md": commands,
    "reference/metrics.md": metrics,
    "reference/spec.md": spec,
    "reference/api.md": api,
    "reference/openapi.json": openapi,
    **{f"reference/metrics/{slug(name)}.md": partial(family, name) for name in FAMILIES},
}


def main() -> int:
    """Write all pages; with `--check`, say which are not up to date instead."""
    stale = []
    for name, make in PAGES.items():
        page, text = DOCS / name, make().rstrip() + "\n"
        if not page.exists() or page.read_text() != text:
            stale.append(name)
            if "--check" not in sys.argv:
                page.parent.mkdir(parents=True, exist_ok=True)
                page.write_text(text)
    print("\n".join(stale) or "all pages are up to date")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
