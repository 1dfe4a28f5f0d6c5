"""A question sees at each of many looks what `weigh` would say of the summary there."""

from datetime import UTC, datetime
from math import log

import numpy as np
import pytest
from tests.unit.simulate.conftest import SPEC, world

from segue.decide.preconditions.missing import what_ifs
from segue.decide.questions import asked_gates, questions_of
from segue.evidence.weighing import weigh
from segue.facts.decision import State
from segue.facts.evidence import Evidence
from segue.facts.question import Question
from segue.simulate.seen.forms import lens_of
from segue.simulate.seen.lenses import path
from segue.simulate.seen.view import View
from segue.simulate.worlds.clockwork import looks
from segue.simulate.worlds.streams import Share, Stretch
from segue.simulate.worlds.world import World
from segue.spec.load import load

AT = datetime(2026, 1, 1, tzinfo=UTC)
SPECS = {
    "as it is": SPEC,
    "every request a unit": SPEC.replace("[header:x-user-id, request]", "[request]"),
    "relative": SPEC.replace("conversion: {better_than_champion: true}", "revenue: {not_worse_than_champion_by: 5%}").replace(
        "accuracy: {not_worse_than_champion_by: 1pp}", "precision: {not_worse_than_champion_by: 1pp}"
    ),
}


def asked(text: str, stage: int) -> list[Question]:
    """Everything that is asked in a stage."""
    spec = load(text)
    state = State(
        rollout="r", route="churn", spec_digest="", phase="running", stage=stage, created_at=AT, entered_at=AT, step_at=AT
    )
    gates = asked_gates(spec, state)
    return [*questions_of(gates), *(it.question for it in what_ifs(gates, state))]


@pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("stage", [0, 1, 2])
def test_the_path_is_what_weigh_says(text: str, stage: int) -> None:
    """For every form, over two allocations, with outcomes that come late or never."""
    known = world()
    it = World(
        name="w", says="", right="stay", truths=known.truths, populations=known.populations, coverage=0.9, late=(0.1, 0.2)
    )
    shares = [Share(number=1, paired=1.0)] if stage == 0 else [Share(number=1, candidate=0.1), Share(number=2, candidate=0.4)]
    stretches, begin = [], 0.0
    for number, share in enumerate(shares):
        edges = np.concatenate([[begin], looks(begin, begin + 720, begin)])
        stretches.append(Stretch(world=it, share=share, edges=edges, parts=tuple(it.populations), seed=(number,)))
        begin += 720
    view = View(stretches, stretches[-1].edges[1:])
    compared = 0
    for question in asked(text, stage):
        lens = lens_of(question, it)
        logs, against = path(lens, view)
        for place in (0, len(logs) // 2, len(logs) - 1):
            found = weigh(question, lens.summary(view.at(place)))
            if isinstance(found, Evidence) and np.isfinite(logs[place]):
                assert logs[place] == pytest.approx(found.log_e, rel=1e-9, abs=1e-9), question
                beyond = (
                    found.high < question.claim.bound if question.claim.side == "above" else found.low > question.claim.bound
                )
                assert (against[place] >= -log(question.alpha)) == beyond, question
                compared += 1
    assert compared >= 6
