"""`segue key`: who may ask which route?"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.options import Dry, HomeFolder
from segue.cli.output import Listing, Output, say, show
from segue.errors import DomainError
from segue.facts.allocation import Key
from segue.wiring import home_at, stores_of

app = App(name="key", help="Who may ask the routes that ask for keys.")
Days = Annotated[float, Parameter(name="--days", help="After so many days it opens nothing any more; 0 for never.")]


@app.command
def add(route: str, name: str, *, days: Days = 0.0, dry_run: Dry = False, home: HomeFolder = None) -> None:
    """Make a key of a route for somebody, and show it, once: only its hash is kept.

    It opens the route within a second, and is asked for where the gateway's `keyed` names the route.
    """
    from segue.gateway.request.keys import new_key

    if not route or not name.strip():
        raise DomainError("a key is of a route, and somebody's", hint="segue key add churn team-a")
    if days < 0:
        raise DomainError(f"a key of {days:g} days", hint="0 for one that never ends")
    now = datetime.now(UTC)
    key, token = new_key(route, name, now, now + timedelta(days=days) if days else None)
    if dry_run:
        say(f"would add a key of {route} for {name}")
        return
    with stores_of(home_at(home)) as stores:
        stores.keys.add(key)
    say(f"key {key.id} of {route} for {name}; it is not shown again:")
    print(token)


@app.command(name="list")
def list_(route: str = "", *, output: Output = "table", home: HomeFolder = None) -> None:
    """All keys, or those of a route; never the keys themselves."""
    now = datetime.now(UTC)
    with stores_of(home_at(home)) as stores:
        rows: list[dict[str, object]] = [
            {
                "id": key.id,
                "route": key.route,
                "name": key.name,
                "state": _state(key, now),
                "created": key.created_at.isoformat(timespec="seconds"),
                "expires": key.expires_at.isoformat(timespec="seconds") if key.expires_at else "",
            }
            for key in stores.keys.keys(route)
        ]
    columns = {"id": "id", "route": "route", "name": "name", "state": "state", "created": "created", "expires": "expires"}
    show(Listing(rows=rows, name="id", columns=columns, empty="there is no key"), output)


@app.command
def revoke(key: str, *, dry_run: Dry = False, home: HomeFolder = None) -> None:
    """Let a key, named by its id, open nothing within a second; twice is once."""
    with stores_of(home_at(home)) as stores:
        if dry_run:
            say(f"would revoke {key}")
            return
        revoked = stores.keys.revoke(key, datetime.now(UTC))
    print(f"key {revoked.id} of {revoked.route} for {revoked.name} opens nothing any more")


def _state(key: Key, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "valid"
