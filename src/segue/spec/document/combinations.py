"""How are gates combined? `any`, `all` and `not` among the conditions of a stage.

```
promote_when:
  - errors: {not_worse_than_champion_by: 0.5pp}
  - any:
      - conversion: {better_than_champion: true}
      - all: [conversion: {not_worse_than_champion_by: 1pp}, {not: {p99: {above: 80ms}}}]
```
"Not shown" is no opposite of "shown". So `not` stands before the test of a guardrail, and asks that its opposite be shown.
"""

from typing import Final

import msgspec

from segue.spec.document.gates import Asked, gate
from segue.spec.document.metrics import Scope
from segue.spec.document.place import Place
from segue.spec.gate import Alternatives, DriftGate, Gate, MetricGate, Test

WORDS: Final = ("any", "all", "not")
_SHOWN: Final[dict[Test, Test]] = {
    "above": "at_most",
    "below": "at_least",
    "worse_than_champion_by": "not_worse_than_champion_by",
}
"""The test that shows the opposite of a guardrail's."""


class Conditions(msgspec.Struct, frozen=True):
    """What a stage asks: every gate that is written anywhere, and how some of them stand in for one another."""

    gates: tuple[Gate, ...] = ()
    any_of: tuple[Alternatives, ...] = ()


def conditions(place: Place, scope: Scope, asked: Asked) -> Conditions:
    """All the conditions of `promote_when`; those with problems are left out."""
    gates: list[Gate] = []
    any_of: list[Alternatives] = []
    for item in place.items():
        word, body = _word(item, scope)
        if body is None or word != "any":
            gates += _together(item, scope, asked)
            continue
        alternatives = [_together(part, scope, asked) for part in body.items()]
        gates += (one for alternative in alternatives for one in alternative)
        any_of.append(tuple(tuple(one.path for one in alternative) for alternative in alternatives))
        if body.is_list and len(alternatives) < 2:
            body.problem("`any` of fewer than two says nothing", "list at least two, or write the gate without `any`")
    return Conditions(tuple(gates), tuple(any_of))


def _together(place: Place, scope: Scope, asked: Asked) -> tuple[Gate, ...]:
    """One gate, the opposite of a guardrail, or all of several."""
    word, body = _word(place, scope)
    if body is None:
        found = gate(place, scope, asked)
        return () if found is None else (found,)
    if word == "all":
        return tuple(one for part in body.items() for one in _together(part, scope, asked))
    if word == "any":
        body.key_problem("`any` inside of `any`", "write its alternatives into the outer one")
        return ()
    shown = _opposite(body, scope, asked)
    return () if shown is None else (shown,)


def _word(place: Place, scope: Scope) -> tuple[str, Place | None]:
    names = place.keys() if place.is_mapping else ()
    if len(names) != 1 or names[0] not in WORDS or names[0] in scope.metrics:
        return "", None
    return place.entries()[0]


def _opposite(body: Place, scope: Scope, asked: Asked) -> Gate | None:
    found = gate(body, scope, Asked("guardrails", asked.strategy))
    match found:
        case MetricGate(margin=margin):
            if found.test == "worse_than_champion_by" and margin.value == 0:
                body.problem("not being worse by nothing cannot be shown", "say by how much: `worse_than_champion_by: 0.5pp`")
            return msgspec.structs.replace(found, test=_SHOWN[found.test])
        case DriftGate(psi_above=bound):
            return msgspec.structs.replace(found, psi_below=bound, psi_above=None)
    return None
