"""What did a version see in training, and how does it read?"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from segue.cli.output import Listing
from segue.facts.drift.profile import FeatureProfile, Profile

ProfileFile = Annotated[
    Path | None, Parameter(help="The training data, CSV or Parquet: its profile is kept with the version. Values are not kept.")
]
LabelColumn = Annotated[str, Parameter(name="--profile-label", help="Its column of the version's own predicted labels.")]
ScoreColumn = Annotated[str, Parameter(name="--profile-score", help="Its column of the version's own scores.")]
TruthColumn = Annotated[str, Parameter(name="--profile-truth", help="Its column of true labels; with scores, it calibrates.")]
Positive = Annotated[str, Parameter(name="--profile-positive", help="The true label that a score speaks of.")]
LeftOut = Annotated[
    list[str] | None, Parameter(name="--profile-without", negative="", help="A column that is no feature; may be repeated.")
]


def read_profile(file: Path, *, label: str, score: str, truth: str, positive: str, left_out: list[str] | None) -> Profile:
    """The profile of a training file.

    Raises:
        DomainError: the file cannot be read, or lacks a column.
    """
    from segue.adapters.tables import columns_of, named
    from segue.evidence.drift.profiling import Roles, profile_of

    roles = Roles(label=label, score=score, truth=truth, positive=positive, left_out=tuple(left_out or ()))
    return profile_of(columns_of(file), roles, source=named(file))


def listing(profile: Profile) -> Listing:
    """A profile as rows, one a column."""
    kinds = {id(profile.label): "label", id(profile.score): "score"}
    rows: list[dict[str, object]] = [_row(column, kinds.get(id(column), "feature")) for column in profile.columns]
    columns = {"column": "column", "role": "role", "kind": "kind", "missing": "missing", "values": "values"}
    wide = {"bins": "bins", "mean": "mean", "std": "std"}
    return Listing(rows=rows, name="column", columns=columns, wide=wide, empty="the profile has no column")


def _row(column: FeatureProfile, role: str) -> dict[str, object]:
    return {
        "column": column.name,
        "role": role,
        "kind": column.kind,
        "missing": f"{100 * column.missing / column.rows:.2f} %",
        "values": _values(column),
        "bins": len(column.counts),
        "mean": column.mean,
        "std": column.std,
        "counts": dict(zip(column.bins, column.counts, strict=True)),
    }


def _values(column: FeatureProfile) -> str:
    if column.kind == "numeric":
        at = dict(column.quantiles)
        shown = [f"{at[share]:.4g}" for share in (0.0, 0.25, 0.5, 0.75, 1.0) if share in at]
        return "quartiles " + " | ".join(shown) if shown else "none"
    ranked = sorted(zip(column.counts, column.categories, strict=False), key=lambda it: (-it[0], it[1]))
    shown = [f"{text} {100 * count / column.rows:.1f} %" for count, text in ranked[:3]]
    more = len(ranked) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
