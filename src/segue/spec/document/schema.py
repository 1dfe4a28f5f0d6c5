"""How does an editor know the keys of a spec?

A JSON schema (2020-12) out of the tables: keys, words and the outer form of values. It accepts every valid spec; `lint` says
much more.
"""

import re
from typing import Final

from segue.spec.document.keys import Key, Section
from segue.spec.document.stage_keys import AT_LEAST, AT_MOST, DRIFT, FAIRNESS, GATE, PLAN, STABLE, STAGE, STEP, WATCH
from segue.spec.document.top_keys import (
    AFTER,
    ERROR_BUDGET,
    METRIC,
    NOTIFY,
    OUTCOME,
    PREDICTION,
    RETRAIN,
    ROOT,
    UNHEALTHY_CHAMPION,
    VARIANT,
)
from segue.spec.metric import KINDS

SECTIONS: Final = (
    ROOT, VARIANT, PREDICTION, OUTCOME, METRIC, ERROR_BUDGET, STAGE, AT_LEAST, AT_MOST, STEP, PLAN, WATCH, GATE, STABLE, DRIFT,
    FAIRNESS, AFTER, UNHEALTHY_CHAMPION, NOTIFY, RETRAIN,
)  # fmt: skip
"""All sections, in the order of the reference page."""

Schema = dict[str, object]
_NUMBER: Final = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
_ZERO: Final[Schema] = {"const": 0}


def _unit(pattern: str) -> Schema:
    return {"anyOf": [{"type": "string", "pattern": _NUMBER + pattern + "$"}, _ZERO]}


_TYPES: Final[dict[str, Schema]] = {
    "label": {"type": ["string", "number", "boolean"]},
    "name": {"type": ["string", "integer"]},
    "metric": {"type": ["string", "integer"]},
    "kind of metric": {"enum": list(KINDS)},
    "flag": {"type": "boolean"},
    "integer": {"type": "integer", "minimum": 0},
    "number": {"type": ["number", "string"]},
    "percent": _unit("%"),
    "stream duration": _unit("(ms|s|m|h|d|w)"),
    "real duration": _unit("(ms|s|m|h|d|w)"),
    "quantity": {"type": ["number", "string", "boolean"]},
    "multiple": _unit(r"x\s+champion"),
}


def json_schema() -> Schema:
    """The schema of a whole spec, for editors and for `yaml-language-server`."""
    definitions = {_slug(section.path): _object(section) for section in SECTIONS if section.path}
    definitions["GATE"] = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            "drift": _ref("GATE.drift"),
            "fairness": _ref("GATE.fairness"),
            "any": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/GATE"}}, _ref("GATE.METRIC")]},
            "all": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/GATE"}}, _ref("GATE.METRIC")]},
            "not": {"anyOf": [{"$ref": "#/$defs/GATE"}, _ref("GATE.METRIC")]},
        },
        "additionalProperties": _ref("GATE.METRIC"),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Segue rollout",
        **_object(ROOT),
        "$defs": definitions,
    }


def _object(section: Section) -> Schema:
    return {
        "type": "object",
        "description": section.about,
        "properties": {key.name: {"description": _about(key), **_value(key)} for key in section.keys},
        "required": [key.name for key in section.keys if key.required and not key.only],
        "additionalProperties": False,
    }


def _about(key: Key) -> str:
    return f"{key.about} Default: {key.default}." if not key.required else key.about


def _value(key: Key) -> Schema:
    one = _one(key)
    if key.form == "mapping":
        return {"type": "object", "additionalProperties": one}
    if key.form == "one":
        return one
    if key.type == "attribute":
        return {"type": "array", "items": {"anyOf": [one, {"type": "array", "items": one}]}}
    several: Schema = {"type": "array", "items": one}
    return {"anyOf": [several, one]} if key.type == "source" else several


def _one(key: Key) -> Schema:
    if key.section:
        return _ref(key.section)
    if key.choices:
        return {"enum": list(key.choices)}
    return _TYPES.get(key.type, {"type": "string"})


def _ref(path: str) -> Schema:
    return {"$ref": f"#/$defs/{_slug(path)}"}


def _slug(path: str) -> str:
    return re.sub(r"[^A-Za-z]+", "_", path).strip("_")
