"""Do the stages make sense in their order?"""

from collections.abc import Callable, Iterator
from typing import Final

from segue.errors import Problem
from segue.spec.stage import Canary, Full, Shadow, Stage

Position = Callable[[str], tuple[int, int]]
"""Dotted path -> line and column."""

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
