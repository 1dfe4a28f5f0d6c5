"""`segue audit`: who did what and when, and has anybody changed the record of it?"""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import App, Parameter, validators

from segue.cli.options import HomeFolder, Server, people_at
from segue.cli.output import Listing, Output, errors, say, show
from segue.ports.audit import GENESIS, Entry, faults
from segue.report.words import many

if TYPE_CHECKING:
    from segue.api.doing.people import PeopleDesk
    from segue.api.remote import RemoteDesk

app = App(name="audit", help="Who did what, in a log that cannot be changed unnoticed.")
Subject = Annotated[str, Parameter(help="Only of one rollout, route, `model/version` or key.")]


@app.command(name="list")
def list_(
    *,
    subject: Subject = "",
    last: Annotated[int, Parameter(help="So many of the newest entries; 0 for all.", validator=validators.Number(gte=0))] = 50,
    output: Output = "table",
    server: Server = "",
    home: HomeFolder = None,
) -> None:
    """The newest entries, oldest of them first."""
    with people_at(home, server) as desk:
        entries = desk.latest(last, subject) if last > 0 else desk.entries(subject)
        rows = [_row(entry) for entry in entries]
    columns = {"no": "number", "at": "at", "deed": "what", "of": "subject", "by": "who", "why": "why"}
    wide = {"facts": "facts", "digest": "digest"}
    show(Listing(rows=rows, name="number", columns=columns, wide=wide, empty="nothing has happened yet"), output)


@app.command
def verify(*, server: Server = "", home: HomeFolder = None) -> int:
    """Recompute the chain of digests, and compare each decision with what the log says of it; status 1 where one differs."""
    with people_at(home, server) as desk:
        entries = list(desk.entries())
        found = [*faults(entries), *_changed(desk, entries)]
    for fault in found:
        print(fault)
    if found:
        errors.print(many(len(found), "fault"), style="red")
        return 1
    print(f"{many(len(entries), 'entry', 'entries')}, whole; the last digest is {entries[-1].digest if entries else GENESIS}")
    say("keep that digest elsewhere: with it, nobody can rewrite what came before")
    return 0


@app.command
def export(*, subject: Subject = "", server: Server = "", home: HomeFolder = None) -> None:
    """Every entry as a line of JSON, oldest first, for keeping elsewhere."""
    with people_at(home, server) as desk:
        for entry in desk.entries(subject):
            sys.stdout.write(msgspec.json.encode(entry).decode() + "\n")


def _changed(desk: "PeopleDesk | RemoteDesk", entries: list[Entry]) -> Iterator[str]:
    """Decisions that are not what they were when the log was written."""
    from segue.facts.wire.codec import to_json
    from segue.ids import digest

    said = {entry.facts["decision"]: entry for entry in entries if entry.deed == "decided"}
    there = set()
    for rollout in dict.fromkeys(entry.subject for entry in said.values()):
        for decision in desk.decided(rollout):
            there.add(decision.id)
            if decision.id not in said:
                yield f"decision {decision.id} of {rollout} is in no entry"
            elif digest(to_json(decision)) != said[decision.id].facts["body"]:
                yield f"decision {decision.id} of {rollout} was changed since entry {said[decision.id].number}"
    yield from (f"decision {name} of entry {entry.number} is gone" for name, entry in said.items() if name not in there)


def _row(entry: Entry) -> dict[str, object]:
    row: dict[str, object] = msgspec.to_builtins(entry)
    row["at"] = entry.at.isoformat(timespec="seconds")
    kind = entry.facts.get("trigger") or entry.facts.get("kind") or ""
    row["what"] = f"{entry.deed} {kind}".strip().replace("_", " ")
    return row
