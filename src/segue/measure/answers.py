"""How do rows of numbers become summaries?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import log1p
from typing import Final

from segue.errors import InvariantError
from segue.facts.grid import Grid, score_grid
from segue.facts.question import Question
from segue.facts.summary import (
    Agreements,
    Answer,
    ArmCell,
    ArmCounts,
    Counts,
    Day,
    Days,
    Histogram,
    MomentCell,
    Moments,
    PairedCounts,
    RankCell,
    Ranks,
    ScoreSums,
    ScoreTable,
    SpreadCell,
    Spreads,
    Summary,
)
from segue.measure.kinds.models.ranking import auc
from segue.measure.kinds.service.operational import BASE
from segue.measure.questions import Form, form_of
from segue.measure.rows import period_hours

Row = tuple[object, ...]
Part = tuple[str, float, Sequence[float]]
"""Arm, propensity, numbers."""

_WIDTH: Final = {2: 2, 5: 2, 14: 4}
# How long a vector is whose sums and products are so many: k + k (k + 1) / 2.


def answers(questions: Sequence[Question], rows: Iterable[Row]) -> list[Answer]:
    """The answers in the rows of `questions.statement`, ordered by question and hour."""
    parts: defaultdict[tuple[int, int], list[Part]] = defaultdict(list)
    for row in rows:
        match row:
            case (int(index), int(hour), str(arm), float(propensity), list(numbers)):
                parts[index, hour].append((arm, propensity, numbers))
            case _:
                raise InvariantError(f"no row of answers: {row!r}")
    found = []
    for (index, hour), group in sorted(parts.items()):
        question = questions[index]
        summary = _summary(form_of(question), question, hour, group)
        if summary is not None:
            found.append(Answer(question=question.id, hour=hour, summary=summary))
    return found


def moment_cell(arm: str, propensity: float, numbers: Sequence[float]) -> MomentCell:
    """A cell out of a count, k sums and k (k + 1) / 2 sums of products."""
    k = _WIDTH[len(numbers) - 1]
    sums, products = tuple(numbers[1 : 1 + k]), tuple(numbers[1 + k :])
    return MomentCell(arm=arm, propensity=propensity, n=int(numbers[0]), sums=sums, products=products)


def _summary(form: Form, question: Question, hour: int, parts: Sequence[Part]) -> Summary | None:
    match form:
        case "counts":
            yes, total = (int(number) for number in parts[0][2])
            return Counts(yes=yes, no=total - yes) if total else None
        case "agreements":
            same, pairs = (int(number) for number in parts[0][2])
            return Agreements(same=same, different=pairs - same)
        case "paired_counts":
            plus, minus, zero = (int(number) for number in parts[0][2])
            return PairedCounts(plus=plus, minus=minus, zero=zero)
        case "arm_counts":
            return ArmCounts(cells=tuple(sorted(_arm_cell(propensity, numbers) for _, propensity, numbers in parts)))
        case "score_sums":
            n, n_candidate, z, z2, z4, weight, *growth = parts[0][2]
            counts, growths = {"n": int(n), "n_candidate": int(n_candidate)}, tuple(growth)
            return ScoreSums(**counts, z=z, z2=z2, z4=z4, weight=weight, log_growth=growths)
        case "moments":
            return Moments(cells=tuple(sorted(moment_cell(*part) for part in parts)))
        case "blocks":
            return _block(question, [numbers for _, _, numbers in parts])
        case "days":
            return _day(question, hour, parts[0][2])
        case "ranks":
            return Ranks(cells=_rank_cells(parts))
        case "spreads":
            return _spread_cells(question, parts)
        case "bins":
            return None  # counted by a statement of its own (`drift.asking`)


def _day(question: Question, hour: int, numbers: Sequence[float]) -> Days:
    yes, total, rival_yes, rival_total = (int(number) for number in numbers)
    day = Day(
        day=hour // period_hours(question),
        candidate_yes=yes,
        candidate_no=total - yes,
        champion_yes=rival_yes,
        champion_no=rival_total - rival_yes,
    )
    return Days(days=(day,))


def _rank_cells(parts: Sequence[Part]) -> tuple[RankCell, ...]:
    groups: defaultdict[tuple[str, float], list[tuple[float, int, int]]] = defaultdict(list)
    for arm, propensity, (score, positive, count) in parts:
        groups[arm, propensity].append((score, int(positive), int(count)))
    cells = []
    for (arm, propensity), rows in sorted(groups.items()):
        table = score_table(rows)
        counts = {"positives": table.positives, "negatives": table.negatives}
        cells.append(RankCell(arm=arm, propensity=propensity, scores=table.scores, **counts))
    return tuple(cells)


def _spread_cells(question: Question, parts: Sequence[Part]) -> Spreads:
    found: defaultdict[float, dict[str, Histogram]] = defaultdict(dict)
    for arm, propensity, _ in parts:
        if arm not in found[propensity]:
            mine = [numbers for name, chance, numbers in parts if (name, chance) == (arm, propensity)]
            zero = sum(int(count) for positive, _, count in mine if not positive)
            buckets = {int(bucket): int(count) for positive, bucket, count in mine if positive}
            found[propensity][arm] = Histogram(base=BASE, at_most_zero=zero, buckets=dict(sorted(buckets.items())))
    nothing = Histogram(base=BASE, at_most_zero=0, buckets={})
    return Spreads(
        cells=tuple(
            SpreadCell(
                propensity=propensity,
                candidate=arms.get(question.candidate, nothing),
                champion=arms.get(question.champion, nothing),
            )
            for propensity, arms in sorted(found.items())
        )
    )


def _arm_cell(propensity: float, numbers: Sequence[float]) -> ArmCell:
    candidate_yes, candidate_no, champion_yes, champion_no = (int(number) for number in numbers)
    return ArmCell(
        propensity=propensity,
        candidate_yes=candidate_yes,
        candidate_no=candidate_no,
        champion_yes=champion_yes,
        champion_no=champion_no,
    )


def _block(question: Question, rows: Sequence[Sequence[float]]) -> ScoreSums | None:
    # One hour is one observation: the variant's AUC in it, or both variants'.
    grid = score_grid(question)
    candidate = auc(score_table((row[1], int(row[2]), int(row[0])) for row in rows))
    if candidate is None:
        return None
    if question.design == "one_sample":
        return _one(grid, grid.of_one(candidate))
    champion = auc(score_table((row[3], int(row[2]), int(row[0])) for row in rows))
    return None if champion is None else _one(grid, grid.of_pair(candidate, champion))


def _one(grid: Grid, z: float) -> ScoreSums:
    growth = tuple(log1p(bet * z) for bet in grid.lambdas)
    return ScoreSums(n=1, n_candidate=1, z=z, z2=z * z, z4=z**4, weight=1.0, log_growth=growth)


def score_table(rows: Iterable[tuple[float, int, int]]) -> ScoreTable:
    """A table out of (score, whether positive, how many).

    >>> score_table([(0.5, 1, 2), (0.1, 0, 1), (0.5, 0, 3)])
    ScoreTable(scores=(0.1, 0.5), positives=(0, 2), negatives=(1, 3))
    """
    counts: defaultdict[float, list[int]] = defaultdict(lambda: [0, 0])
    for score, positive, count in rows:
        counts[score][positive] += count
    ordered = sorted(counts.items())
    return ScoreTable(
        scores=tuple(score for score, _ in ordered),
        positives=tuple(count[1] for _, count in ordered),
        negatives=tuple(count[0] for _, count in ordered),
    )
