"""`segue api` and `segue token`: who may ask over HTTP, and where is it answered?"""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.options import Dry, HomeFolder, Server, people_at
from segue.cli.output import Listing, Output, say, show
from segue.cli.serving.gateway import Address, Port
from segue.cli.serving.logs import log_to_stderr
from segue.errors import DomainError
from segue.extras import installing
from segue.ports.access import Role
from segue.wiring import home_at, stores_of

app = App(name="token", help="Who may ask the API.")
Certificate = Annotated[Path | None, Parameter(help="File with its certificate, PEM: it speaks TLS.", show_default=False)]
TlsKey = Annotated[Path | None, Parameter(help="File with the certificate's key, PEM.", show_default=False)]
Also = Annotated[
    list[str] | None,
    Parameter(name="--also", negative="", help="A further role, as a rollout file's `approve` names it; may be repeated."),
]
Days = Annotated[float, Parameter(name="--days", help="After so many days it opens nothing any more; 0 for never.")]


def api(
    *,
    address: Address = "127.0.0.1",
    port: Port = 8090,
    certificate: Certificate = None,
    key: TlsKey = None,
    home: HomeFolder = None,
) -> int:
    """The REST API; its description is at /openapi.json.

    While there is no token it listens on loopback only, and whoever reaches it may do everything.
    """
    try:
        from segue.api.server import ApiSettings, run
    except ModuleNotFoundError as error:
        raise DomainError(f"the API needs {error.name}", hint=installing("api")) from error
    from segue.api.opening import office_of

    log_to_stderr()
    place = home_at(home)
    settings = ApiSettings(address=address, port=port, certificate=certificate, key=key)
    with stores_of(place) as stores:
        run(office_of(place, stores, guarded=not settings.loopback), settings)
    return 0


@app.command
def add(
    name: Annotated[str, Parameter(help="Whose it is; stands in the record of what they do.")],
    *,
    role: Annotated[Role, Parameter(help="What it may do; each may do what those before it may.")] = "viewer",
    also: Also = None,
    days: Days = 0.0,
    dry_run: Dry = False,
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """Make a token for somebody, and show it, once: only its hash is kept. Their name stands in the record of what they do."""
    from segue.api.views import TokenAsked

    if not name.strip():
        raise DomainError("a token is somebody's", hint="segue token add ana --role operator")
    if days < 0:
        raise DomainError(f"a token of {days:g} days", hint="0 for one that never ends")
    if dry_run:
        say(f"would add a token of {name}, {role}")
        return
    with people_at(home, server) as desk:
        made = desk.add_token(TokenAsked(name=name, role=role, also=also or [], days=days))
    say(f"token {made.token.id} of {name}, {role}; it is not shown again:")
    print(made.secret)


@app.command(name="list")
def list_(*, output: Output = "table", server: Server = "", home: HomeFolder = None) -> None:
    """All tokens; never the tokens themselves."""
    with people_at(home, server) as desk:
        views = desk.tokens()
    rows: list[dict[str, object]] = [
        {
            "id": it.id,
            "name": it.name,
            "role": it.role,
            "also": it.also,
            "state": it.state,
            "created": it.created_at.isoformat(timespec="seconds"),
            "expires": it.expires_at.isoformat(timespec="seconds") if it.expires_at else "",
        }
        for it in views
    ]
    columns = {name: name for name in ("id", "name", "role", "also", "state", "created", "expires")}
    show(Listing(rows=rows, name="id", columns=columns, empty="there is no token"), output)


@app.command
def revoke(
    token: Annotated[str, Parameter(help="Its id, from `segue token list`.")],
    *,
    dry_run: Dry = False,
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """Let a token, named by its id, open nothing from now on; twice is once."""
    if dry_run:
        say(f"would revoke {token}")
        return
    with people_at(home, server) as desk:
        revoked = desk.revoke_token(token)
    print(f"token {revoked.id} of {revoked.name} opens nothing any more")
