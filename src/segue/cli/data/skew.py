"""`segue skew` and `segue segments`: the records beside the offline pipeline, and beside each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from segue.cli.options import Engine, HomeFolder, RolloutName, RouteName
from segue.cli.output import Listing, Output, say, show
from segue.errors import DomainError
from segue.evidence.drift.skew import Tolerance
from segue.facts.drift.findings import FeatureSkew, SegmentAgreement, SegmentDifference
from segue.wiring import home_at, outside_of

ID = "request_id"


def skew(
    route: RouteName,
    file: Annotated[Path, Parameter(help="The offline pipeline's values: CSV or Parquet, a row a request.")],
    *,
    version: Annotated[str, Parameter(help="Whose predictions the file holds; left out: those of whoever answered.")] = "",
    within: Annotated[float, Parameter(help="How far two numbers may be apart and be the same, relative.")] = 1e-6,
    engine: Engine = "duckdb",
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """Training-serving skew: values as served against the offline pipeline's, for the same requests.

    FILE is CSV or Parquet with a column `request_id`, a column for each feature, and `label` and `score` where the
    offline model predicted too. Each value is the same, different, or known to one side only.
    """
    from segue.monitor.telling.comparing import Offline, skewed

    offline = Offline(rows=_rows(file), columns=tuple(name for name in _columns(file) if name != ID), version=version)
    with outside_of(home_at(home), engine=engine) as outside:
        found = skewed(outside, route, offline, Tolerance(relative=within))
    say(f"{found.joined:,} requests on both sides, {found.not_served:,} of the file were never recorded")
    rows = [_skew_row(column) for column in found.columns]
    columns = {name: name for name in ("column", "skew", "same", "different", "served only", "offline only", "neither")}
    wide = {"largest": "largest", "examples": "examples"}
    show(Listing(rows=rows, name="column", columns=columns, wide=wide, empty="nothing to compare"), output)


def segments(
    rollout: RolloutName,
    metric: Annotated[str, Parameter(help="Of the spec; or `agreement`: where the two answer differently, without outcomes.")],
    *,
    least: Annotated[int, Parameter(help="Rows of each variant that a segment needs.")] = 50,
    every: Annotated[bool, Parameter(name="--all", negative="", help="All of them, not the first twenty.")] = False,
    engine: Engine = "duckdb",
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """Where candidate and champion differ most: all values of the spec's context and their pairs, false discoveries held."""
    from segue.monitor.begin import find
    from segue.monitor.telling.comparing import disagreeing
    from segue.monitor.telling.comparing import segments as compare
    from segue.spec.metric import AGREEMENT

    with outside_of(home_at(home), engine=engine) as outside:
        loaded = find(outside, rollout)
        if metric == AGREEMENT.name:
            found = [_agreement_row(it) for it in disagreeing(outside, loaded, least)]
            names: tuple[str, ...] = ("segment", "different", "elsewhere", "between", "p", "q", "n")
            wide = {}
        else:
            found = [_segment_row(it) for it in compare(outside, loaded, metric, least)]
            names = ("segment", "candidate", "champion", "difference", "between", "p", "q", "n")
            wide = {"n champion": "n champion"}
    rows = found if every else found[:20]
    if len(rows) < len(found):
        say(f"{len(found):,} segments were compared; --all shows them")
    columns = {name: name for name in names}
    show(Listing(rows=rows, name="segment", columns=columns, wide=wide, empty="no segment is large enough yet"), output)


def _skew_row(found: FeatureSkew) -> dict[str, object]:
    return {
        "column": found.column,
        "skew": None if found.rate is None else f"{100 * found.rate:.3g} %",
        "rate": found.rate,
        "same": found.same,
        "different": found.different,
        "served only": found.served_only,
        "offline only": found.offline_only,
        "neither": found.neither,
        "largest": found.largest,
        "examples": list(found.examples),
    }


def _segment_row(found: SegmentDifference) -> dict[str, object]:
    return {
        "segment": ", ".join(f"{name}={value}" for name, value in found.segment.items()),
        "candidate": found.candidate,
        "champion": found.champion,
        "difference": found.difference,
        "between": f"{found.low:.4g} and {found.high:.4g}",
        "low": found.low,
        "high": found.high,
        "p": found.p_value,
        "q": found.q_value,
        "n": found.n_candidate,
        "n champion": found.n_champion,
    }


def _agreement_row(found: SegmentAgreement) -> dict[str, object]:
    return {
        "segment": ", ".join(f"{name}={value}" for name, value in found.segment.items()),
        "different": found.different,
        "elsewhere": found.elsewhere,
        "between": f"{found.low:.4g} and {found.high:.4g}",
        "low": found.low,
        "high": found.high,
        "p": found.p_value,
        "q": found.q_value,
        "n": found.n,
    }


def _columns(file: Path) -> Mapping[str, object]:
    from segue.adapters.tables import columns_of

    return columns_of(file)


def _rows(file: Path) -> dict[str, dict[str, object]]:
    from segue.adapters.tables import columns_of

    columns = columns_of(file)
    if ID not in columns:
        raise DomainError(f"{file} has no column {ID}", hint=f"columns: {', '.join(columns)}")
    lists = {name: list(values) for name, values in columns.items()}
    ids = [str(int(value)) if isinstance(value, float) and value.is_integer() else str(value) for value in lists[ID]]
    return {request: {name: lists[name][row] for name in lists if name != ID} for row, request in enumerate(ids)}
