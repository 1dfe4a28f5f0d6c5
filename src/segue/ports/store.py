"""Where does the state of rollouts rest, so that any process may die between any two lines?

Duties of every implementation: a call is one transaction; what a call returned is durable; facts go in and come out by
value; a lost connection is `Unavailable`, a stale token is `Conflict` and changes nothing, an unknown id is `NotFound`.
Any number of processes may call at once.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from segue.facts.allocation import Allocation, Directory, Endpoint, Key
from segue.facts.decision import Act, Command, Decision, State
from segue.facts.summary import Answer, Cell
from segue.ports.span import WHOLE, Span

Wake = Callable[[], None]
"""Called from a thread of the store's. It says that something may have changed, never what; it may be late, repeated or lost:
whoever listens polls all the same."""

End = Callable[[], None]
"""Ends what was begun; twice is once."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout as it rests: its state, its spec as written, and the token that a save needs.

    Args:
        spec_source: as it was begun with.
        token: grows with each save; a save with an older one is a Conflict.
        salt: of its splits; kept by a retry.
    """

    state: State
    spec_source: str
    salt: str
    token: int

    @property
    def source(self) -> str:
        """The text of the spec in force: as it was begun with, or as it was amended last."""
        return self.state.amended or self.spec_source


class RolloutStore(Protocol):
    """Rollouts and their decisions."""

    def create(self, state: State, *, spec_source: str, salt: str, who: str = "") -> Loaded:
        """Begin a rollout that `who` asked for; Conflict while the route has another one that is not over."""
        ...

    def load(self, rollout: str) -> Loaded:
        """A rollout with its token."""
        ...

    def save(self, decision: Decision, state: State, token: int) -> Loaded:
        """Keep a decision, its commands (pending), its acts (applied) and the new state: all or nothing."""
        ...

    def rollouts(self, route: str = "", *, live: bool = False, standing: bool = False, span: Span = WHOLE) -> Sequence[Loaded]:
        """All rollouts, newest first.

        Args:
            route: only of one route.
            live: only those that are not over.
            standing: only those by which a route stands: that are not over, and each route's newest one.
            span: which part of them.
        """
        ...

    def decisions(self, rollout: str, *, after: int = 0, most: int | None = None) -> Sequence[Decision]:
        """The decisions of a rollout in order, those with a number above `after`; at most so many."""
        ...

    def decision(self, decision: str) -> Decision:
        """One decision by its id; NotFound where nobody made it."""
        ...


class CommandStore(Protocol):
    """Commands that were decided and are to be carried out, and what people asked for."""

    def pending(self, rollout: str) -> Sequence[Command]:
        """Commands saved and not marked done, in order."""
        ...

    def done(self, command_id: str) -> None:
        """Mark a command as carried out; twice is once."""
        ...

    def ask(self, act: Act) -> None:
        """Keep what a person asked for until a tick applies it; the same id twice is once."""
        ...

    def asked(self, rollout: str) -> Sequence[Act]:
        """Acts that no decision has applied yet, in order."""
        ...

    def waiting(self) -> Sequence[str]:
        """The rollouts, live or over, with a command that is not done or an act that is not applied; oldest first."""
        ...

    def nudge(self) -> None:
        """Wake who listens, for a reason that is not in the store: something outside may have changed."""
        ...

    def listen(self, wake: Wake) -> End:
        """Be woken when somebody asks for something, or nudges; a store in memory alone wakes nobody."""
        ...


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """How many answers of a variant a gateway's worker has written down under one allocation; pinned ones apart."""

    allocation: int
    variant: str
    rows: int


class WorkerReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway worker runs.

    Args:
        at: real time of the report.
        ejected: variants that this worker does not ask for a while because they keep failing; and the champion where it would
            not, were anybody else there.
        killed: variants that this worker does not ask because a person has killed them on its machine.
        captured: what should come to the lake, of the last allocations, since the worker of this name first ran.
    """

    worker: str
    route: str
    allocation: int
    at: datetime
    ejected: tuple[str, ...] = ()
    killed: tuple[str, ...] = ()
    captured: tuple[Captured, ...] = ()


class AllocationStore(Protocol):
    """What gateways poll, and what they report."""

    def publish(self, allocation: Allocation, *, command_id: str, who: str = "") -> Allocation:
        """Give it the route's next number and make it the one in force; the same command twice is the same allocation.

        `who` had it published; "" for those whose wishes the command's decision took.
        """
        ...

    def directory(self, route: str, *, unless: str = "") -> Directory | None:
        """The allocation in force with its endpoints; None where its revision is `unless`. NotFound before the first."""
        ...

    def allocations(self, route: str, *, rollout: str = "", span: Span = WHOLE) -> Sequence[Allocation]:
        """Every allocation ever published, in order."""
        ...

    def report(self, report: WorkerReport) -> None:
        """Keep the last report of a worker."""
        ...

    def reports(self, route: str, *, span: Span = WHOLE) -> Sequence[WorkerReport]:
        """The last report of each worker, by its name."""
        ...

    def listen(self, wake: Wake) -> End:
        """Be woken when a directory has another revision; a store that cannot tell wakes nobody."""
        ...


class EndpointStore(Protocol):
    """Where versions are served."""

    def announce(self, endpoint: Endpoint) -> None:
        """Enter or refresh one endpoint, by (name, host); its version and url may have changed."""
        ...

    def withdraw(self, name: str, host: str) -> None:
        """Take an endpoint out; unknown is fine."""
        ...

    def endpoints(self, name: str = "") -> Sequence[Endpoint]:
        """All endpoints, or those of one name."""
        ...


class KeyStore(Protocol):
    """Who may ask which route."""

    def add(self, key: Key, *, who: str = "") -> None:
        """Enter a key, made by somebody; Conflict where its id is taken."""
        ...

    def revoke(self, key_id: str, at: datetime, *, who: str = "") -> Key:
        """Let a key open nothing from now on; twice is once. NotFound where there is none."""
        ...

    def keys(self, route: str = "", *, span: Span = WHOLE) -> Sequence[Key]:
        """All keys ever made, or those of a route, oldest first; revoked and expired ones too."""
        ...


class SummaryStore(Protocol):
    """Summaries by hour, so that a tick recomputes only the hours that changed. Everything here can be recomputed."""

    def seen(self, rollout: str, *, by: datetime | None = None) -> frozenset[str]:
        """The names of lake segments that the kept summaries include, or that those of an earlier measurement included."""
        ...

    def replace(self, rollout: str, *, hours: Sequence[int], answers: Sequence[Answer], cells: Sequence[Cell]) -> None:
        """Put these summaries in the place of all that were kept for these hours."""
        ...

    def mark_seen(self, rollout: str, segments: Sequence[str], judged_until: datetime) -> None:
        """Remember that the kept summaries include these segments and all that had matured by then."""
        ...

    def judged_until(self, rollout: str) -> datetime | None:
        """The `now` of the last measurement; None before the first."""
        ...

    def answers(self, rollout: str, questions: Sequence[str]) -> Sequence[Answer]:
        """Kept summaries of these questions."""
        ...

    def cells(self, rollout: str, *, metric: str = "", span: Span = WHOLE) -> Sequence[Cell]:
        """Kept cells of the cube."""
        ...


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to lead; `fence` grows with each new holder."""

    name: str
    holder: str
    fence: int
    until: datetime


class LeaseStore(Protocol):
    """Who leads."""

    def acquire(self, name: str, holder: str, *, ttl_s: float, now: datetime | None = None) -> Lease | None:
        """Take or renew the lease; None while somebody else holds it.

        `now` is real time; None is the store's own clock, the one that all who compete share.
        """
        ...

    def renew(self, lease: Lease, *, ttl_s: float, now: datetime | None = None) -> Lease | None:
        """Make it last longer; None where somebody else has had it since, however short."""
        ...

    def release(self, lease: Lease) -> None:
        """Give it back; harmless when it is already somebody else's."""
        ...

    def held(self, name: str, *, now: datetime | None = None) -> Lease | None:
        """The lease that is in force; None while nobody holds it. Looking changes nothing."""
        ...
