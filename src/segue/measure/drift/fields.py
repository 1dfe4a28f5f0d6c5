"""Where in a row is the value of a profile's column?

The lake keeps a request's features as JSON text. A name is the key of an object, with the place in a list behind it where the
value is one of many: `age`, `inputs[3]`, `inputs[0][3]`. All names are taken out of the text in one reading of it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from segue.errors import DomainError
from segue.facts.drift.profile import FeatureProfile, Profile
from segue.measure.expressions import quoted

_NAME: Final = re.compile(r"([^\[\]\"]+)((?:\[\d{1,9}\])*)")
_WHOLE: Final = re.compile(r"-?\d+(\.5)?")
VALUES: Final = "v"
"""The column that holds the list of the values that were taken out."""


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a profile as SQL over a row.

    Args:
        present: whether there is any value, a boolean.
        value: a DOUBLE, or a VARCHAR; NULL where what is present is not of that kind.
        nan_is_missing: what a NaN means: that there is no value, or (False) that there is one which is no number.
    """

    present: str
    value: str
    nan_is_missing: bool = False


def path(name: str) -> str:
    """A feature's name as a path into the JSON text.

    Raises:
        DomainError: the name is none.

    >>> path("age"), path("inputs[0][3]")
    ('$."age"', '$."inputs"[0][3]')
    """
    matched = _NAME.fullmatch(name)
    if matched is None:
        raise DomainError(f"{name!r} names no feature", hint="a key, or a key and a place in its list: inputs[3]")
    return f'$."{matched[1]}"{matched[2]}'


def extracted(features: Sequence[FeatureProfile], column: str) -> str:
    """SQL for the list of all features' values, as texts, out of a column of JSON text; parsed once a row."""
    paths = ", ".join(quoted(path(feature.name)) for feature in features)
    return f"json_extract_string({column}, [{paths}])"


def out_of_json(features: Sequence[FeatureProfile]) -> tuple[Field, ...]:
    """The fields of the list that `extracted` makes, named `VALUES`."""
    return tuple(_field(feature, f"{VALUES}[{place}]", text=True) for place, feature in enumerate(features, start=1))


def plain(features: Sequence[FeatureProfile]) -> bool:
    """Whether all names are keys of the object itself, and none is another one in capitals: what `typed` can read."""
    names = {feature.name.casefold() for feature in features}
    return len(names) == len(features) and not any("[" in name for name in names)


def typed(features: Sequence[FeatureProfile], column: str) -> str:
    """SQL for one struct of all features' values, each in its own type; half the work of the texts."""
    shape = {_key(feature): "DOUBLE" if feature.kind == "numeric" else "VARCHAR" for feature in features}
    return f"from_json({column}, {quoted(json.dumps(shape, ensure_ascii=False))})"


def typed_fields(features: Sequence[FeatureProfile]) -> tuple[Field, ...]:
    """The fields of the struct that `typed` makes, named `VALUES`, of rows that have the text, `features`, as well.

    They are what `out_of_json` gives. The text is asked again where the struct does not tell: a number that is none from one
    that is missing, and `true` from 1.
    """
    return tuple(_typed_field(feature) for feature in features)


def _typed_field(feature: FeatureProfile) -> Field:
    value, again = f'{VALUES}."{_key(feature)}"', f"json_extract_string(features, {quoted(path(feature.name))})"
    if feature.kind == "categorical":
        return _field(feature, value, text=True)
    number = f"CASE WHEN {value} NOT IN (0, 1) OR {again} NOT IN ('true', 'false') THEN {value} END"
    return Field(present=f"{again} IS NOT NULL", value=number)


def _key(feature: FeatureProfile) -> str:
    path(feature.name)  # refuses what is no name
    return feature.name


def of_prediction(profile: Profile) -> tuple[Field, ...]:
    """The fields of label and score, where the profile knows them, in the columns of the lake."""
    named = ((profile.label, "label", True), (profile.score, "score", False))
    return tuple(_field(column, name, text=text) for column, name, text in named if column is not None)


def of_columns(features: Sequence[FeatureProfile], columns: Mapping[str, str]) -> tuple[Field, ...]:
    """The fields of a table that has a column for each feature: name -> SQL of a number or a text.

    Raises:
        DomainError: a feature has no column.
    """
    missing = [feature.name for feature in features if feature.name not in columns]
    if missing:
        raise DomainError(f"there is no column for {', '.join(missing)}")
    return tuple(_field(feature, columns[feature.name], text=False) for feature in features)


def _field(feature: FeatureProfile, column: str, *, text: bool) -> Field:
    if feature.kind == "numeric":
        value = f"TRY_CAST({column} AS DOUBLE)" if text else column
        return Field(present=f"{column} IS NOT NULL", value=value, nan_is_missing=not text)
    value = column if text else f"CAST({column} AS VARCHAR)"
    if any(_WHOLE.fullmatch(category) for category in feature.categories):  # 1.0 and 1 are one category
        value = f"regexp_replace({value}, '^(-?[0-9]+)\\.0$', '\\1')"
    return Field(present=f"{column} IS NOT NULL", value=value)
