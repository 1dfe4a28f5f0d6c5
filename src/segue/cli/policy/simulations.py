"""`segue simulate`: what would this policy do, in worlds where the truth is known?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from cyclopts import Parameter

from segue.cli.options import HomeFolder
from segue.cli.output import Output, Progress, say, show_one
from segue.cli.policy.specs import NOTHING, Page, Supposed, assumed_of, loaded
from segue.errors import DomainError, near_miss

if TYPE_CHECKING:
    from segue.planning.assumptions import Assumed
    from segue.simulate.tally import Tally
    from segue.simulate.worlds.recorded import Recorded
    from segue.simulate.worlds.world import World
    from segue.spec.rollout import Rollout

Files = Annotated[
    list[Path],
    Parameter(name=["--file", "-f"], help="Rollout files: one policy each, compared in the same worlds.", negative=""),
]
OnDays = Annotated[
    str,
    Parameter(
        help="A rollout whose days in the lake the simulated ones are like, instead of made-up ones.", show_default=False
    ),
]
Names = Annotated[tuple[str, ...], Parameter(negative="", help="Only these worlds, by name (`better`, `same`, `edge 1`...).")]


def simulate(
    files: Files,
    *,
    runs: Annotated[int, Parameter(help="Rollouts in each world.")] = 200,
    days: Annotated[float, Parameter(help="Days after which a rollout that is not over is left alone.")] = 30.0,
    seed: Annotated[int, Parameter(help="The same seed gives the same numbers.")] = 1,
    workers: Annotated[int, Parameter(help="Processes.")] = 1,
    approve_after: Annotated[float, Parameter(help="Days that people take to approve.")] = 0.0,
    world: Names = (),
    supposed: Supposed = NOTHING,
    recorded: OnDays = "",
    html: Page = None,
    output: Output = "table",
    home: HomeFolder = None,
) -> None:
    """How often a policy would be wrong, how soon it would be right, and whom it would hurt, in worlds whose truth is known."""
    from segue.simulate.many import Asking, simulate
    from segue.simulate.telling.page import simulated_page
    from segue.simulate.telling.words import Told, told
    from segue.simulate.worlds.battery import battery, on_real_days

    asking = Asking(runs=runs, days=days, seed=seed, workers=workers, approve_after_days=approve_after)
    tallies: list[Tally] = []
    notes = {}
    for file in files:
        spec = loaded(file)
        assumed = assumed_of(spec, supposed, home)
        real = _recorded(spec, recorded, home) if recorded else None
        tried = battery(spec, assumed if real is None else assumed.or_else(real.assumed))
        worlds = tried.worlds if real is None else on_real_days(tried, real.days, recorded)
        notes[file.name] = (*tried.notes, *(() if real is None else real.notes))
        within = asking if real is None else msgspec.structs.replace(asking, recorded=real.days)
        with Progress() as progress:
            walks = _Walks(file.name, runs, progress)
            tallies += simulate(file.name, tried.spec, _chosen(worlds, world), within, say=walks.say)
    found = Told(tallies=tuple(tallies), days=days, notes=notes)
    if html is not None:
        html.write_text(simulated_page(found), encoding="utf-8")
        say(f"page: {html}")
    show_one(found, output, told(found))


class _Real(NamedTuple):
    """What the lake has of a rollout: its days, what they say of the champion, and what has to be known of them."""

    days: "Recorded"
    assumed: "Assumed"
    notes: tuple[str, ...]


def _recorded(spec: "Rollout", name: str, home: Path | None) -> _Real:
    """The days of a rollout, counted anew from the lake by this policy's metrics."""
    from segue.monitor.begin import find
    from segue.monitor.telling.recounting import recounted
    from segue.planning.observed import observed
    from segue.simulate.worlds.recorded import recorded
    from segue.wiring import home_at, outside_of

    with outside_of(home_at(home)) as outside:
        loaded = find(outside, name)
        rollout, route = loaded.state.rollout, loaded.state.route
        say(f"counting the days of {rollout} in the lake")
        cells = recounted(outside, loaded, spec)
        allocations = outside.allocations.allocations(route, rollout=rollout)
        decisions = outside.rollouts.decisions(rollout)
    shadows = {(it.number, shadow.variant) for it in allocations for shadow in it.shadows}
    chosen = {it.number for it in allocations if it.audiences}
    days = recorded(cells, spec.champion, shadows=shadows, chosen=chosen)
    assumed = observed(spec, loaded.state, decisions=decisions, cells=cells, allocations=allocations)
    notes = (
        f"{days.days} whole days of {rollout}, drawn with replacement: traffic and rates of each hour are theirs",
        "what another candidate would have answered is in no record: but for `recorded`, it is the recorded champion, moved",
        "pairs differ as often in each hour; a unit is seen once; two values stand for all of a metric that is no share",
    )
    return _Real(days, msgspec.structs.replace(assumed, requests=float(days.traffic.sum(axis=1).mean())), notes)


def _chosen(worlds: "tuple[World, ...]", names: tuple[str, ...]) -> "tuple[World, ...]":
    known = {world.name: world for world in worlds}
    for name in names:
        if name not in known:
            raise DomainError(f"there is no world `{name}`", hint=near_miss(name, known) or ", ".join(known))
    return tuple(known[name] for name in names) if names else worlds


class _Walks(NamedTuple):
    """How far the worlds of a policy are: a line that grows on a terminal, and one a world elsewhere."""

    policy: str
    runs: int
    progress: Progress

    def say(self, world: "World", done: int) -> None:
        """So many rollouts of a world are over."""
        if done == self.runs or (self.progress.live and done % 10 == 0):
            self.progress.passing(f"{self.policy}: {world.name}, {done} of {self.runs} rollouts")
