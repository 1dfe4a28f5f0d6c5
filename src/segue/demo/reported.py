"""What did a run of the demo show? The report of its rollouts, held against what its caller counted."""

from pathlib import Path

from segue.demo.run import Walked
from segue.report.gather import gather, write
from segue.report.gathered import Told
from segue.report.words import version_name


def report(walked: Walked, folder: Path, settings: dict[str, str] | None = None) -> tuple[Path, Path]:
    """Write the report of a run whose processes have ended; where page and data are.

    Args:
        walked: what the run left.
        folder: for both files.
        settings: what the run was started with, for people.
    """
    from segue.wiring import outside_of  # noqa: PLC0415 - the page can be made without an engine

    with outside_of(walked.home) as outside:
        found = gather(outside, walked.rollouts, told_by(walked, settings or {}))
    return write(found, folder)


def told_by(walked: Walked, settings: dict[str, str]) -> Told:
    """What the caller of a run counted."""
    played = walked.played
    return Told(
        requests=played.requests,
        answers={version_name(version): count for version, count in sorted(played.answers.items())},
        failures=dict(sorted(played.failures.items())),
        outcomes=played.outcomes,
        outcomes_refused=played.outcomes_refused,
        slowest_lag_s=played.slowest_lag_s,
        wall_s=walked.wall_s,
        began_at=walked.began_at,
        ended_at=walked.ended_at,
        settings=settings,
    )
