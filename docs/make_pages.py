"""Writes the pages that are made from the code, so that they cannot disagree with it."""

import sys
from pathlib import Path

from segue.cli.main import app
from segue.decide.machine import draw
from segue.spec.metric import KINDS

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
    ]
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
    """The catalogue of metric kinds."""
    rows = [
        f"| `{name}` | {kind.goal or 'said by the spec'} | {kind.needs} | {'yes' if kind.outcome else 'no'} | {kind.shape} "
        f"| {', '.join(_parameter(*entry) for entry in kind.parameters.items()) or '-'} |"
        for name, kind in KINDS.items()
    ]
    head = [
        "# Metrics",
        "",
        "The kinds that a rollout file may name. *Needs* is what of the answer a kind reads; *shape* decides the statistics.",
        "",
        "| kind | better is to | needs | outcome | shape | parameters |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *rows, ""])


def _parameter(name: str, needed: bool) -> str:
    return f"`{name}`" if needed else f"`{name}` (may be left out)"


PAGES = {"reference/cli.md": commands, "reference/metrics.md": metrics}


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
    state = DOCS / "concepts" / "state-machine.md"
    if draw().strip() not in state.read_text():
        stale.append("concepts/state-machine.md (its picture: edit by hand)")
    print("\n".join(stale) or "all pages are up to date")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
