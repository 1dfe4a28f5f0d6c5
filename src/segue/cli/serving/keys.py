"""`segue key`: who may ask which route?"""

import re
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.options import Dry, HomeFolder, RouteName, Server, people_at
from segue.cli.output import Listing, Output, say, show
from segue.errors import DomainError
from segue.spec.document.head import ROUTE_NAME

app = App(name="key", help="Who may ask the routes that ask for keys.")
Days = Annotated[float, Parameter(name="--days", help="After so many days it opens nothing any more; 0 for never.")]


@app.command
def add(
    route: RouteName,
    name: Annotated[str, Parameter(help="Whose it is.")],
    *,
    days: Days = 0.0,
    dry_run: Dry = False,
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """Make a key of a route for somebody, and show it, once: only its hash is kept.

    It opens the route within a second, and is asked for where the gateway's `keyed` names the route.
    """
    from segue.api.views import KeyAsked

    if not route or not name.strip():
        raise DomainError("a key is of a route, and somebody's", hint="segue key add churn team-a")
    if not re.fullmatch(ROUTE_NAME, route):
        raise DomainError(f"{route!r} is no name of a route", hint="letters, digits, `.`, `_` and `-`, at most 63")
    if days < 0:
        raise DomainError(f"a key of {days:g} days", hint="0 for one that never ends")
    if dry_run:
        say(f"would add a key of {route} for {name}")
        return
    with people_at(home, server) as desk:
        made = desk.add_key(KeyAsked(route=route, name=name, days=days))
    say(f"key {made.key.id} of {route} for {name}; it is not shown again:")
    print(made.secret)


@app.command(name="list")
def list_(route: RouteName = "", *, output: Output = "table", server: Server = "", home: HomeFolder = None) -> None:
    """All keys, or those of a route; never the keys themselves."""
    with people_at(home, server) as desk:
        rows: list[dict[str, object]] = [
            {
                "id": key.id,
                "route": key.route,
                "name": key.name,
                "state": key.state,
                "created": key.created_at.isoformat(timespec="seconds"),
                "expires": key.expires_at.isoformat(timespec="seconds") if key.expires_at else "",
            }
            for key in desk.keys(route)
        ]
    columns = {"id": "id", "route": "route", "name": "name", "state": "state", "created": "created", "expires": "expires"}
    show(Listing(rows=rows, name="id", columns=columns, empty="there is no key"), output)


@app.command
def revoke(
    key: Annotated[str, Parameter(help="Its id, from `segue key list`.")],
    *,
    dry_run: Dry = False,
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """Let a key, named by its id, open nothing within a second; twice is once."""
    if dry_run:
        say(f"would revoke {key}")
        return
    with people_at(home, server) as desk:
        revoked = desk.revoke_key(key)
    print(f"key {revoked.id} of {revoked.route} for {revoked.name} opens nothing any more")
