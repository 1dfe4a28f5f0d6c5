"""Which of several candidates go on, which leave, and who wins?

A stage is passed by the candidates of which everything holds that it asks of each. Who passes first waits for the others as
long again as it took itself, and not beyond the stage's limit; those that pass by then go on together, the rest leave. Before
the alias moves one is left: the one that is surely best.
"""

from typing import Final, Literal

import msgspec

from segue.decide.gates.claims import compares
from segue.decide.gates.texts import effect_text
from segue.decide.judge import Judged
from segue.decide.moves import Scene
from segue.decide.questions import Asked
from segue.decide.walk import alive, stage_age_s, stage_of
from segue.facts.evidence import Evidence
from segue.spec.gate import Gate, MetricGate
from segue.spec.stage import Stage

GRACE: Final = 2.0
"""A stage that somebody has passed lasts at most so many times as long as that took."""


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """Why a candidate cannot pass a stage any more."""

    how: Literal["time_out", "futile"]
    reason: str


def passing(scene: Scene, judged: Judged) -> tuple[str, ...]:
    """The candidates of which everything holds that the stage asks."""
    return tuple(name for name in alive(scene.spec, scene.state) if not judged.still_open(name))


def noted(scene: Scene, judged: Judged) -> Scene:
    """The scene with the age at which each candidate passed first; of one that stands alone nobody needs it."""
    if len(alive(scene.spec, scene.state)) < 2:
        return scene
    age = stage_age_s(scene.state, scene.now)
    passed = dict.fromkeys(passing(scene, judged), age) | scene.state.passed
    return msgspec.structs.replace(scene, state=msgspec.structs.replace(scene.state, passed=passed))


def deadline_s(scene: Scene) -> float:
    """The stage's age at which those that have not passed are left behind; infinite before anybody has passed."""
    first = min(scene.state.passed.values(), default=float("inf"))
    limit = stage_of(scene.spec, scene.state).at_most
    return min(GRACE * first, float("inf") if limit is None else limit.age_s)


def over(scene: Scene, judged: Judged) -> dict[str, Over]:
    """The candidates that cannot pass any more; only a stage with a limit gives anybody up."""
    stage = stage_of(scene.spec, scene.state)
    limit = stage.at_most
    found: dict[str, Over] = {}
    for name in alive(scene.spec, scene.state) if limit is not None else ():
        seen, most = counted(scene, judged, name), limit.outcomes if limit else 0
        if 0 < most <= seen and any(verdict.role == "objective" for verdict in judged.still_open(name)):
            whom = "the candidate" if len(scene.spec.candidates) == 1 else name
            reason = f"stage {stage.name} has {seen:,} judged observations of {whom} and may have {most:,}"
            found[name] = Over(how="time_out", reason=reason)
        elif judged.futile(name):
            whom = "" if len(scene.spec.candidates) == 1 else f" by {name}"
            found[name] = Over(how="futile", reason=f"stage {stage.name} cannot be passed{whom} any more")
    return found


def counted(scene: Scene, judged: Judged, candidate: str) -> int:
    """What the gates with an end of looking have counted of a candidate, the slowest of them; else its judged outcomes."""
    ending = [it for it in judged.of("objective", candidate) if it.question is not None and it.question.horizon is not None]
    seen = [it.evidence.n.get(candidate, 0) if isinstance(it.evidence, Evidence) else 0 for it in ending]
    health = scene.observed.health.get(candidate)
    return min(seen, default=health.with_outcome if health else 0)


def best(scene: Scene, among: tuple[str, ...]) -> tuple[str, str]:
    """Whose effect is surely largest, and why: by the bound of its interval on the side of harm; the spec's order breaks ties.

    The gate that is looked at is the stage's planned one, else its first claim to be better, else its first comparison, else
    its first gate.

    Args:
        scene: the stage that chooses.
        among: at least one candidate.
    """
    gate = _decisive(stage_of(scene.spec, scene.state))
    asked = {it.candidate: it for it in scene.asked if gate is not None and it.gate.path == gate.path}
    bounds = {name: _bound(scene, asked[name]) for name in among if name in asked}
    winner = max(among, key=lambda name: bounds.get(name, -float("inf")))  # the first of equals
    if not any(bound > -float("inf") for bound in bounds.values()):
        return winner, f"{winner} goes on: nothing is known that tells {' and '.join(among)} apart, and it is first in the spec"
    said = ", ".join(f"{name} {_said(asked[name], bounds[name])}" for name in among if name in asked)
    metric = asked[winner].metric.name
    return winner, f"{winner} goes on: of {metric} its bound on the side of harm is the best ({said})"


def _decisive(stage: Stage) -> Gate | None:
    gates = stage.promote_when
    planned = [gate for gate in gates if isinstance(gate, MetricGate) and stage.plan and gate.metric == stage.plan.metric]
    better = [gate for gate in gates if isinstance(gate, MetricGate) and gate.test == "better_than_champion"]
    return next(iter((*planned, *better, *filter(compares, gates), *gates)), None)


def _bound(scene: Scene, asked: Asked) -> float:
    """The nearer to harm of the interval's ends, the larger the better; minus infinity where there is none."""
    found = scene.observed.weighed.get(asked.question.id)
    if not isinstance(found, Evidence):
        return -float("inf")
    return found.low if asked.question.claim.side == "above" else -found.high


def _said(asked: Asked, bound: float) -> str:
    if bound == -float("inf"):
        return "not known"
    return effect_text(asked.question, asked.metric, bound if asked.question.claim.side == "above" else -bound)
