"""Do claims that share an error budget show together what none of them shows alone?

Alternatives of an `any` share `false_promotion`, and so do several candidates. A share each (Bonferroni) is what a claim may
always use. More is shown by closed testing with averages, which is never weaker, whatever the dependence and at any look:

- "every alternative is false" is tested by the mean of their e-values; an alternative of several gates has the least of theirs.
- A candidate's e-value for a stage is the least of those of its gates and groups, so that one false gate is enough against it.
  A candidate passes where every set of candidates that it belongs to has a mean of at least 1 / alpha; the worst set joins it
  with all that lie below 1 / alpha. One that has left counts as no evidence.

A mean and a least of e-processes under the null in question is one again, so that what is shown once may stay shown (Ville).
Source: Vovk & Wang 2021 (arXiv 1912.06116), algorithm 1, which sharpens Holm.
"""

from collections.abc import Mapping, Sequence
from math import exp, inf, log
from typing import Final

import msgspec

from segue.decide.walk import alive, stage_of
from segue.facts.decision import State, Verdict
from segue.facts.evidence import Evidence
from segue.spec.gate import Alternatives, grouped
from segue.spec.rollout import Rollout
from segue.spec.stage import Stage

_NO_PROCESS: Final = frozenset({"days", "groups", "drift"})
"""Designs whose evidence is no e-process at every look: where one of them is asked, each claim keeps to its own share."""
_GUESSES: Final = (".unknown_wrong", ".unknown_right")
_TOGETHER: Final = "shown together with what shares its error budget: "
_LARGEST: Final = 700.0  # of a logarithm whose exponential is a number


def together(spec: Rollout, state: State, verdicts: Sequence[Verdict]) -> tuple[tuple[Verdict, ...], dict[str, float]]:
    """The verdicts with what is shown together, and the questions of which that is so: id -> log e-value.

    A gate that was asked again as if the unknown truths were known is held where it is not shown then, together either.

    Args:
        spec: says what shares a budget.
        state: who is left, and what was shown before.
        verdicts: all of a tick, preconditions included.
    """
    return _together(spec, stage_of(spec, state), alive(spec, state), verdicts)


def _together(
    spec: Rollout, stage: Stage, live: Sequence[str], verdicts: Sequence[Verdict]
) -> tuple[tuple[Verdict, ...], dict[str, float]]:
    gates = [it for it in verdicts if it.role == "objective"]
    passed, also = _passed(spec, stage, live, gates)
    if not passed:
        return tuple(verdicts), {}
    again = [it for it in verdicts if it.role == "precondition" and it.question is not None]
    for guess in _GUESSES:
        known = {(it.candidate, it.gate.removesuffix(guess)): it for it in again if it.gate.endswith(guess)}
        swapped = (known.get(_key(it), it) for it in gates)
        asked = [
            msgspec.structs.replace(it, evidence=other.evidence, question=other.question)
            for it, other in zip(gates, swapped, strict=True)
        ]
        also |= _passed(spec, stage, live, asked)[1]
    return tuple(_marked(it, passed, also) for it in verdicts), also


def is_joint(verdict: Verdict) -> bool:
    """Whether a verdict passed only by what is shown together."""
    return verdict.reason.startswith(_TOGETHER)


def joint(spec: Rollout, stage: Stage, verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """The verdicts with what is shown together, by nothing but the verdicts of a decision.

    Args:
        spec: as it was then.
        stage: the decision's.
        verdicts: all of it, as each is alone; a candidate of which there is none is taken to have left.
    """
    live = {it.candidate for it in verdicts if it.role == "objective"}
    return _together(spec, stage, [name for name in spec.candidates if name in live], verdicts)[0]


def _passed(
    spec: Rollout, stage: Stage, live: Sequence[str], gates: Sequence[Verdict]
) -> tuple[set[tuple[str, str]], dict[str, float]]:
    """Candidate and path of the gates that are passed together, and their questions."""
    groups = stage.any_of
    if len(spec.candidates) * max((len(group) for group in groups), default=1) < 2 or not _all_bet(gates):
        return set(), {}
    logs = {name: {it.gate: _log_e(it) for it in gates if it.candidate == name} for name in live}
    alpha = min(stage.alternatives(it.gate) * len(spec.candidates) * it.question.alpha for it in gates if it.question)
    passing = shown({name: _of_stage(groups, logs.get(name, {})) for name in spec.candidates}, alpha)
    needed = {(name, path) for name in passing if name in logs for path in _needed(groups, logs[name])}
    return needed, {it.question.id: _log_e(it) for it in gates if it.question and _key(it) in needed}


def _marked(verdict: Verdict, passed: set[tuple[str, str]], also: Mapping[str, float]) -> Verdict:
    if verdict.role == "objective" and _key(verdict) in passed and verdict.outcome != "pass":
        reason = f"{_TOGETHER}{verdict.reason}"
        return msgspec.structs.replace(verdict, outcome="pass", reason=reason, futile=False)
    question, gate = verdict.question, guessed(verdict)
    if question is None or (verdict.candidate, gate) not in passed:
        return verdict
    alone = isinstance(verdict.evidence, Evidence) and verdict.evidence.shown
    if alone or question.id in also or verdict.earlier:
        return msgspec.structs.replace(verdict, outcome="pass")
    return msgspec.structs.replace(verdict, outcome="not_yet", reason=f"shown only without them: {verdict.reason}")


def guessed(verdict: Verdict) -> str:
    """The path of the gate that was asked again, as if the unknown truths were known; "" of any other verdict."""
    guess = next((it for it in _GUESSES if verdict.gate.endswith(it)), "")
    return verdict.gate.removesuffix(guess) if guess and verdict.role == "precondition" else ""


def _key(verdict: Verdict) -> tuple[str, str]:
    return verdict.candidate, verdict.gate


def shown(log_e: Mapping[str, float], alpha: float) -> frozenset[str]:
    """Of which claims it is shown, so that the chance of one false among them is at most alpha.

    >>> sorted(shown({"v8": log(70), "v9": log(25), "v10": log(1)}, 0.05)), sorted(shown({"v8": log(59), "v9": -inf}, 0.05))
    (['v8'], ['v8'])
    """
    values = {name: exp(min(value, _LARGEST)) for name, value in log_e.items()}
    found = set()
    for name, value in values.items():
        short = sum(other - 1 / alpha for rival, other in values.items() if rival != name and other < 1 / alpha)
        if value - 1 / alpha + short >= 0:
            found.add(name)
    return frozenset(found)


def _all_bet(objectives: Sequence[Verdict]) -> bool:
    return bool(objectives) and all(it.question is not None and it.question.design not in _NO_PROCESS for it in objectives)


def _log_e(verdict: Verdict) -> float:
    return verdict.evidence.log_e if isinstance(verdict.evidence, Evidence) else -inf


def _of_stage(groups: Sequence[Alternatives], logs: Mapping[str, float]) -> float:
    """The log e-value against "some gate or group of the stage is false"."""
    alternatives = grouped(groups)
    plain = [value for path, value in logs.items() if path not in alternatives]
    means = [_log_mean([min(logs.get(path, -inf) for path in one) for one in group]) for group in groups]
    return min([*plain, *means], default=-inf)


def _needed(groups: Sequence[Alternatives], logs: Mapping[str, float]) -> set[str]:
    """The gates by which a stage is passed: all that stand alone, and of each group the alternative that is shown best."""
    best = {path for group in groups for path in max(group, key=lambda one: min(logs.get(path, -inf) for path in one))}
    return {path for path in logs if path in best or not any(path in one for group in groups for one in group)}


def _log_mean(logs: Sequence[float]) -> float:
    largest = max(logs)
    if largest == -inf:
        return -inf
    return largest + log(sum(exp(value - largest) for value in logs) / len(logs))
