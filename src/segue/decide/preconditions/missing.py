"""Would a gate still pass if the outcomes that are not known were known?

Each gate on predicted labels is asked again with every unknown truth taken for wrong, and, where variants are compared on
different units, for right. A claim that is shown only as long as they are left out is held. Source: Manski 2003, *Partial
Identification of Probability Distributions*, chapter 1.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from segue.decide.gates.texts import evidence_text, gate_text
from segue.decide.observed import Observed
from segue.decide.questions import Asked
from segue.facts.decision import State, Verdict
from segue.facts.evidence import UNKNOWN, Evidence, NotEnough
from segue.facts.question import Question
from segue.facts.wire.codec import to_json
from segue.ids import derived
from segue.spec.metric import kind_of

Guess = Literal["wrong", "right"]
_APART: Final = frozenset({"days", "groups"})
"""Designs whose question is not about the mean over all, which is what the bounds are for."""


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """A gate's question, asked again as if the unknown truths were known."""

    asked: Asked
    guess: Guess
    question: Question


def what_ifs(asked: Iterable[Asked], state: State) -> tuple[WhatIf, ...]:
    """Every question to be asked again; only of promotion gates that leave unknown truths out."""
    return tuple(
        WhatIf(asked=it, guess=guess, question=_again(it.question, guess, state)) for it in asked for guess in _guesses(it)
    )


def unknowns(asked: Iterable[Asked], state: State, observed: Observed) -> tuple[Verdict, ...]:
    """One verdict for each question that was asked again: what is shown has to be shown there too."""
    return tuple(_unknown(it, state, observed) for it in what_ifs(asked, state))


def _unknown(it: WhatIf, state: State, observed: Observed) -> Verdict:
    asked = it.asked
    metric = asked.metric
    found = observed.weighed.get(it.question.id)
    held = _shown(asked.question, state, observed) and not _shown(it.question, state, observed)
    if isinstance(found, Evidence):
        reason = evidence_text(found, asked.question, metric)
    else:
        reason = f"{found.have:,} of at least {found.need:,} {found.unit}" if isinstance(found, NotEnough) else "not asked yet"
    return Verdict(
        gate=f"{asked.question.gate}.unknown_{it.guess}",
        text=f"{gate_text(asked.gate, metric, asked.candidate, asked.kind)}, also if the unknown outcomes are {it.guess}",
        role="precondition",
        candidate=asked.candidate,
        outcome="not_yet" if held else "pass",
        reason=f"shown only without them: {reason}" if held else reason,
        question=it.question,
        summary=observed.summaries.get(it.question.id),
        evidence=found,
        earlier=it.question.id in state.crossed,
    )


def _guesses(asked: Asked) -> tuple[Guess, ...]:
    metric = asked.question.metric
    kind = kind_of(metric.kind)
    if asked.kind != "promotion" or asked.question.design in _APART:
        return ()
    if kind.needs != "label" or not kind.outcome or metric.missing != "exclude":
        return ()
    return ("wrong", "right") if asked.question.design == "randomised" else ("wrong",)


def _again(question: Question, guess: Guess, state: State) -> Question:
    metric = msgspec.structs.replace(question.metric, parameters=question.metric.parameters | {UNKNOWN: guess})
    again = msgspec.structs.replace(question, id="", metric=metric, futility=None)
    named = msgspec.structs.replace(again, gate="")
    return msgspec.structs.replace(again, id=derived("q", state.attempt, to_json(named).decode()))


def _shown(question: Question, state: State, observed: Observed) -> bool:
    weighed = observed.weighed.get(question.id)
    return question.id in state.crossed or (isinstance(weighed, Evidence) and weighed.shown)
