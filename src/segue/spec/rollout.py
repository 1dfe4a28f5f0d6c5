"""What was asked for one route?"""

from typing import Final, Literal

import msgspec

from segue.spec.gate import Gate
from segue.spec.metric import Metric
from segue.spec.stage import Stage

Protocol = Literal["v2", "v1", "mlflow", "openai", "raw"]
GATEWAY: Final = "gateway"
"""The provider that does all that a rollout may ask for: our own gateway."""
NOTICES: Final = (
    "started", "advanced", "promoted", "rolled_back", "held", "paused", "aborted", "needs_approval", "left",
    "champion_unhealthy", "champion_recovered",
)  # fmt: skip
"""What `notify` may hear of."""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a rollout.

    Args:
        version: `models:/NAME/VERSION`, or `models:/NAME@ALIAS`, which is followed when the alias moves.
        url: where somebody else serves it, or "" where a host of ours does.
        timeout_s: real seconds for its answer.
    """

    name: str
    version: str
    url: str = ""
    timeout_s: float = 1.0


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Where the prediction is in an answer, and the features in a request, in the protocol's own terms."""

    label: str = ""
    score: str = ""
    features: str = ""
    cost: str = ""


class OutcomeRule(msgspec.Struct, frozen=True, kw_only=True):
    """When a prediction is judged, and what a missing outcome means.

    Args:
        wanted: the share of the requests on which a shadow's answer differs whose outcomes are asked for (`segue outcomes
            wanted`); agreements then need none. 0 where outcomes come by themselves.
    """

    window_s: float
    missing: Literal["exclude", "negative"] = "exclude"
    wanted: float = 0.0


class ErrorBudget(msgspec.Struct, frozen=True, kw_only=True):
    """Chances of ever being wrong in the whole rollout, at any number of looks.

    Args:
        futility: of giving up a candidate that is as good as planned, because its gates seem out of reach.
        reserve: the part of `false_rollback` that is kept for guardrails that are added while the rollout is live.
    """

    false_promotion: float = 0.05
    false_rollback: float = 0.01
    futility: float = 0.1
    reserve: float = 0.1


class After(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to the registry when a rollout has promoted, and when somebody else moves the alias meanwhile.

    Args:
        moved_by_others: adopt: the rollout ends, and serving follows the alias. alarm: it holds until a person has decided.
    """

    registry_alias: str = "champion"
    keep_previous_as: str = "previous"
    moved_by_others: Literal["adopt", "alarm"] = "adopt"


class UnhealthyChampion(msgspec.Struct, frozen=True, kw_only=True):
    """When is the champion itself unhealthy, and what then? Never a promotion.

    Whatever this says, a champion that is not served, or that at least half of the gateways would leave out, is unhealthy.

    Args:
        errors_rise_by: its failures lie above its own past by so large a share of the requests.
        latency_rises_by: a quantile of its latency lies above its own past by so large a part of it.
        then: hold: shares stay as they are until it is well, or a person acts. previous: the rollout ends, and the alias goes
            to the version before.
        after_s: stream seconds that it is unhealthy before the alias goes back.
        well_for_s: stream seconds without a sign of illness after which the rollout goes on.
    """

    errors_rise_by: float = 0.02
    latency_rises_by: float = 0.5
    then: Literal["hold", "previous"] = "hold"
    after_s: float = 300.0
    well_for_s: float = 900.0


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Who hears of what."""

    on: tuple[str, ...]
    url: str


class Retrain(msgspec.Struct, frozen=True, kw_only=True):
    """When to train again: every so often, or when a gate's condition holds."""

    every_s: float | None = None
    when: Gate | None = None


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A whole spec; it is valid when it exists.

    Args:
        unit: sources in order; `request` is always present at last or the lint says so.
        context: attribute -> source.
        provider: who carries the traffic: `gateway`, or `httproute+https://HOST#NAMESPACE/NAME`.
        segments: each a tuple of attributes.
        guardrails: gates watched in every stage, also while paused.
        when_busy: what becomes of this spec where the route has a rollout that is not over: it is refused, waits, or ends the
            other one and waits for that.
        source: the text it was loaded from; the digest is taken over its meaning, not over this.
    """

    route: str
    protocol: Protocol
    unit: tuple[str, ...]
    registry: str
    variants: dict[str, Variant]
    prediction: Reading = Reading()
    context: dict[str, str] = {}
    outcome: OutcomeRule
    segments: tuple[tuple[str, ...], ...] = ()
    metrics: dict[str, Metric] = {}
    error_budget: ErrorBudget = ErrorBudget()
    guardrails: tuple[Gate, ...] = ()
    stages: tuple[Stage, ...]
    after: After = After()
    notify: tuple[Notice, ...] = ()
    retrain: tuple[Retrain, ...] = ()
    provider: str = GATEWAY
    when_busy: Literal["refuse", "queue", "supersede"] = "refuse"
    unhealthy_champion: UnhealthyChampion = UnhealthyChampion()
    source: str = ""
    digest: str = ""

    @property
    def champion(self) -> str:
        """The name of the variant that answers when a candidate can't."""
        return "champion"

    @property
    def candidates(self) -> tuple[str, ...]:
        """The names of all other variants, in the order of the file."""
        return tuple(name for name in self.variants if name != self.champion)
