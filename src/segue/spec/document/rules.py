"""Do the stages make sense in their order, and can whoever carries the traffic do what they ask for?

A mesh splits requests by weights and does nothing else: it keeps no unit on one variant, tells no propensity, records no shadow
and writes no journal. What needs one of these is refused by name here, so that no gate is ever judged on what nobody has seen.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from segue.errors import Problem
from segue.spec.rollout import GATEWAY, Rollout
from segue.spec.stage import Bandit, Canary, Full, Shadow, Stage

Position = Callable[[str], tuple[int, int]]
"""Dotted path -> line and column."""

_SERVICE: Final = re.compile(r"https?://[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9.-]+)?(?::[0-9]+)?/?")
_OR: Final = "`provider: gateway` can"
_GROW: Final = "a step gives the candidate more than the step before"


def ordered(stages: tuple[Stage | None, ...], position: Position) -> Iterator[Problem]:
    """What is wrong between stages: a name twice, a stage after `full`, a shadow after real traffic, a step that shrinks."""
    names: dict[str, int] = {}
    live = ""
    for index, stage in enumerate(stages):
        if stage is None:
            continue
        path = f"stages[{index}]"
        if stage.name in names and stage.name:
            message = f"the name `{stage.name}` is taken by stages[{names[stage.name]}]"
            yield Problem(*position(f"{path}.name"), f"{path}.name", message, "stages have different names")
        names.setdefault(stage.name, index)
        if isinstance(stage.strategy, Full) and index < len(stages) - 1:
            message = "`full` ends the rollout: no stage can follow it"
            yield Problem(*position(f"{path}.strategy"), f"{path}.strategy", message, "move it to the end")
        if isinstance(stage.strategy, Shadow) and live:
            message = f"a shadow stage after `{live}`, where the candidate has answered already"
            yield Problem(*position(f"{path}.strategy"), f"{path}.strategy", message, "shadow stages come first")
        if not isinstance(stage.strategy, Shadow):
            live = live or stage.name or path
        if isinstance(stage.strategy, Canary):
            yield from _growing(stage.strategy, path, position)


def _growing(canary: Canary, path: str, position: Position) -> Iterator[Problem]:
    largest: dict[str, float] = {}
    for index, step in enumerate(canary.steps):
        if step.share <= largest.get(step.audience, 0.0):
            at = f"{path}.steps[{index}].share"
            yield Problem(*position(at), at, "the share does not grow", _GROW)
        largest[step.audience] = max(largest.get(step.audience, 0.0), step.share)


def falling_back(rollout: Rollout, position: Position) -> Iterator[Problem]:
    """Why an unhealthy champion cannot be answered by the version before it."""
    if rollout.unhealthy_champion.then != "previous":
        return
    champion, path = rollout.variants.get("champion"), "unhealthy_champion.then"
    follows = champion is not None and champion.version.endswith(f"@{rollout.after.registry_alias}") and not champion.url
    if not follows or rollout.provider != GATEWAY:
        message = "to go to the version before, the champion has to follow the alias that moves"
        hint = f"such as `champion: {{version: models:/NAME@{rollout.after.registry_alias}}}`, without `url`"
        yield Problem(*position(path), path, message, hint)


def beyond(rollout: Rollout, position: Position) -> Iterator[Problem]:
    """What a rollout asks for that its provider cannot do."""
    if rollout.provider == GATEWAY:
        return
    for path, message, hint in (*_around(rollout), *_stages(rollout)):
        yield Problem(*position(path), path, message, hint)


def _around(rollout: Rollout) -> Iterator[tuple[str, str, str]]:
    for name, variant in rollout.variants.items():
        if not _SERVICE.fullmatch(variant.url):
            said = "a mesh sends requests to Services, and this variant names none"
            yield f"variants.{name}", said, "such as `url: http://churn-v8.models:8080`"
    if rollout.unit != ("request",):
        yield "unit", "a mesh keeps no unit on one variant: it draws anew for each request", f"`unit: request`; {_OR}"
    if rollout.guardrails:
        yield "guardrails", "a mesh writes no journal: nothing is measured, and no guardrail can see", _OR
    for index, one in enumerate(rollout.retrain):
        if one.when is not None:
            yield f"retrain[{index}]", "a mesh writes no journal: nothing is measured", _OR


def _stages(rollout: Rollout) -> Iterator[tuple[str, str, str]]:
    for index, stage in enumerate(rollout.stages):
        path = f"stages[{index}]"
        yield from _stage(path, stage)
        if stage.promote_when:
            said = "a mesh writes no journal: nothing is measured, and no gate can pass"
            yield f"{path}.promote_when", said, f"`approve: ROLE` for a person's yes; {_OR}"
        if stage.at_least.outcomes:
            yield f"{path}.at_least", "a mesh writes no journal: no outcome finds its prediction", _OR


def _stage(path: str, stage: Stage) -> Iterator[tuple[str, str, str]]:
    match stage.strategy:
        case Shadow():
            yield f"{path}.strategy", "a mesh that mirrors requests throws the shadow's answers away", _OR
        case Bandit():
            yield f"{path}.strategy", "a mesh tells no propensity, which a bandit's evidence needs", _OR
        case Canary(steps=steps):
            for number, step in enumerate(steps):
                if step.audience:
                    yield f"{path}.steps[{number}]", "a mesh does not know an audience", _OR
                elif number:
                    said = "a mesh writes no journal, and on silence no step follows another"
                    yield f"{path}.steps[{number}]", said, f"a stage of its own, with `approve: ROLE`; {_OR}"
        case Full(watch_s=watch_s, holdback=holdback) if watch_s or holdback:
            yield f"{path}.watch", "a mesh writes no journal: nobody watches", _OR
