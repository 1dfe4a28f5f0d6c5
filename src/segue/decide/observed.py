"""What does one tick know, apart from spec, state and time?"""

import msgspec

from segue.facts.decision import Act, Inputs
from segue.facts.evidence import Audit, Health, Weighed
from segue.facts.summary import Summary


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """Everything from outside that a decision may rest on.

    Args:
        weighed: question id -> what the data say about it.
        summaries: question id -> the numbers that were weighed.
        health: variant -> how completely the stage's data of it are known.
        seen_in_step: how often the candidate, of several the one asked least, was asked since the step began; silence moves
            nothing.
        acts: what people asked for and no decision has applied, oldest first.
        missing: versions that have to be served and are not.
        alias: what the registry's alias points at now, "" for nothing; None where the registry did not say.
        versions: variant -> the version that its name in the spec stands for now.
        allocation: the number of the route's allocation in force, 0 before the first.
        other: another live rollout of the route, which stands in the way of a retry, or "".
        baselines: metric -> (mean, variance) of the champion as known now.
        problems: what could not be measured, and why; nothing is promoted while there are any.
        warnings: question id -> what should be known beside its verdict, and changes none.
        audits: whether the draw and the record of this stage can be believed, and whether the champion is as it was.
        ejected: variant -> the share of the gateways' workers that leave it out now because it keeps failing; of the champion,
            that would, were anybody else there.
        previous: what the alias of the version before points at, "" for nothing or where that is not known.
    """

    weighed: dict[str, Weighed] = {}
    summaries: dict[str, Summary] = {}
    health: dict[str, Health] = {}
    seen_in_step: int = 0
    acts: tuple[Act, ...] = ()
    missing: tuple[str, ...] = ()
    alias: str | None = None
    versions: dict[str, str] = {}
    allocation: int = 0
    other: str = ""
    baselines: dict[str, tuple[float, float]] = {}
    problems: tuple[str, ...] = ()
    warnings: dict[str, str] = {}
    audits: tuple[Audit, ...] = ()
    ejected: dict[str, float] = {}
    previous: str = ""
    inputs: Inputs | None = None
