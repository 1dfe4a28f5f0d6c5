"""What does Segue say when Flagger asks whether to go on?

Flagger posts to each webhook of a canary and goes on at 200 to 202; anything else holds it, and the body stands in its events
(fluxcd/flagger, `docs/gitbook/usage/webhooks.md`). Its hooks differ in what a hold costs: the `confirm-` ones wait for as long
as it takes; `pre-rollout` and `rollout` count as failed checks, so that Segue says no there only to what was taken back; and a
`rollback` hook means the opposite: 200 takes the canary back.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from segue.api.views import RolloutDetail
from segue.errors import DomainError, near_miss

Hook = Literal[
    "confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "rollback", "post-rollout",
    "event",
]  # fmt: skip


class Canary(msgspec.Struct, frozen=True, kw_only=True):
    """What Flagger says of the canary that it asks for.

    Args:
        phase: Flagger's word, such as `Progressing` or `Failed`.
        checksum: of what is deployed.
        metadata: as the canary's webhook has it. `version`: the candidate's, to be compared with Segue's; `stage`: of the
            rollout, that has to be reached; `token`: of this API.
    """

    name: str = ""
    namespace: str = ""
    phase: str = ""
    checksum: str = ""
    metadata: dict[str, str] = {}


class GateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook is answered.

    Args:
        go: what the status says too: 200 or 403.
        why: for Flagger's events.
    """

    go: bool
    hook: Hook
    rollout: str
    phase: str
    stage: str
    why: str


def answer(hook: Hook, name: str, canary: Canary, found: RolloutDetail) -> GateAnswer:
    """What is said to a hook.

    Args:
        hook: by Flagger's name of its type.
        name: by which it names the rollout: its id, or a route.
        canary: what it says.
        found: the rollout.

    Raises:
        DomainError: the metadata names a stage that the rollout does not have.
    """
    held = "" if hook in HEARD else not_about(name, canary, found) or _RULES[hook](found, canary)
    return GateAnswer(
        go=not held,
        hook=hook,
        rollout=found.view.rollout,
        phase=found.view.phase,
        stage=found.view.stage,
        why=held or _so(found),
    )


def not_about(name: str, canary: Canary, found: RolloutDetail) -> str:
    """Why the rollout says nothing about the canary; "" where it does.

    A route's newest rollout may be about another version: its promotion must not promote this one, nor its harm take it back.
    """
    state, version = found.state, canary.metadata.get("version", "")
    if version:
        known = sorted(_versions(found))
        return "" if version in known else f"{state.rollout} is about version {', '.join(known) or 'none yet'}, not {version}"
    if name == state.rollout:
        return ""
    return f"{name} is a route, and its newest rollout may be about another version: say `metadata.version`"


def _versions(found: RolloutDetail) -> set[str]:
    return {version for version in (found.state.candidate_version, *found.state.versions.values()) if version}


def _may_advance(found: RolloutDetail, canary: Canary) -> str:
    wanted, stages = canary.metadata.get("stage", ""), found.view.stages
    if wanted and wanted not in stages:
        raise DomainError(f"{found.view.rollout} has no stage {wanted!r}", hint=near_miss(wanted, stages))
    if found.view.phase not in {"running", *_PROMOTED} or _left(found, canary):
        return _so(found)
    return "" if not wanted or found.state.stage >= stages.index(wanted) else _so(found)


def _is_promoted(found: RolloutDetail, canary: Canary) -> str:
    return _so(found) if found.view.phase not in _PROMOTED or _left(found, canary) else ""


def _is_not_taken_back(found: RolloutDetail, canary: Canary) -> str:
    return "" if _is_taken_back(found, canary) else _so(found)


def _is_taken_back(found: RolloutDetail, canary: Canary) -> str:
    return "" if found.view.phase in {"rolled_back", "aborted"} or _left(found, canary) else _so(found)


def _left(found: RolloutDetail, canary: Canary) -> bool:
    """Whether the canary is one of several candidates that has left while others go on."""
    left = {version for name, version in found.state.versions.items() if name in found.state.out}
    return canary.metadata.get("version", "") in left


def _so(found: RolloutDetail) -> str:
    """Where the rollout stands, in a sentence."""
    reasons = found.last.reasons[:1] if found.last else ()
    said = f"{found.view.rollout} is {found.view.phase.replace('_', ' ')} in stage {found.view.stage}"
    return ": ".join([said, *reasons])


_PROMOTED: Final = frozenset({"watching", "promoted"})
_RULES: Final[dict[Hook, Callable[[RolloutDetail, Canary], str]]] = {
    "confirm-rollout": _may_advance,
    "pre-rollout": _is_not_taken_back,
    "rollout": _is_not_taken_back,
    "confirm-traffic-increase": _may_advance,
    "confirm-promotion": _is_promoted,
    "rollback": _is_taken_back,
}
"""Why a hook is to hold; "" where it may go on."""
HEARD: Final = frozenset({"post-rollout", "event"})
"""Hooks that ask nothing."""
