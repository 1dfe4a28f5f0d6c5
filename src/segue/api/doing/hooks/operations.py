"""Which hooks of other programs are answered? MLflow's word that its registry has changed, and Flagger's questions."""

import logging
from typing import Final, get_args

import msgspec

from segue.api.doing.hooks.callers import by_payload, by_signature
from segue.api.doing.hooks.gates import Canary, GateAnswer, Hook, answer, not_about
from segue.api.doing.rollouts import as_
from segue.api.operation import Call, Operation, Reply
from segue.api.views import ActAsked
from segue.decide.machine import LIVE
from segue.errors import NotFound, near_miss

log: Final = logging.getLogger("segue.api")
_FAILED: Final = "Failed"
_HOLD: Final = 403


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What a registry says has changed. None of it is taken for true: it is a reason to look."""

    entity: str = ""
    action: str = ""


class Looking(msgspec.Struct, frozen=True, kw_only=True):
    """The monitor looks at the registry now, where the store can wake it, and else at its next tick."""

    looking: bool = True


def _look(call: Call) -> Reply:
    said = as_(Delivery, call.body)
    call.office.control.commands.nudge()
    log.info("%s says: %s %s; the monitor is to look", call.person.name, said.entity, said.action)
    return Reply(value=Looking(), status=202)


def _gate(call: Call) -> Reply:
    name, canary, hook = call.path["rollout"], as_(Canary, call.body), _hook(call.path["hook"])
    found = call.desk.rollout(name)
    said = answer(hook, name, canary, found)
    failed = hook == "post-rollout" and canary.phase == _FAILED and found.view.phase in LIVE
    if failed and not not_about(name, canary, found):
        of = f"{canary.namespace}/{canary.name}"
        why = f"Flagger has taken {of} back"
        call.desk.ask(said.rollout, ActAsked(trigger="abort", reason=why), once=f"flagger {of} {canary.checksum}")
        said = msgspec.structs.replace(said, why=f"{said.rollout} is asked to abort: {why}")
    log.info("%s: %s is told to %s: %s", said.rollout, hook, "go on" if said.go else "hold", said.why)
    return Reply(value=said, status=200 if said.go else _HOLD)


def _hook(text: str) -> Hook:
    hooks: tuple[Hook, ...] = get_args(Hook)
    for hook in hooks:
        if hook == text:
            return hook
    raise NotFound(f"Flagger has no hook of type {text!r}", hint=near_miss(text, hooks) or ", ".join(hooks))


OPERATIONS = (
    Operation(
        name="lookAtRegistry",
        method="POST",
        path="/v1/hooks/mlflow",
        says="MLflow's webhook: its registry has changed, so the monitor is to look at it now. Nothing else in it is believed.",
        role="viewer",
        gives=Looking,
        does=_look,
        body=Delivery,
        statuses=(202,),
        known=by_signature,
    ),
    Operation(
        name="askGate",
        method="POST",
        path="/v1/hooks/flagger/{rollout}/{hook}",
        says="Flagger's webhooks: 200 to go on, 403 to hold; `post-rollout` of a canary that has failed asks for an abort.",
        role="viewer",
        gives=GateAnswer,
        does=_gate,
        body=Canary,
        statuses=(200, _HOLD),
        known=by_payload,
    ),
)
