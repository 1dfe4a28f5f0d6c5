"""Can the draw and the record of this stage be believed?

An audit that raises its alarm holds the stage and its steps until somebody has looked: no difference between variants means
anything where units, or their rows, were not dealt out as they were meant to be. Late rows may heal what looked broken; so an
alarm lasts as long as the data say so, and is not remembered.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from segue.decide.gates.claims import compares
from segue.decide.gates.subjects import subjects
from segue.decide.observed import Observed
from segue.facts.decision import Verdict
from segue.facts.evidence import Audit, AuditName, Evidence, NotEnough
from segue.spec.metric import needs_outcome
from segue.spec.rollout import Rollout
from segue.spec.stage import Ab, Canary, Shadow, Stage

_TEXTS: Final[dict[AuditName, str]] = {
    "sample_ratio": "units fall to {candidate} and {champion} by their shares",
    "segments": "units fall to {candidate} and {champion} by their shares in every segment",
    "outcome_stream": "units with an outcome are those of {candidate} and {champion} by their shares",
    "propensity": "the logged propensities are the chances that units were drawn with",
    "cohorts": "units that come back were drawn with the chance that they are counted with",
    "coverage": "outcomes come for {candidate} as often as for {champion}",
    "shadows": "answers of {candidate} as a shadow are in the record",
    "capture": "what gateways wrote down of {candidate} and of {champion} is lost equally often on its way to the record",
}
_FOUND: Final[dict[AuditName, str]] = {
    "sample_ratio": "the odds of {candidate} are {estimate:.4g} times what they should be, between {low:.4g} and {high:.4g}",
    "segments": "the odds of {candidate} are {estimate:.4g} times what they should be, between {low:.4g} and {high:.4g}",
    "outcome_stream": "the odds of {candidate} are {estimate:.4g} times what they should be, between {low:.4g} and {high:.4g}",
    "propensity": "the mean of drawn / chance is {estimate:.4g}, between {low:.4g} and {high:.4g}, and should be 1",
    "cohorts": "the mean of drawn - chance is {estimate:.4f}, between {low:.4f} and {high:.4f}, and should be 0",
    "coverage": "the shares differ by {estimate:z.3g} pp, between {low:z.3g} pp and {high:z.3g} pp",
    "capture": "a row of {candidate} is missing {estimate:.4g} times as often, between {low:.4g} and {high:.4g}",
    "shadows": "{estimate:.4g} % of what should be there, between {low:.4g} % and {high:.4g} %",
}
_SHARES: Final[frozenset[AuditName]] = frozenset({"coverage", "shadows"})  # said in percent
_HINTS: Final[dict[AuditName, str]] = {
    "sample_ratio": "is a variant's traffic cached, redirected, retried or lost before it is recorded?",
    "segments": "is this part of the traffic served past the gateway, or lost on one side only?",
    "outcome_stream": "is the outcome joined, or sent, for one variant only?",
    "propensity": "do all gateways run the same version and the same allocation?",
    "cohorts": "do units keep their id, and does the rollout keep its salt?",
    "coverage": "does somebody send outcomes that depend on which variant answered?",
    "capture": "is a disk full, a journal damaged or unshipped, or do rows of one variant fail to be written?",
    "shadows": "raise the shadow's concurrency, or lower the sample",
}


def audited(spec: Rollout, stage: Stage, path: str, seen: tuple[Observed, str]) -> Iterator[Verdict]:
    """One verdict for each audit of a candidate that this stage needs; one that was not made holds too."""
    observed, candidate = seen
    found = {audit.name: audit for audit in observed.audits if audit.candidate in {"", candidate}}
    names = {"candidate": candidate, "champion": spec.champion}
    told: tuple[AuditName, ...] = ("capture",) if "capture" in found else ()  # whoever serves in process counts nothing
    for name in (*wanted(spec, stage), *told):
        text = _TEXTS[name].format(**names)
        audit = found.get(name)
        outcome, reason = ("not_yet", "not audited yet") if audit is None else _said(name, audit, names)
        yield Verdict(
            gate=f"{path}.{name}",
            text=text,
            role="precondition",
            outcome="pass" if outcome == "pass" else "not_yet",
            reason=reason,
            candidate=candidate,
            evidence=audit.found if audit else None,
        )


def broken(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The audits among these verdicts that have raised their alarm."""
    return tuple(
        verdict
        for verdict in verdicts
        if verdict.role == "precondition" and verdict.outcome != "pass"
        if isinstance(verdict.evidence, Evidence) and verdict.evidence.shown
    )


def wanted(spec: Rollout, stage: Stage) -> tuple[AuditName, ...]:
    """The audits without which no comparison of this stage is believed; none where nothing is compared."""
    gates = [gate for gate in stage.promote_when if compares(gate)]
    if not gates:
        return ()
    if isinstance(stage.strategy, Shadow):
        return ("shadows",)
    if not isinstance(stage.strategy, Canary | Ab):
        return ()
    names: list[AuditName] = ["sample_ratio", *(("segments",) if spec.segments else ()), "propensity", "cohorts"]
    if spec.outcome.missing == "exclude" and any(map(needs_outcome, subjects(stage.promote_when, spec))):
        names += ["outcome_stream", "coverage"]
    return tuple(names)


def _said(name: AuditName, audit: Audit, names: dict[str, str]) -> tuple[str, str]:
    if isinstance(audit.found, NotEnough):
        few = audit.found
        if name == "capture":  # of rows that are not missing nothing can be told apart, and that is well
            return "pass", f"nothing against it: {few.reason}"
        return "not_yet", f"{few.have:,} of at least {few.need:,} {few.unit}: {few.reason}"
    found = audit.found
    scale = 100 if name in _SHARES else 1
    ends = {"low": scale * found.low, "high": scale * found.high}
    numbers = _FOUND[name].format(**names, estimate=scale * found.estimate, **ends)
    where = "".join(f", {part} {value}" for part, value in audit.part.items())
    counts = ", ".join(f"{variant} {n:,}" for variant, n in sorted(found.n.items()))
    said = f"{numbers} (log e {found.log_e:z.2f} of {found.threshold:.2f}; {counts}{where})"
    if audit.broken:
        return "not_yet", f"shown not to hold: {said}; {_HINTS[name]}"
    later = f"; if it stays so, shown not to hold after about {found.need:,}" if found.need else ""
    return "pass", f"nothing against it: {said}{later}"
