"""What does one hour or day say about an area? Blocks as observations: exact where the asymptotic area is not wanted."""

from collections.abc import Callable, Iterable
from math import log1p

from segue.errors import DomainError
from segue.evidence.methods.ranking.curves import auc
from segue.facts.grid import score_grid
from segue.facts.question import Question
from segue.facts.summary import ScoreSums, ScoreTable

Area = Callable[[ScoreTable], float | None]


def block_scores(question: Question, blocks: Iterable[tuple[ScoreTable, ...]], area: Area = auc) -> ScoreSums | None:
    """Score sums whose observations are blocks: P4 on the blocks' areas, exact at any look.

    Null: the running mean over blocks of area_b - factor area_a (or of the area) is at most (at least) the bound. Within a
    block of rows from one distribution the ROC area is unbiased for any numbers of positives and negatives. The average
    precision is not: there the claim is about the *mean block average precision*, with blocks of this length.

    Args:
        question: paired (also for drawn units, a block having both arms' rows) or of one sample; its metric's cap is 1.
        blocks: the candidate's table, and unless one sample the champion's; blocks in which one variant had no positive or
            no negative are left out.
        area: what is computed of a table.

    Returns:
        The sums of all blocks that count; None where none does. Sums of different hours add (`facts.merging`).

    Raises:
        DomainError: another design, no cap of 1, or another number of tables.
    """
    grid, of_one = score_grid(question), question.design == "one_sample"
    if question.design not in {"one_sample", "paired"} or question.metric.cap != 1:
        raise DomainError(f"no block areas for {question.design} with cap {question.metric.cap}", question=question.id)
    z = []
    for tables in blocks:
        if len(tables) != 2 - of_one:
            raise DomainError(f"{len(tables)} tables in a block of design {question.design}", question=question.id)
        areas = [area(table) for table in tables]
        known = [value for value in areas if value is not None]
        if len(known) == len(areas):
            z.append(grid.of_one(known[0]) if of_one else grid.of_pair(known[0], known[1]))
    if not z:
        return None
    growth = tuple(sum(log1p(bet * one) for one in z) for bet in grid.lambdas)
    powers = {"z": sum(z), "z2": sum(one**2 for one in z), "z4": sum(one**4 for one in z)}
    return ScoreSums(n=len(z), n_candidate=len(z), weight=float(len(z)), log_growth=growth, **powers)
