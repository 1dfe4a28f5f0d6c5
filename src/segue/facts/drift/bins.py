"""What was counted in a profile's bins? Addable: the bins are frozen, so the counts of two hours are their sums."""

import msgspec


class ArmBins(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The rows of one side.

    Args:
        arm: a variant, or another name of a side ("current").
        rows: how many there were.
        counts: for each column of the profile, the rows in each of its bins.
    """

    arm: str
    rows: int
    counts: tuple[tuple[int, ...], ...]


class Bins(msgspec.Struct, frozen=True, kw_only=True, tag="bins"):
    """Rows counted in the bins of one profile.

    Args:
        profile: the profile's digest; counts in other bins do not add.
        columns: names, in the order of the counts.
        arms: ordered, each once.
    """

    profile: str
    columns: tuple[str, ...]
    arms: tuple[ArmBins, ...]

    def of(self, arm: str) -> ArmBins | None:
        """The rows of one side; None where there were none."""
        return next((it for it in self.arms if it.arm == arm), None)
