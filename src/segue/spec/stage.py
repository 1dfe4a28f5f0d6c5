"""Which stages does a rollout walk through?"""

from typing import Literal

import msgspec

from segue.spec.gate import Alternatives, Gate


class AtLeast(msgspec.Struct, frozen=True, kw_only=True):
    """What must be there before a stage may be left by its gates; 0 where the spec names none."""

    age_s: float = 0.0
    outcomes: int = 0


class AtMost(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long a stage may take, in stream seconds, and what then; never a promotion.

    Args:
        outcomes: judged observations of the candidate at which the stage is over; 0 for no such end. Where there is one, gates
            use the clock that is sharpest there.
    """

    age_s: float
    then: Literal["rollback", "hold"]
    outcomes: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a canary: a share, for at least an age, of everybody or of an audience (an expression as written)."""

    share: float
    age_s: float
    audience: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The effect that a stage is planned to find."""

    metric: str
    effect: float
    relative: bool = False
    power: float = 0.8


class Shadow(msgspec.Struct, frozen=True, kw_only=True, tag="shadow"):
    """The candidate is asked beside the champion, for a sample of the requests."""

    sample: float = 1.0


class Canary(msgspec.Struct, frozen=True, kw_only=True, tag="canary"):
    """The candidate's share grows step by step."""

    steps: tuple[Step, ...]


class Ab(msgspec.Struct, frozen=True, kw_only=True, tag="ab"):
    """Fixed shares of any number of variants; sum 1."""

    shares: dict[str, float]


class Bandit(msgspec.Struct, frozen=True, kw_only=True, tag="bandit"):
    """Shares follow the rewards."""

    policy: Literal["thompson", "top_two", "ucb", "epsilon_greedy"]
    reward: str
    floor: float = 0.01
    update_s: float = 300.0


class Full(msgspec.Struct, frozen=True, kw_only=True, tag="full"):
    """The alias moves; then a watch, in which the old champion keeps a hold-back."""

    watch_s: float = 0.0
    holdback: float = 0.0


Strategy = Shadow | Canary | Ab | Bandit | Full


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One stage: a strategy, when it may be left, and by which evidence.

    Args:
        promote_when: every gate of it; all have to pass, apart from those in `any_of`.
        any_of: groups of gates of which one alternative has to pass.
    """

    name: str
    strategy: Strategy
    at_least: AtLeast = AtLeast()
    at_most: AtMost | None = None
    promote_when: tuple[Gate, ...] = ()
    plan: Plan | None = None
    approve: str = ""
    any_of: tuple[Alternatives, ...] = ()

    def alternatives(self, path: str) -> int:
        """How many alternatives stand beside a gate, itself included; 1 for a gate that has to pass."""
        return next((len(group) for group in self.any_of if any(path in one for one in group)), 1)
