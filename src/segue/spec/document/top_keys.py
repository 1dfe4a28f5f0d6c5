"""Which keys does a spec have outside its stages and gates?"""

from typing import Final, cast, get_args

from segue.spec.catalogue.kind import PARAMETERS
from segue.spec.document.keys import Key, Section, Type, key
from segue.spec.rollout import NOTICES, Protocol

ROOT: Final = Section(
    "",
    "The whole file: one route, its versions, and how traffic moves between them.",
    (
        key("segue", "integer", "Version of this format; 1.", "1"),
        key("route", "name", "The stable name that callers use; it never changes.", "churn"),
        key("protocol", "choice", "What callers and variants speak.", "v2", default="v2", choices=get_args(Protocol)),
        key("unit", "source", "Where the unit is, that keeps one variant; the first that is present. The last is `request`.",
            "[header:x-user-id, request]", default="[request]", form="list"),
        key("registry", "text", "Where versions are registered: `embedded`, `mlflow+http://HOST:PORT`.", "embedded",
            default="embedded"),
        key("provider", "text", "Who carries the traffic: `gateway`, or a mesh, `httproute+https://HOST#NAMESPACE/NAME`.",
            "gateway", default="gateway"),
        key("variants", "section", "The sides of the rollout: `champion`, and at least one candidate.",
            "{champion: {version: models:/churn@champion}, v8: {version: models:/churn/8}}", form="mapping",
            section="variants.NAME"),
        key("prediction", "section", "Where the prediction is in an answer.", "{label: outputs.label}",
            default="nothing is read", section="prediction"),
        key("context", "source", "Attributes for segments, audiences and populations, and where a request carries them.",
            "{tier: header:x-tier}", default="none", form="mapping"),
        key("outcome", "section", "When a prediction is judged.", "{window: 24h}",
            default="required by metrics that need an outcome", section="outcome"),
        key("segments", "attribute", "Splits of the report: attributes, and lists of attributes for their combinations.",
            "[country, [country, tier]]", default="none", form="list"),
        key("metrics", "section", "What is measured, by names that gates use.", "{hits: {kind: accuracy}}", default="none",
            form="mapping", section="metrics.NAME"),
        key("error_budget", "section", "Chances of ever being wrong in the whole rollout, at any number of looks.",
            "{false_promotion: 5%}", default="5% and 1%", section="error_budget"),
        key("guardrails", "section", "Conditions that roll back: watched in every stage, also while paused.",
            "[{errors: {worse_than_champion_by: 0.5pp}}]", default="none", form="list", section="GATE"),
        key("stages", "section", "What the rollout walks through, in order.", "[{name: shadow, strategy: shadow}]",
            form="list", section="stages[]"),
        key("after", "section", "What happens in the registry after a promotion.", "{registry_alias: champion}",
            default="{registry_alias: champion, keep_previous_as: previous}", section="after"),
        key("when_busy", "choice", "What becomes of this file where the route has a rollout that is not over.", "queue",
            default="refuse", choices=("refuse", "queue", "supersede")),
        key("unhealthy_champion", "section", "When the champion itself is unhealthy, and what then; never a promotion.",
            "{errors_rise_by: 2pp, then: hold}", default="{errors_rise_by: 2pp, latency_rises_by: 50%, then: hold}",
            section="unhealthy_champion"),
        key("notify", "section", "Who hears of what.", '[{on: [promoted], url: "slack://..."}]', default="nobody", form="list",
            section="notify[]"),
        key("retrain", "section", "When to train again.", "[{every: 30d}]", default="never", form="list", section="retrain[]"),
    ),
)  # fmt: skip

VARIANT: Final = Section(
    "variants.NAME",
    "One side of the rollout. A candidate that fails or is late is answered for by the champion.",
    (
        key("version", "version", "`models:/NAME/VERSION`, or `models:/NAME@ALIAS`, followed when the alias moves.",
            "models:/churn/8"),
        key("url", "url", "Where somebody else serves it.", '"http://10.0.0.8:8080"', default="a host of ours serves it"),
        key("timeout", "real duration", "How long its answer may take.", "300ms", default="1s"),
    ),
)  # fmt: skip

PREDICTION: Final = Section(
    "prediction",
    "Where things are in an answer (`features`: in a request), in the protocol's own terms.",
    (
        key("label", "pointer", "The predicted label, or a number.", "outputs.label", default="not captured"),
        key("score", "pointer", "The score of the positive label.", "outputs.score", default="not captured"),
        key("features", "pointer", "The inputs.", "inputs", default="not captured"),
        key(
            "cost",
            "pointer",
            "What the answer cost, in dollars: `prediction.cost_usd`.",
            "outputs.cost",
            default="not captured",
        ),
    ),
)

OUTCOME: Final = Section(
    "outcome",
    "When a prediction is judged, and what a missing outcome means.",
    (
        key("window", "stream duration", "A prediction is judged when it is this old, never before.", "24h"),
        key("missing", "choice", "`exclude` a judged prediction without outcome, or count it as `negative` (a 0).", "exclude",
            default="exclude", choices=("exclude", "negative")),
        key("wanted", "percent", "Of the requests that a shadow answers differently, the share whose outcomes are asked for.",
            "25%", default="outcomes come by themselves"),
    ),
)  # fmt: skip

_TYPES: Final[dict[str, Type]] = {
    "above zero": "number",
    "share": "number",
    "whole number": "integer",
    "value": "text",
    "kind": "kind of metric",
}


def _parameter(name: str) -> Key:
    about = PARAMETERS[name]
    kind = cast("Type", _TYPES.get(about.domain, about.domain))
    return key(name, kind, about.about, about.example, default="the kind's", choices=about.choices)


METRIC: Final = Section(
    "metrics.NAME",
    "One metric. `agreement` needs no entry.",
    (
        key("kind", "kind of metric", "What is computed: a kind of the [catalogue](metrics.md).", "precision"),
        key("of", "text", "For `mean`: `outcome.NAME` or `prediction.cost_usd`.", "outcome.revenue",
            default="required by `mean`"),
        key("goal", "choice", "Which direction is better.", "increase", default="the kind's; required by `mean`",
            choices=("increase", "decrease")),
        key("cap", "number", "Values above are cut to it, for `mean`, `mae` and `rmse`.", "500", default="no cap"),
        key("expected", "attribute",
            "For `mean`: what predicts the value before a unit is drawn; taken off where units are compared.",
            "spend_last_month", default="nothing"),
        key("window", "stream duration", "When its predictions are judged.", "2d", default="that of `outcome`"),
        key("missing", "choice", "What a missing outcome counts as.", "negative", default="that of `outcome`",
            choices=("exclude", "negative")),
        *(_parameter(name) for name in PARAMETERS),
    ),
)  # fmt: skip

ERROR_BUDGET: Final = Section(
    "error_budget",
    "Chances of ever being wrong, for the whole rollout and any number of looks.",
    (
        key("false_promotion", "percent", "Of promoting a candidate that does not do what the gates ask.", "5%", default="5%"),
        key("false_rollback", "percent", "Of rolling back a candidate that harms nobody.", "1%", default="1%"),
        key(
            "futility",
            "percent",
            "Of giving up, in a stage with a limit, a candidate that is as good as planned.",
            "10%",
            default="10%",
        ),
        key(
            "reserve",
            "percent",
            "The part of `false_rollback` that is kept for guardrails that are added later.",
            "20%",
            default="10%",
        ),
    ),
)

MOVED_BY_OTHERS: Final = ("adopt", "alarm")
AFTER: Final = Section(
    "after",
    "What happens in the registry after a promotion.",
    (
        key("registry_alias", "name", "The alias that moves to the promoted version.", "champion", default="champion"),
        key("keep_previous_as", "name", "The alias that the version before is kept under.", "previous", default="previous"),
        key(
            "moved_by_others",
            "choice",
            "When somebody else moves the alias: end the rollout, or hold until a person decides.",
            "alarm",
            default="adopt",
            choices=MOVED_BY_OTHERS,
        ),
    ),
)

THEN_OF_UNHEALTHY: Final = ("hold", "previous")
UNHEALTHY_CHAMPION: Final = Section(
    "unhealthy_champion",
    "When the champion itself is unhealthy: beside its own past, where nobody serves it, or where half of the gateways would "
    "leave it out.",
    (
        key("errors_rise_by", "quantity", "Its failures lie above its own past by so much.", "2pp", default="2pp"),
        key("latency_rises_by", "percent",
            "A `latency_quantile` lies above its own past by so large a part of it; 150% is two and a half times the past.",
            "50%", default="50%"),
        key("then", "choice", "`hold` until it is well or a person acts; or end, and go to the version before.",
            "hold", default="hold", choices=THEN_OF_UNHEALTHY),
        key("after", "stream duration", "How long it is unhealthy before the alias goes to the version before.", "5m",
            default="5m"),
        key("well_for", "stream duration", "How long nothing is wrong before the rollout goes on.", "15m", default="15m"),
    ),
)  # fmt: skip

NOTIFY: Final = Section(
    "notify[]",
    "Who hears of what.",
    (
        key("on", "choice", "Which events.", "[promoted, rolled_back]", form="list", choices=NOTICES),
        key("url", "text", "Where to; the scheme names the service.", '"slack://..."'),
    ),
)

RETRAIN: Final = Section(
    "retrain[]",
    "When to train again: one of the two.",
    (
        key("every", "stream duration", "So often.", "30d", default="one of the two"),
        key(
            "when",
            "section",
            "When this gate's condition holds.",
            "{precision: {below: 85%}}",
            default="one of the two",
            section="GATE",
        ),
    ),
)
