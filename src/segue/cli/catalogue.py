"""`segue describe metrics`: which metrics may a rollout file name, and what exactly are they?

Made from the code that computes them: the entry of the spec, and the docstring of the formula.
"""

import inspect
from typing import Final

from segue.cli.output import Format, Listing, show, show_one
from segue.errors import NotFound, near_miss

METRICS: Final = "metrics"
"""What to describe to see the catalogue."""


def describe_metrics(kind: str, output: Format) -> None:
    """The whole catalogue, or one kind of it with its formula and its parameters.

    Raises:
        NotFound: no kind has this name.
    """
    from segue.spec.metric import KINDS

    if not kind:
        columns = {
            "kind": "kind",
            "family": "family",
            "better": "better",
            "reads": "reads",
            "outcome": "outcome",
            "gate": "gate",
        }
        wide = {"what it is": "summary"}
        show(Listing(rows=[_row(name) for name in KINDS], name="name", columns=columns, wide=wide), output)
        return
    if kind not in KINDS:
        raise NotFound(f"no kind of metric is called {kind!r}", hint=near_miss(kind, KINDS) or "segue describe metrics")
    row = _row(kind)
    show_one(row, output, _text(row))


def _row(name: str) -> dict[str, object]:
    from segue.measure.kinds.catalogue import ENTRIES
    from segue.spec.catalogue.kind import PARAMETERS
    from segue.spec.metric import FAMILIES, KINDS, signature

    known, entry = KINDS[name], ENTRIES[name]
    definition = inspect.cleandoc(entry.definition)
    return {
        "name": name,
        "kind": signature(name),
        "family": next(family for family, kinds in FAMILIES.items() if name in kinds),
        "better": known.goal or "as the file says",
        "reads": known.needs,
        "outcome": "yes" if known.outcome else "no",
        "gate": "-" if known.shape == "shown" else known.shape,
        "without": entry.unit,
        "summary": " ".join(definition.partition("\n\n")[0].split()),
        "definition": definition,
        "parameters": {
            parameter: {
                "default": default,
                "about": PARAMETERS[parameter].about,
                "choices": list(PARAMETERS[parameter].choices),
            }
            for parameter, default in known.parameters.items()
        },
    }


def _text(row: dict[str, object]) -> str:
    lines = [str(row["kind"]), "", str(row["definition"]), ""]
    parameters = row["parameters"]
    assert isinstance(parameters, dict)  # noqa: S101 - as `_row` makes it
    for name, about in parameters.items():
        default = "must be said" if about["default"] is None else f"default {about['default'] or 'none'}"
        choices = f" One of {', '.join(about['choices'])}." if about["choices"] else ""
        lines.append(f"  {name}: {about['about']}{choices} ({default})")
    gate = "no gate can test it yet" if row["gate"] == "-" else f"gates test it, as a {row['gate']}"
    lines += [f"  better: {row['better']}; reads: {row['reads']}; needs an outcome: {row['outcome']}; {gate}"]
    return "\n".join([*lines, f"  without {row['without']} there is no value"])
