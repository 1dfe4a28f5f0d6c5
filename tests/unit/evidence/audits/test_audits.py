"""Propensity, coverage and shadows: each alarm sounds for its own fault, and all is well where all is well."""

from collections.abc import Callable
from itertools import product
from math import exp, log

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from segue.evidence.audits.alarm import ALARM, Subject, mean_of
from segue.evidence.audits.auditing import Counted, audits, segments
from segue.evidence.audits.coverage import LOST_SHADOWS, Shadowed, Written, capture, coverage, shadows
from segue.evidence.audits.propensity import cohorts, logged
from segue.evidence.audits.sample_ratio import Epoch
from segue.facts.evidence import Audit, AuditName, Evidence, NotEnough
from segue.facts.summary import ArmCell, ArmCounts, Cell

GIVEN = np.random.default_rng(20240601)


def subject(name: AuditName, sides: int = 1) -> Subject:
    """What is audited."""
    return Subject(name=name, candidate="v8", champion="champion", sides=sides)


def evidence(audit: Audit) -> Evidence:
    """What was found."""
    assert isinstance(audit.found, Evidence)
    return audit.found


def cell(arms: tuple[int, int, int, int], *, hour: int = 0, allocation: int = 1, segment: dict[str, str] | None = None) -> Cell:
    """Counts of one hour: candidate yes, no, champion yes, no; drawn half and half."""
    yes, no, champion_yes, champion_no = arms
    one = ArmCell(propensity=0.5, candidate_yes=yes, candidate_no=no, champion_yes=champion_yes, champion_no=champion_no)
    return Cell(
        metric="",
        variant="v8",
        version="",
        allocation=allocation,
        segment=segment or {},
        hour=hour,
        predictions=sum(arms),
        summary=ArmCounts(cells=(one,)),
    )


@pytest.mark.parametrize("wrong", [0.9, 1.1])
def test_a_wrong_log_is_seen(wrong: float) -> None:
    """Propensities logged ten per cent off: the mean of A / pi leaves 1, on the side that it should."""
    true = 0.5
    right = logged(subject("propensity"), [Epoch(true, 10_000, 10_000)])
    off = logged(subject("propensity"), [Epoch(true * wrong, 10_000, 10_000)])
    assert evidence(right).low < 1 < evidence(right).high
    assert not right.broken
    assert off.broken
    side = off.part["variant"]
    mean = 1 / wrong if side == "v8" else 0.5 / (1 - 0.5 * wrong)
    assert evidence(off).estimate == pytest.approx(mean)
    assert not evidence(off).low <= 1 <= evidence(off).high
    assert evidence(off).threshold == pytest.approx(log(4 * ALARM))


def test_both_means_are_looked_at() -> None:
    """Of one share they say the same, and the candidate's is told; at 5 % it is the larger number."""
    audit = logged(subject("propensity"), [Epoch(0.05, 1000, 9000)])
    assert audit.broken
    assert audit.part == {"variant": "v8"}
    assert evidence(audit).estimate == pytest.approx(2.0)
    assert evidence(audit).n == {"v8": 1000, "champion": 9000}
    assert logged(subject("propensity"), [Epoch(0.95, 9000, 1000)]).broken


def test_who_comes_back_betrays_a_forgetful_chance() -> None:
    """A share grows from 10 to 30 %: those seen outside come back as 2 of 9; counted with 0.3 their cohort is off."""
    rightly = {"1": [Epoch(2 / 9, 2000, 7000)], "2": [Epoch(0.3, 3000, 7000)]}
    forgetful = {"1": [Epoch(0.3, 2000, 7000)], "2": [Epoch(0.3, 3000, 7000)]}
    assert not cohorts(subject("cohorts"), rightly).broken
    audit = cohorts(subject("cohorts"), forgetful)
    assert audit.broken
    assert audit.part == {"cohort": "1"}
    assert evidence(audit).estimate == pytest.approx(2 / 9 - 0.3)
    assert evidence(audit).threshold == pytest.approx(log(ALARM * 2 * 2))


def test_unequal_coverage_is_seen() -> None:
    """97 % of the champion's outcomes come and 94 % of the candidate's: seen at 10,000 units; equal shares are not."""
    arms = ArmCell(propensity=0.5, candidate_yes=4700, candidate_no=300, champion_yes=4850, champion_no=150)
    audit = coverage(subject("coverage", 2), ArmCounts(cells=(arms,)))
    assert audit.broken
    assert evidence(audit).estimate == pytest.approx(-0.03, abs=1e-9)
    assert evidence(audit).high < 0
    fine = ArmCell(propensity=0.5, candidate_yes=4850, candidate_no=150, champion_yes=4850, champion_no=150)
    assert not coverage(subject("coverage", 2), ArmCounts(cells=(fine,))).broken
    assert isinstance(coverage(subject("coverage", 2), ArmCounts(cells=())).found, NotEnough)


def test_lost_shadows() -> None:
    """A sample is not a loss; more than the bound is one; a few still under way are not."""
    name = subject("shadows")
    assert not shadows(name, [Shadowed(0.25, 4000, 1000)]).broken
    assert not shadows(name, [Shadowed(1.0, 4000, 3990)]).broken
    lost = shadows(name, [Shadowed(1.0, 4000, 3600), Shadowed(0.5, 100, 50)])
    assert lost.broken
    assert evidence(lost).high <= 1 - LOST_SHADOWS
    assert isinstance(shadows(name, []).found, NotEnough)


def test_bets_on_a_mean_gain_nothing() -> None:
    """All paths of eight units with two propensities: in the mean the wealth is 1, on both sides, for both audits."""
    shares = (0.1, 0.5, 0.1, 0.5, 0.5, 0.1, 0.5, 0.1)
    values: list[tuple[Callable[[int, float], float], float]] = [(lambda a, pi: a / pi, 1.0), (lambda a, pi: a - pi, 0.0)]
    for value, centre in values:
        totals = {"above": 0.0, "below": 0.0}
        possible = {value(a, pi) for a in (0, 1) for pi in shares}
        for path in product((0, 1), repeat=len(shares)):
            counts = dict.fromkeys(possible, 0)
            chance = 1.0
            for a, pi in zip(path, shares, strict=True):
                counts[value(a, pi)] += 1
                chance *= pi if a else 1 - pi
            process = mean_of(subject("propensity"), counts, {}, ())
            totals["above"] += chance * exp(process.bets.log_e("above", centre))
            totals["below"] += chance * exp(process.bets.log_e("below", centre))
        assert totals == pytest.approx({"above": 1.0, "below": 1.0}, abs=1e-12)


def test_the_worst_segment_is_named() -> None:
    """One country's units go astray: it is named, with its own threshold by the order in which the countries came."""
    fine = [cell((500, 0, 500, 0), segment={"country": name}, hour=hour) for hour, name in enumerate(["AT", "DE", "FR"])]
    audit = segments(subject("segments"), fine)
    assert not audit.broken
    audit = segments(subject("segments"), [*fine, cell((900, 0, 500, 0), segment={"country": "IT"}, hour=7)])
    assert audit.broken
    assert audit.part == {"country": "IT"}
    assert evidence(audit).threshold == pytest.approx(log(ALARM * 4 * 5))
    assert isinstance(segments(subject("segments"), []).found, NotEnough)


def test_all_together() -> None:
    """Everything that a stage allows; hours add up in any order; epochs are kept apart by allocation."""
    hours = [cell((40, 10, 45, 5), hour=hour, allocation=1 + hour % 2) for hour in range(4)]
    outcomes = [cell((36, 4, 41, 4), hour=hour) for hour in range(4)]
    cohort = [cell((200, 0, 200, 0), segment={"cohort": "10"}), cell((5, 0, 5, 0), segment={"cohort": "9"})]
    counted = Counted(candidate="v8", champion="champion", drawn=hours, outcomes=outcomes, cohorts=cohort, logged=hours)
    found = {audit.name: audit for audit in audits(counted)}
    assert set(found) == {"sample_ratio", "segments", "propensity", "cohorts", "outcome_stream", "coverage"}
    assert evidence(found["sample_ratio"]).n == {"v8": 200, "champion": 200}
    assert evidence(found["outcome_stream"]).n == {"v8": 144, "champion": 164}
    assert evidence(found["coverage"]).n == {"v8": 160, "champion": 180}
    turned = Counted(
        candidate="v8", champion="champion", drawn=hours[::-1], outcomes=outcomes[::-1], cohorts=cohort[::-1], logged=hours
    )
    assert audits(turned) == audits(counted)


@pytest.mark.slow
def test_coverage_is_rarely_wrong() -> None:
    """Half of 400 rollouts' outcomes missing at random at 20 % and 50 %: none is alarmed over 40 looks at 40,000 units."""
    alarms = 0
    for _ in range(400):
        known, table = 0.7 + 0.25 * GIVEN.random(), np.zeros((2, 4), dtype=int)
        for look in range(40):
            ramp = look // 20
            a, y = GIVEN.random(1000) < (0.2, 0.5)[ramp], GIVEN.random(1000) < known
            table[ramp] += [int((a & y).sum()), int((a & ~y).sum()), int((~a & y).sum()), int((~a & ~y).sum())]
            cells = (_arm(share, row) for share, row in zip((0.2, 0.5), table, strict=True))
            alarms += coverage(subject("coverage", 2), ArmCounts(cells=tuple(cells))).broken
    assert alarms == 0


def _arm(share: float, row: NDArray[np.int64]) -> ArmCell:
    a, b, c, d = (int(count) for count in row)
    return ArmCell(propensity=share, candidate_yes=a, candidate_no=b, champion_yes=c, champion_no=d)


def test_rows_that_are_lost_of_one_variant() -> None:
    """Where rows of one variant go missing more often it is said; equal loss, rows on their way, and a few rows are nothing."""
    name = subject("capture")

    def lost(candidate: tuple[int, int], champion: tuple[int, int]) -> Audit:
        return capture(name, Written(*candidate), Written(*champion))

    unequal = lost((1_000, 900), (99_000, 98_900))
    assert unequal.broken
    assert evidence(unequal).estimate == pytest.approx(99, rel=0.01)
    assert evidence(unequal).n == {"v8": 100, "champion": 100}
    assert not lost((1_000, 900), (99_000, 89_100)).broken, "a tenth of either is on its way"
    assert not lost((0, 0), (0, 0)).broken
    assert not lost((500, 500), (500, 520)).broken, "a gateway that has forgotten its count"
    assert not lost((10, 8), (990, 990)).broken, "two rows show nothing"
    assert not lost((10**6, 10**6 - 900), (10**6, 10**6)).broken, "less than a thousandth moves no verdict"
    assert lost((10**6, 10**6 - 1100), (10**6, 10**6)).broken


@pytest.mark.parametrize(
    ("candidate", "champion", "have", "reason"),
    [
        ((500, 500), (500, 500), 0, "no row is missing"),
        ((0, 0), (0, 0), 0, "rows of both are not written down yet"),
        ((0, 0), (500, 400), 0, "rows of both are not written down yet"),
        ((10**6, 10**6 - 900), (10**6, 10**6), 900, "the shares of missing rows differ by less than 0.1 pp"),
    ],
)
def test_nothing_to_tell_apart(candidate: tuple[int, int], champion: tuple[int, int], have: int, reason: str) -> None:
    """Without missing rows, or with as good as equal shares of them, no interval is made up: there is not enough to say."""
    found = capture(subject("capture"), Written(*candidate), Written(*champion)).found
    assert isinstance(found, NotEnough)
    assert (found.have, found.reason) == (have, reason)
    assert found.need == (1000 if have else 1)


def test_capture_is_audited_in_every_stage() -> None:
    """Beside a shadow as among drawn units, where gateways say what they wrote; nothing is said where none does."""
    written = (Written(500, 100), Written(500, 500))
    sides = Counted(candidate="v8", champion="champion", written=written)
    for counted in (sides, msgspec.structs.replace(sides, shadowed=[Shadowed(1.0, 500, 100)])):
        assert [audit.name for audit in audits(counted) if audit.broken and audit.name == "capture"] == ["capture"]
    assert not [audit for audit in audits(Counted(candidate="v8", champion="champion")) if audit.name == "capture"]
