"""What must the data answer, so that a gate can be judged?

A question is plain data: `decide` asks it, `measure` writes the SQL that answers it with a summary, `evidence` weighs the
summary. All that a method needs to know before it sees data (the null, the planned effect, the grid) stands here, so that
the same question over the same data gives the same verdict for ever.
"""

from typing import Literal

import msgspec

Design = Literal["one_sample", "paired", "randomised", "events", "days", "groups", "drift"]
"""one_sample: one variant's own rows against a constant. paired: two variants answered the same request (shadow).
randomised: units were drawn, with a logged propensity. events: of the rare events, which share fell to the candidate.
days: how much does a share vary from period to period. groups: how far apart are the groups of an attribute.
drift: how far are the features of requests from those in training, or from those in front of the champion."""

Side = Literal["above", "below"]
Unit = Literal["request", "unit"]


class MetricRef(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of the spec as plain data.

    Args:
        name: the spec's name for it.
        kind: an entry of the catalogue (`precision`, `mean`, `latency_quantile`).
        of: what a mean is taken over (`outcome.revenue`, `prediction.cost_usd`), or "".
        parameters: the kind's own parameters (`positive`, `q`, `threshold`), by name.
        cap: values above are cut to it; None for no cap.
        window_s: a prediction is judged when it is this old (stream seconds).
        missing: what a judged prediction without outcome counts as.
    """

    name: str
    kind: str
    of: str = ""
    parameters: dict[str, str | float] = {}
    cap: float | None = None
    window_s: float = 0.0
    missing: Literal["exclude", "negative"] = "exclude"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be shown: that the effect lies above (below) a bound; the null hypothesis is its opposite.

    Args:
        bound: in the metric's own unit. For two variants the effect is candidate minus `factor` times champion; for one
            sample it is the candidate's own value.
        factor: 1 for absolute margins; 1 - d for "not worse by d relative".
    """

    side: Side
    bound: float
    factor: float = 1.0


class Prior(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected before this question's data are seen; it costs power when wrong, never validity.

    Args:
        mean: of the metric, per observation.
        variance: of one observation (paired: of the difference).
        effect: the planned effect, in the metric's unit, where the power should be.
    """

    mean: float = 0.5
    variance: float = 0.25
    effect: float = 0.01


class Futility(msgspec.Struct, frozen=True, kw_only=True):
    """What would have to be true for waiting to be worth while: its rejection says that more data will not help.

    Args:
        effect: the null is that the effect is at least (for a claim "below": at most) this.
        alpha: chance of ever giving up where that is so, in (0, 1).
    """

    effect: float
    alpha: float


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One null hypothesis about one metric in one population.

    Args:
        gate: the gate it belongs to, as a path in the spec (`stages[0].promote_when[1]`).
        stage: rows of this stage only; evidence of different stages is never pooled.
        unit: what one observation is. For a randomised design it is what was randomised.
        candidate, champion: variants; the second is "" for one sample.
        where: population, an expression over the context, or "".
        segment: further equalities (`{"country": "DE"}`), from the spec's `segments`.
        alpha: chance of ever being wrong, in (0, 1).
        since_allocation: rows of earlier allocations do not count (a retry begins anew).
        expected: where a prediction of a drawn unit's value stands that was made before its draw
            (`context.spend_last_month`), in the metric's unit; the score takes it off in place of the prior's mean. "" for
            none.
        horizon: the variance, in the metric's unit squared, that the question's sum will have when the looking ends (n
            observations times that of one; of drawn units times share (1 - share)): most of alpha is then spent on a boundary
            that is sharpest there. None where it may go on for ever (the always-valid clock).
        over: the attribute whose values are the groups; "" where the design is another.
        sampled: of paired accuracy: the share of the disagreements whose truth is asked for, by a hash of the request's id;
            agreements count without a truth. 0 where truths come by themselves.
        run_length: hours that pass on average before a false alarm, at least: the question is whether something has changed
            since any hour, not whether it is so over all of them. 0 for no such question.
        futility: when to give up, tested by the same bets with an alpha of its own; None where nobody gives up.
        chance_most: of drawn units, the largest chance of the candidate against the champion that counts; who was drawn with a
            larger one is left out. No bet has to stand what cannot come, so the lower it is, the bolder the bets.
        apart: first and last allocation of times whose rows do not count, because the champion was known to be unhealthy; a
            unit that was first seen in one of them is left out.
        every_s: the length of a period of the design `days`, in stream seconds, whole hours.
    """

    id: str
    gate: str
    rollout: str
    route: str
    stage: str
    metric: MetricRef
    design: Design
    unit: Unit = "request"
    candidate: str
    champion: str = ""
    where: str = ""
    segment: dict[str, str] = {}
    claim: Claim
    alpha: float
    prior: Prior = Prior()
    since_allocation: int = 0
    expected: str = ""
    horizon: float | None = None
    over: str = ""
    every_s: float = 0.0
    sampled: float = 0.0
    run_length: float = 0.0
    futility: Futility | None = None
    chance_most: float = 1.0
    apart: tuple[tuple[int, int], ...] = ()
