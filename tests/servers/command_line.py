"""One command of the command line in this process, because a start takes longer than a command; and a rollout file for it."""

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

import pytest

from segue.cli.main import main

SPEC = """\
segue: 1
route: churn
protocol: v2
unit: [header:x-user-id, request]
registry: embedded
variants:
  champion: {version: models:/churn@champion}
  v8: {version: models:/churn/8}
prediction: {label: outputs.label}
outcome: {window: 24h}
metrics:
  accuracy: {kind: accuracy}
guardrails:
  - accuracy: {worse_than_champion_by: 5pp}
stages:
  - name: shadow
    strategy: shadow
    promote_when: [accuracy: {not_worse_than_champion_by: 1pp}]
  - name: everyone
    strategy: full
"""


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


def run(*words: str) -> Said:
    """Run it; whatever it says, it says no traceback."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main(list(words))
    assert "Traceback" not in err.getvalue()
    assert isinstance(end.value.code, int)
    return Said(end.value.code, out.getvalue(), err.getvalue())
