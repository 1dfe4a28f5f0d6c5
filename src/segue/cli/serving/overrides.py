"""`segue kill | lift | killed`: how does a person stop a variant on this machine, though the store may be down?

What is written is a file of the home that every gateway worker of this machine looks at several times a second. Where the store
answers, `segue abort` is the better word: it reaches every machine, and the rollout knows of it.
"""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from segue.cli.options import Dry, HomeFolder, who
from segue.cli.output import Listing, Output, say, show
from segue.errors import DomainError, NotFound
from segue.facts.allocation import Allocation, Directory
from segue.facts.wire.codec import from_json
from segue.wiring import Home, home_at

Route = Annotated[str, Parameter(help="A route that this machine's gateways serve.")]
Variants = Annotated[str, Parameter(help="Variants; all but the champion if none is named.")]
Why = Annotated[str, Parameter(name="--reason", help="Why; kept in the file, told in the gateways' logs.")]


def kill(route: Route, *variants: Variants, reason: Why, dry_run: Dry = False, home: HomeFolder = None) -> None:
    """Ask these variants no more on this machine, neither for answers nor as shadows; their units get the champion.

    Works within a second and without the store. Rows of that time are recorded, and never compared.
    """
    from segue.gateway.override import Override, read, write

    place = home_at(home)
    _check(place, route, variants)
    rule = Override(kill=variants or "all", reason=reason, by=who())
    said = f"{', '.join(variants) or 'all but the champion'} of {route}"
    if dry_run:
        say(f"would kill {said} on this machine")
        return
    with _alone(place):
        rules = read(place.override)
        rules[route] = rule
        write(place.override, rules)
    print(f"killed on this machine: {said}; `segue lift {route}` ends it")


def lift(route: Route, *, dry_run: Dry = False, home: HomeFolder = None) -> None:
    """Let a route's variants be asked again as its allocation says."""
    from segue.gateway.override import read, write

    place = home_at(home)
    with _alone(place):
        rules = read(place.override)
        if route not in rules:
            raise NotFound(f"nothing is killed on this machine for {route!r}", hint=f"killed: {', '.join(rules) or 'nothing'}")
        rule = rules.pop(route)
        if dry_run:
            say(f"would lift what {rule.by or 'somebody'} killed of {route}: {rule.reason}")
            return
        write(place.override, rules)
    print(f"lifted for {route}; it was: {rule.reason}")


def killed(*, output: Output = "table", home: HomeFolder = None) -> None:
    """What is killed on this machine, by whom, and why."""
    from segue.gateway.override import read

    rows: list[dict[str, object]] = [
        {
            "route": route,
            "kill": rule.kill if isinstance(rule.kill, str) else list(rule.kill),
            "by": rule.by,
            "reason": rule.reason,
        }
        for route, rule in read(home_at(home).override).items()
    ]
    columns = {"route": "route", "kill": "kill", "by": "by", "reason": "reason"}
    show(Listing(rows=rows, name="route", columns=columns, empty="nothing is killed on this machine"), output)


def _check(place: Home, route: str, variants: tuple[str, ...]) -> None:
    """Refuse what this machine's gateways know nothing of, as far as they have ever served anything."""
    kept = {file.stem: file for file in (place.run / "gateway").glob("*.json") if not file.stem.startswith("numbers-")}
    if kept and route not in kept:
        raise NotFound(f"no gateway of this machine serves {route!r}", hint=_nearest(route, kept))
    allocation = _allocation(kept.get(route))
    for variant in variants:
        if allocation is not None and variant not in allocation.variants:
            raise NotFound(f"{route} has no variant {variant!r}", hint=_nearest(variant, allocation.variants))
        if allocation is not None and variant == allocation.champion:
            raise DomainError(f"{variant} is the champion of {route}: nobody could answer in its place")


def _allocation(file: Path | None) -> Allocation | None:
    try:
        return None if file is None else from_json(Directory, file.read_bytes()).allocation
    except (OSError, DomainError):
        return None  # in an emergency a word more is no hindrance


def _nearest(wrong: str, right: Iterable[str]) -> str:
    known = sorted(right)
    close = get_close_matches(wrong, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known) or 'none'}"


@contextmanager
def _alone(place: Home) -> Iterator[None]:
    """Two people at the same time are one after the other."""
    with place.override.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
