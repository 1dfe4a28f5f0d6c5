"""Is what everything is compared with well itself, and does anybody leave a variant out because it keeps failing?

A champion that is broken makes every candidate look good. So its health is a precondition of its own: it is served, the
gateways would not leave it out, and its failures and its latency are those of its own past. When it is not, the rollout has
the phase `champion_unhealthy`: nothing moves forward, and nobody is blamed for what the champion does.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from segue.decide.allocate import pinned, versions_of
from segue.decide.observed import Observed
from segue.decide.walk import alive
from segue.facts.decision import Outcome3, State, Verdict
from segue.facts.evidence import Audit, Evidence
from segue.spec.rollout import Rollout

PATH: Final = "unhealthy_champion"
_EJECTED: Final = "ejected"
_SERVED: Final = "served"
MANY: Final = 0.5
"""So large a share of the gateways' workers has to find the champion failing: one with a broken network is no sign of it."""
_RISES: Final = ("champion_errors", "champion_latency")


def champion_name(spec: Rollout, state: State) -> str:
    """The name by which the champion is served during the rollout, "" where somebody else serves it."""
    return pinned(spec, {spec.champion: state.champion_version}).get(spec.champion, "")


def health_of_champion(spec: Rollout, state: State, observed: Observed) -> tuple[Verdict, ...]:
    """One verdict for each sign of health; nothing known is no sign of illness."""
    name = champion_name(spec, state)
    served = not name or name not in observed.missing
    share = observed.ejected.get(spec.champion, 0.0)
    found = [
        _verdict("served", "the champion is served", f"{name or spec.champion} is{'' if served else ' not'} served", ok=served),
        _verdict(
            "ejected",
            "the gateways find the champion answering",
            f"{100 * share:.3g} % of the gateways' workers would leave it out, because it keeps failing",
            ok=share < MANY,
        ),
    ]
    return (*found, *(_risen(audit) for audit in observed.audits if audit.name in _RISES))


def failing(spec: Rollout, state: State, observed: Observed) -> tuple[Verdict, ...]:
    """Two verdicts for each candidate: it is served, and no gateway leaves it out now; what it is not asked is its failure."""
    names = pinned(spec, versions_of(spec, state))
    found: list[Verdict] = []
    for candidate in alive(spec, state):
        name, share = names.get(candidate, ""), observed.ejected.get(candidate, 0.0)
        served = name not in observed.missing
        there = f"{candidate} is served", f"{name or candidate} is{'' if served else ' not'} served"
        found.append(_of_candidate(candidate, _SERVED, there, ok=served))
        reason = f"{100 * share:.3g} % of the gateways' workers leave it out"
        asked = f"no gateway leaves {candidate} out because it keeps failing", reason
        found.append(_of_candidate(candidate, _EJECTED, asked, ok=not share))
    return tuple(found)


def unwell(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The signs that the champion is unhealthy."""
    return tuple(it for it in verdicts if it.gate.startswith(f"{PATH}.") and it.outcome != "pass")


def left_out(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """The candidates that nobody serves, or that a gateway leaves out, now."""
    signs = (f"{_EJECTED}.", f"{_SERVED}.")
    return tuple(it for it in verdicts if it.gate.startswith(signs) and it.outcome != "pass")


def _risen(audit: Audit) -> Verdict:
    metric = audit.part.get("metric", "latency")
    slow = audit.name == "champion_latency"
    part, text = ("latency." + metric, f"the champion's {metric} is no longer than its own past allows")
    if not slow:
        part, text = "failures", "the champion fails no more often than its own past allows"
    found = audit.found
    if not isinstance(found, Evidence):
        return _verdict(part, text, f"{found.have:,} of at least {found.need:,} {found.unit}", ok=True)
    what = f"took longer than the {metric} of its past and the margin" if slow else "failed"
    said = f"{100 * found.estimate:.3g} % of its last {found.have:,} answers {what}, at most {100 * audit.expected:.3g} % may"
    verdict = _verdict(part, text, f"{said} (log e {found.log_e:z.2f} of {found.threshold:.2f})", ok=not found.shown)
    return msgspec.structs.replace(verdict, evidence=found)


def _of_candidate(candidate: str, sign: str, said: tuple[str, str], *, ok: bool) -> Verdict:
    text, reason = said
    outcome: Outcome3 = "pass" if ok else "not_yet"
    return Verdict(
        gate=f"{sign}.{candidate}", text=text, role="precondition", outcome=outcome, reason=reason, candidate=candidate
    )


def _verdict(part: str, text: str, reason: str, *, ok: bool) -> Verdict:
    outcome: Outcome3 = "pass" if ok else "not_yet"
    return Verdict(gate=f"{PATH}.{part}", text=text, role="precondition", outcome=outcome, reason=reason)
