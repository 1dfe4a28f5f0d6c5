"""`segue assign`: which variant does a unit get, and why?"""

from typing import Annotated

from cyclopts import Parameter

from segue.cli.options import HomeFolder
from segue.cli.output import Output, show_one
from segue.decide.gates.texts import percent
from segue.errors import DomainError, NotFound
from segue.wiring import Home, home_at, stores_of


def assign(
    unit: Annotated[str, Parameter(help="Whom or what is asked about: a user's id, as the rollout file's `unit` finds it.")],
    *,
    route: Annotated[str, Parameter(help="The route; may be left out where there is one only.")] = "",
    context: Annotated[
        list[str] | None, Parameter(name=["--context", "-c"], negative="", help="`attribute=value`, may be repeated.")
    ] = None,
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """The variant that a unit gets now, its bucket, and how probable that was."""
    from segue.assign.buckets import bucket, prefix_of
    from segue.assign.draw import Assigner

    place = home_at(home)
    with stores_of(place) as stores:
        name = route or only_route(place)
        directory = stores.allocations.directory(name)
    if directory is None:
        raise NotFound(f"nothing is published for {name}")
    allocation = directory.allocation
    attributes = dict(_pair(pair) for pair in context or [])
    drawn = Assigner(allocation).assign(unit, attributes)
    number = bucket(prefix_of(allocation.split.salt, allocation.split.kind), unit)
    answer = {
        "unit": unit,
        "variant": drawn.variant,
        "propensity": drawn.propensity,
        "comparable": drawn.comparable,
        "bucket": number,
        "allocation": allocation.number,
        "stage": allocation.stage,
        "context": attributes,
        "shadows": [shadow.variant for shadow in allocation.shadows],
    }
    by = "drawn at random" if drawn.comparable else "served by rule, never compared"
    text = (
        f"{unit} gets {drawn.variant} with probability {percent(drawn.propensity)} ({by}): "
        f"bucket {number:,} of allocation {allocation.number}" + (f", stage {allocation.stage}" if allocation.stage else "")
    )
    show_one(answer, output, text)


def _pair(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals:
        raise DomainError(f"{pair!r} is no attribute=value")
    return name, value


def only_route(place: Home) -> str:
    """The route of an installation that has one.

    Raises:
        NotFound: it has none.
        DomainError: it has several.
    """
    with stores_of(place) as stores:
        routes = sorted({loaded.state.route for loaded in stores.rollouts.rollouts(standing=True)})
    if not routes:
        raise NotFound("there is no rollout yet", hint="segue up -f rollout.yaml")
    if len(routes) > 1:
        raise DomainError("there are several routes", hint=f"name one of {', '.join(routes)}")
    return routes[0]
