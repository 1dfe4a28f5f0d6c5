"""How are thousands of rollouts simulated, with progress, on as many cores as one likes?"""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence

import msgspec

from segue.errors import DomainError
from segue.simulate.seen.lenses import Lens
from segue.simulate.tally import Tally, tally
from segue.simulate.walk import Run, Walker
from segue.simulate.worlds.recorded import Recorded
from segue.simulate.worlds.world import World
from segue.spec.rollout import Rollout


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """How much is simulated.

    Args:
        runs: rollouts in each world, at least 1.
        days: after which a rollout that is not over is left alone.
        seed: the same seed gives the same numbers, on any number of workers.
        workers: processes.
        approve_after_days: that people take to say yes to a stage that asks for it.
        recorded: real days that the simulated ones are like; None for those of the worlds.

    Raises:
        DomainError: nothing to simulate.
    """

    runs: int = 200
    days: float = 30.0
    seed: int = 1
    workers: int = 1
    approve_after_days: float = 0.0
    recorded: Recorded | None = None

    def __post_init__(self) -> None:
        if self.runs < 1 or self.days <= 0 or self.workers < 1:
            raise DomainError(f"{self.runs} rollouts of {self.days:g} days on {self.workers} workers", hint="all above 0")


Say = Callable[[World, int], None]


def simulate(policy: str, spec: Rollout, worlds: Sequence[World], asking: Asking, *, say: Say) -> Iterator[Tally]:
    """One tally a world, in order; `say` hears after each rollout how many of the world's are done."""
    for number, world in enumerate(worlds):
        seeds = [(asking.seed, number, run) for run in range(asking.runs)]
        found = []
        for run in _runs(spec, world, asking, seeds):
            found.append(run)
            say(world, len(found))
        yield tally(policy, world, found)


def _runs(spec: Rollout, world: World, asking: Asking, seeds: list[tuple[int, int, int]]) -> Iterator[Run]:
    if asking.workers == 1:
        lenses: dict[str, Lens] = {}
        yield from (walked(spec, world, asking, seed, lenses=lenses) for seed in seeds)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(asking.workers, _remember, (spec, world, asking)) as pool:
        yield from pool.imap(_walked, seeds, chunksize=max(asking.runs // (asking.workers * 8), 1))


def walked(spec: Rollout, world: World, asking: Asking, seed: tuple[int, ...], *, lenses: dict[str, Lens] | None = None) -> Run:
    """One rollout; the seed alone decides what happens in it.

    Args:
        spec: the policy.
        world: what is true.
        asking: for how long, and who approves.
        seed: of this rollout.
        lenses: what rollouts of this policy in this world have asked so far, so that each finds it and adds to it.
    """
    walker = Walker(
        spec,
        world,
        seed,
        days=asking.days,
        approve_after_days=asking.approve_after_days,
        recorded=asking.recorded,
        lenses={} if lenses is None else lenses,
    )
    return walker.run()


_KNOWN: dict[str, tuple[Rollout, World, Asking, dict[str, Lens]]] = {}


def _remember(spec: Rollout, world: World, asking: Asking) -> None:
    _KNOWN["here"] = (spec, world, asking, {})


def _walked(seed: tuple[int, ...]) -> Run:
    spec, world, asking, lenses = _KNOWN["here"]
    return walked(spec, world, asking, seed, lenses=lenses)
