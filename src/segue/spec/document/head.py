"""Which route is it, who answers, and what is read out of requests, answers and outcomes?"""

import keyword
import re
from typing import Final, Literal, get_args

from segue.spec.document.place import Fields, Place
from segue.spec.document.top_keys import (
    AFTER,
    ERROR_BUDGET,
    MOVED_BY_OTHERS,
    NOTIFY,
    OUTCOME,
    PREDICTION,
    THEN_OF_UNHEALTHY,
    UNHEALTHY_CHAMPION,
    VARIANT,
)
from segue.spec.gate import Margin
from segue.spec.quantity import RealSeconds, Share, StreamSeconds, margin, real_seconds, rise, share, stream_seconds
from segue.spec.rollout import (
    GATEWAY,
    NOTICES,
    After,
    ErrorBudget,
    Notice,
    OutcomeRule,
    Protocol,
    Reading,
    UnhealthyChampion,
    Variant,
)

FORMAT: Final = 1
CHAMPION: Final = "champion"
ROUTE_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_ROUTE: Final = re.compile(ROUTE_NAME)
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_PATH: Final = r"[^\s.\[\]]+(?:\.[^\s.\[\]]+|\[[0-9]{1,6}\])*"
_POINTER: Final = re.compile(_PATH + r"(?:\[\])?")
_FIELD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SOURCE: Final = re.compile(rf"header:{_FIELD}|cookie:{_FIELD}|query:[^\s&=#]+|body:{_PATH}")
_SOURCES: Final = "header:NAME, cookie:NAME, query:NAME or body:PATH"
MODEL_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}"
VERSION_NUMBER: Final = r"[1-9][0-9]{0,17}"
_VERSION: Final = re.compile(rf"models:/{MODEL_NAME}(?:/{VERSION_NUMBER}|@[A-Za-z][A-Za-z0-9_-]{{0,62}})")
_REGISTRY: Final = re.compile(r"embedded|mlflow\+https?://[^\s/?#@]+(?:/[^\s?#@]*)?")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_PROVIDER: Final = re.compile(rf"gateway|httproute\+https?://[^\s/?#@]+#{_LABEL}/{_LABEL}")
_URL: Final = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([1-9][0-9]{0,4}))?(?:/[^\s?#]*)?")
MAX_PORT: Final = 65535
_NOTICE_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://\S+")
_NAME_HINT: Final = "letters, digits, _ and -, at most 63"


def name(place: Place) -> str:
    """A name that the spec chooses."""
    return place.matching(NAME, "name", _NAME_HINT)


def percent(place: Place) -> float:
    """A share in [0, 1]."""
    return place.quantity(share, Share(float("nan")))


def duration(place: Place) -> float:
    """Stream seconds; not negative."""
    return place.quantity(stream_seconds, StreamSeconds(float("nan")))


def positive_duration(place: Place) -> float:
    """Stream seconds above 0."""
    seconds = duration(place)
    return place.within(seconds, seconds > 0, "a duration above 0")


def check_format(root: Fields) -> None:
    """The file's format is one that this program reads."""
    known = root.known.get("segue")
    if known is not None and known.integer(1) != FORMAT:
        known.problem(f"format {known.written} is not known", f"this program reads format {FORMAT}")


def route(place: Place) -> str:
    """The route's name; it stands in URLs and in file names."""
    return place.matching(_ROUTE, "route name", "letters, digits, `.`, `_` and `-`, at most 63; it stands in URLs")


def protocol(place: Place) -> Protocol:
    """What callers and variants speak."""
    word = place.choice(get_args(Protocol), "protocol")
    return next((known for known in get_args(Protocol) if known == word), "v2")


def registry(place: Place) -> str:
    """Where versions are registered."""
    return place.matching(_REGISTRY, "registry", "`embedded`, or such as `mlflow+http://host:5000`")


def provider(place: Place) -> str:
    """Who carries the traffic."""
    hint = "`gateway`, or such as `httproute+https://kubernetes.default.svc#NAMESPACE/NAME`"
    return place.matching(_PROVIDER, "provider", hint) or GATEWAY


def unit(place: Place) -> tuple[str, ...]:
    """Where the unit is; `request` is the last source, so that every request has a unit."""
    places = list(place.items()) if place.is_list else [place]
    sources = tuple(_unit_source(item) for item in places)
    if place.is_list and not places:
        place.problem("no source", f"such as [header:x-user-id, request]; sources are {_SOURCES}, request")
    elif "" not in sources:
        if "request" not in sources:
            places[-1].problem("the last source is not `request`", "add it: a request without the others has no unit otherwise")
        elif sources.index("request") < len(sources) - 1:
            places[sources.index("request")].problem("`request` is always present: the sources after it are never read")
        for index, source in enumerate(sources):
            if source in sources[:index]:
                places[index].problem(f"{places[index].written} stands already in the list")
    return sources


def _unit_source(place: Place) -> str:
    if place.written == "`request`":
        return "request"
    return _source(place, f"{_SOURCES}, or request")


def _source(place: Place, sources: str) -> str:
    text = place.matching(_SOURCE, "source", sources)
    return text.lower() if text.startswith("header:") else text


def context(place: Place) -> dict[str, str]:
    """The declared attributes and their sources."""
    attributes = {}
    for attribute, source in place.entries():
        if not (attribute.isascii() and attribute.isidentifier()) or keyword.iskeyword(attribute):
            source.key_problem(
                f"`{attribute[:60]}` is no attribute name", "letters, digits and _, and no word of the expressions"
            )
        attributes[attribute] = _source(source, _SOURCES)
    return attributes


def variants(place: Place) -> dict[str, Variant]:
    """All sides; one is the champion."""
    found = {}
    for variant, body in place.entries():
        if not NAME.fullmatch(variant):
            body.key_problem(f"`{variant[:60]}` is no name", _NAME_HINT)
        found[variant] = _variant(variant, body)
    if place.is_mapping and CHAMPION not in found:
        place.missing(CHAMPION, "one variant is named `champion`: it answers when a candidate cannot")
    if place.is_mapping and not set(found) - {CHAMPION}:
        place.problem("no candidate", "name one beside `champion`, such as `v8: {version: models:/churn/8}`")
    return found


def _variant(variant: str, place: Place) -> Variant:
    fields = place.fields(VARIANT)
    return Variant(
        name=variant,
        version=fields.get("version", _version, ""),
        url=fields.get("url", _url, ""),
        timeout_s=fields.get("timeout", _timeout, 1.0),
    )


def _version(place: Place) -> str:
    return place.matching(_VERSION, "version", "such as `models:/churn/8`, or `models:/churn@champion` to follow an alias")


def _timeout(place: Place) -> float:
    seconds = place.quantity(real_seconds, RealSeconds(float("nan")))
    return place.within(seconds, 0 < seconds <= 600, "a timeout", "above 0, at most 10m")


def _url(place: Place) -> str:
    hint = "such as `http://10.0.0.8:8080`"
    text = place.matching(_URL, "http or https address", hint)
    port = _URL.fullmatch(text)
    if port and int(port.group(1) or 1) > MAX_PORT:
        place.problem(f"{place.written} has no such port", f"from 1 to {MAX_PORT}")
    return text


def reading(place: Place) -> Reading:
    """Where the prediction is in an answer."""
    fields = place.fields(PREDICTION)
    return Reading(**{key: fields.get(key, _pointer, "") for key in ("label", "score", "features", "cost")})


def _pointer(place: Place) -> str:
    return place.matching(_POINTER, "place in an answer", "such as `outputs.label`")


def outcome(place: Place) -> OutcomeRule:
    """When a prediction is judged."""
    fields = place.fields(OUTCOME)
    return OutcomeRule(
        window_s=fields.get("window", positive_duration, 0.0),
        missing="negative" if fields.get("missing", missing, "exclude") == "negative" else "exclude",
        wanted=fields.get("wanted", percent, 0.0),
    )


def missing(place: Place) -> str:
    """What a judged prediction without outcome counts as."""
    return place.choice(("exclude", "negative"), "treatment of missing outcomes")


def segments(place: Place, attributes: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Attributes and combinations of attributes."""
    found: list[tuple[str, ...]] = []
    for item in place.items():
        inner = list(item.items()) if item.is_list else [item]
        segment = tuple(part.choice(attributes, "attribute") for part in inner)
        if not segment or len(set(segment)) < len(segment):
            item.problem("a segment names at least one attribute, and each once")
        elif sorted(segment) in [sorted(other) for other in found] and "" not in segment:
            item.problem("this segment stands already in the list")
        found.append(segment)
    return tuple(found)


def error_budget(place: Place) -> ErrorBudget:
    """Chances of being wrong."""
    fields = place.fields(ERROR_BUDGET)
    standard = ErrorBudget()
    return ErrorBudget(
        false_promotion=fields.get("false_promotion", chance, standard.false_promotion),
        false_rollback=fields.get("false_rollback", chance, standard.false_rollback),
        futility=fields.get("futility", chance, standard.futility),
        reserve=fields.get("reserve", kept, standard.reserve),
    )


def chance(place: Place) -> float:
    """A share strictly between 0 and 1."""
    value = percent(place)
    return place.within(value, 0 < value < 1, "a chance", "above 0% and below 100%")


def kept(place: Place) -> float:
    """A share of which something is left; 0 for none."""
    value = percent(place)
    return place.within(value, 0 <= value < 1, "a part", "0% or more, and below 100%")


def when_busy(place: Place) -> Literal["refuse", "queue", "supersede"]:
    """What becomes of a spec whose route has a rollout that is not over."""
    names: tuple[Literal["refuse", "queue", "supersede"], ...] = ("refuse", "queue", "supersede")
    word = place.choice(names, "way")
    return next((name for name in names if name == word), "refuse")


def after(place: Place) -> After:
    """What happens to the aliases."""
    fields, standard = place.fields(AFTER), After()
    now = fields.get("registry_alias", name, standard.registry_alias)
    previous = fields.get("keep_previous_as", name, standard.keep_previous_as)
    if now == previous and now:
        place.problem("one alias cannot point at two versions", "give them different names")
    others = fields.get("moved_by_others", _others, standard.moved_by_others)
    return After(registry_alias=now, keep_previous_as=previous, moved_by_others=others)


def _others(place: Place) -> Literal["adopt", "alarm"]:
    return "alarm" if place.choice(MOVED_BY_OTHERS, "answer") == "alarm" else "adopt"


def unhealthy_champion(place: Place) -> UnhealthyChampion:
    """When the champion itself is unhealthy, and what then."""
    fields, standard = place.fields(UNHEALTHY_CHAMPION), UnhealthyChampion()
    then: str = fields.get("then", _then, str(standard.then))
    return UnhealthyChampion(
        errors_rise_by=fields.get("errors_rise_by", _rise, standard.errors_rise_by),
        latency_rises_by=fields.get("latency_rises_by", _growth, standard.latency_rises_by),
        then="previous" if then == "previous" else "hold",
        after_s=fields.get("after", duration, standard.after_s),
        well_for_s=fields.get("well_for", duration, standard.well_for_s),
    )


def _then(place: Place) -> str:
    return place.choice(THEN_OF_UNHEALTHY, "answer")


def _rise(place: Place) -> float:
    found = place.quantity(lambda text: margin(text, "proportion"), Margin(value=float("nan")))
    if found.relative:
        place.problem(f"{place.written} of what?", "how much more of the requests fail, such as `2pp`")
    return place.within(found.value, found.value > 0, "a rise", "above 0pp")


def _growth(place: Place) -> float:
    value = place.quantity(rise, float("nan"))
    return place.within(value, value > 0, "a rise", "above 0%")


def notices(place: Place) -> tuple[Notice, ...]:
    """Who hears of what."""
    return tuple(_notice(item.fields(NOTIFY)) for item in place.items())


def _notice(fields: Fields) -> Notice:
    return Notice(on=fields.get("on", _events, ()), url=fields.get("url", _notice_url, ""))


def _notice_url(place: Place) -> str:
    return place.matching(_NOTICE_URL, "address", "such as `slack://...`")


def _events(place: Place) -> tuple[str, ...]:
    events = tuple(item.choice(NOTICES, "event") for item in place.items())
    if place.is_list and not events:
        place.problem("no event", f"events are {', '.join(NOTICES)}")
    return events
