"""Which summary answers which question, on rows that one can count by hand."""

from collections.abc import Iterator
from hashlib import md5
from itertools import product
from math import log1p
from pathlib import Path

import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.errors import DomainError
from segue.evidence.weighing import weigh
from segue.facts.grid import score_grid
from segue.facts.question import Claim, Design, Question, Unit
from segue.facts.summary import (
    ArmCell,
    ArmCounts,
    Counts,
    Days,
    MomentCell,
    Moments,
    PairedCounts,
    RankCell,
    Ranks,
    ScoreSums,
    Spreads,
)
from segue.measure.questions import form_of, unanswerable
from segue.spec.metric import KINDS
from segue.testkit.worlds import World, allocation, measurement, outcome, prediction, question, shadow


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty lake and an engine."""
    with DuckdbEngine() as engine:
        yield World(FolderLake(tmp_path), engine)


def labelled(world: World) -> None:
    """Six requests, both variants: (truth, champion, candidate)."""
    table = [("1", "1", "1"), ("1", "0", "1"), ("0", "1", "0"), ("0", "0", "1"), ("0", "0", "0"), (None, "1", "0")]
    for number, (truth, champion, candidate) in enumerate(table):
        name = f"q{number}"
        world.put(prediction(name, 0.1, label=champion, score=0.2), shadow(name, 0.1, label=candidate, score=0.9))
        if truth is not None:
            world.put(outcome(0.2, request_id=name, label=truth))


def asked(world: World, *questions: Question, hours: float = 10, **kwargs: object) -> None:
    """Measure these questions once."""
    world.measure(measurement(questions, **kwargs), hours)  # type: ignore[arg-type]  # only for spec_of


def test_one_sample(world: World) -> None:
    """A share counts the candidate's own judged rows; precision only its predicted positives, recall the actual ones."""
    labelled(world)
    asked(
        world,
        *(
            question(kind, "one_sample", id=kind, champion="", parameters={"positive": "1"})
            for kind in ("accuracy", "precision", "recall", "f1", "error_rate")
        ),
    )
    assert world.answer("accuracy") == Counts(yes=4, no=1)
    assert world.answer("precision") == Counts(yes=2, no=1)
    assert world.answer("recall") == Counts(yes=2, no=0)
    assert world.answer("error_rate") == Counts(yes=0, no=6)
    cell = MomentCell(arm="v8", propensity=1.0, n=5, sums=(4.0, 5.0), products=(8.0, 8.0, 9.0))
    assert world.answer("f1") == Moments(cells=(cell,))


def test_paired_shares(world: World) -> None:
    """Plus is where the candidate's value is higher; a relative margin needs the values."""
    labelled(world)
    relative = question("accuracy", id="relative", claim=Claim(side="above", bound=0.0, factor=0.99))
    asked(world, question("accuracy"), relative)
    assert world.answer() == PairedCounts(plus=2, minus=1, zero=2)
    answer = world.answer("relative")
    grid = score_grid(relative)
    zs = [grid.of_pair(b, a) for b, a in [(1, 1), (1, 0), (1, 0), (0, 1), (1, 1)]]
    assert isinstance(answer, ScoreSums)
    assert (answer.n, answer.weight) == (5, 5.0)
    assert answer.z == pytest.approx(sum(zs), rel=1e-12)


def test_paired_ratio(world: World) -> None:
    """The vector is (tp, predicted) of the candidate, then of the champion, over all judged pairs."""
    labelled(world)
    asked(world, question("precision", parameters={"positive": "1"}))
    cell = MomentCell(arm="paired", propensity=1.0, n=5, sums=(2, 3, 1, 2), products=(2, 2, 1, 1, 3, 1, 1, 1, 1, 2))
    assert world.answer() == Moments(cells=(cell,))


def test_what_if_an_unknown_truth_were_known(world: World) -> None:
    """The same rows and the one without a truth: for a sample wrong or right, for a pair what either of the two had said."""
    labelled(world)
    guesses = [question(kind, "one_sample", id=f"{kind}-{guess}", champion="", parameters={"positive": "1", "unknown": guess})
               for kind in ("accuracy", "precision", "recall") for guess in ("wrong", "right")]  # fmt: skip
    pairs = [question("accuracy", id=f"pair-{guess}", parameters={"unknown": guess}) for guess in ("wrong", "right")]
    asked(world, *guesses, *pairs)
    assert (world.answer("accuracy-wrong"), world.answer("accuracy-right")) == (Counts(yes=4, no=2), Counts(yes=5, no=1))
    assert (world.answer("precision-wrong"), world.answer("precision-right")) == (Counts(yes=2, no=1), Counts(yes=2, no=1))
    assert (world.answer("recall-wrong"), world.answer("recall-right")) == (Counts(yes=2, no=1), Counts(yes=2, no=0))
    assert world.answer("pair-wrong") == PairedCounts(plus=2, minus=2, zero=2)
    assert world.answer("pair-right") == PairedCounts(plus=3, minus=1, zero=2)


def test_only_disagreements_need_a_truth(world: World) -> None:
    """Agreements count when they are due; of the disagreements those that are drawn by their id, once they are known."""
    labelled(world)
    world.put(prediction("q6", 0.1, label="1"), shadow("q6", 0.1, label="1"))
    whole, half = question("accuracy", sampled=1.0), question("accuracy", id="half", sampled=0.5)
    guess = question("accuracy", id="guess", sampled=1.0, parameters={"unknown": "wrong"})
    asked(world, whole, half, guess)
    assert world.answer() == PairedCounts(plus=2, minus=1, zero=3)
    assert world.answer("guess") == PairedCounts(plus=2, minus=2, zero=3)
    drawn = {name: md5(name.encode(), usedforsecurity=False).hexdigest() < "8" for name in ("q1", "q2", "q3", "q5")}
    plus, minus = drawn["q1"] + drawn["q2"], int(drawn["q3"])
    assert world.answer("half") == PairedCounts(plus=plus, minus=minus, zero=7 - plus - minus - drawn["q5"])


def test_agreement(world: World) -> None:
    """Pairs with the same label, whatever came true and however young they are."""
    labelled(world)
    asked(world, question("agreement", "one_sample"), hours=0.2)
    assert world.answer() == Counts(yes=2, no=4)


def test_quantile(world: World) -> None:
    """How many answers took longer than the limit; a time-out counts, a refused connection does not."""
    answers: list[dict[str, object]] = [
        {"latency_upstream_s": 0.01},
        {"latency_upstream_s": 0.08},
        {"latency_upstream_s": 0.0800001},
        {"latency_upstream_s": 0.3, "error": "timeout", "status": 0},
        {"latency_upstream_s": 0.3, "error": "connect_refused", "status": 0},
    ]
    for number, changes in enumerate(answers):
        world.put(prediction(f"q{number}", 0.1), shadow(f"q{number}", 0.1, **changes))
    asked(world, question("latency_quantile", "one_sample", champion="", parameters={"q": 0.99, "threshold_s": 0.08}))
    assert world.answer() == Counts(yes=2, no=2)


@pytest.mark.parametrize("design", ["one_sample", "paired", "randomised"])
@pytest.mark.parametrize("cap", [None, 4.0])
@pytest.mark.parametrize(
    "claim",
    [Claim(side="above", bound=-0.2), Claim(side="below", bound=0.3), Claim(side="above", bound=0.0, factor=0.9)],
)
def test_scores_are_those_of_the_grid(world: World, design: Design, cap: float | None, claim: Claim) -> None:
    """What the SQL sums is what `facts.grid` defines, bet by bet, with values beyond the cap cut."""
    if design == "one_sample":
        claim = Claim(side=claim.side, bound=abs(claim.bound))
    asking = question("mae", design, cap=cap, claim=claim, stage="canary" if design == "randomised" else "shadow")
    grid, zs, weights = score_grid(asking), [], []
    for number, (b, a) in enumerate(product([0.0, 0.5, 3.0, 9.0], [0.0, 1.0, 7.0])):
        name = f"q{number}"
        world.put(outcome(0.2, request_id=name, label="0"))
        if design == "randomised":
            to_candidate, value = number % 3 == 0, b if number % 3 == 0 else a
            variant = "v8" if to_candidate else "champion"
            world.put(prediction(name, 0.1, label=str(value), stage="canary", assigned=variant, variant=variant))
            zs.append(grid.of_draw(value, to_candidate=to_candidate, propensity=0.25))
            weights.append(0.25 * 0.75)
        else:
            world.put(prediction(name, 0.1, label=str(a)), shadow(name, 0.1, label=str(b)))
            zs.append(grid.of_one(b) if design == "one_sample" else grid.of_pair(b, a))
            weights.append(1.0)
    world.measure(measurement([asking], allocation(1, 0.25)), 10)
    sums = world.answer()
    assert isinstance(sums, ScoreSums)
    assert sums.n == 12
    assert [sums.z, sums.z2, sums.weight] == pytest.approx([sum(zs), sum(z * z for z in zs), sum(weights)], rel=1e-12)
    assert sums.log_growth == pytest.approx([sum(log1p(bet * z) for z in zs) for bet in grid.lambdas], rel=1e-12)


def drawn(world: World, name: str, assigned: str, **changes: object) -> None:
    """A request of a canary, drawn for a variant."""
    world.put(prediction(name, 0.1, **{"stage": "canary", "assigned": assigned, "variant": assigned, "label": "1", **changes}))


def test_randomised_shares(world: World) -> None:
    """One cell a propensity; model quality is read off the assigned variant's own answers only."""
    for number, (variant, truth, number_of) in enumerate(
        [("v8", "1", 1), ("v8", "0", 1), ("champion", "1", 1), ("champion", "1", 2), ("v8", "1", 2), ("champion", "0", 2)]
    ):
        drawn(world, f"q{number}", variant, allocation=number_of)
        world.put(outcome(0.2, request_id=f"q{number}", label=truth))
    drawn(world, "failed", "v8", role="failed", error="timeout", status=0, label=None)
    drawn(world, "failed", "v8", role="fallback", variant="champion")
    world.put(outcome(0.2, request_id="failed", label="1"))
    drawn(world, "staff", "v8", comparable=False)
    world.put(outcome(0.2, request_id="staff", label="1"))
    asked_of = [
        question("accuracy", "randomised", stage="canary"),
        question("error_rate", "randomised", stage="canary", id="errors"),
        question("mean", "randomised", stage="canary", id="kpi", of="outcome.kpi", missing="negative"),
    ]
    world.measure(measurement(asked_of, allocation(1, 0.01), allocation(2, 0.5)), 10)
    assert world.answer() == ArmCounts(
        cells=(
            ArmCell(propensity=0.01, candidate_yes=1, candidate_no=1, champion_yes=1, champion_no=0),
            ArmCell(propensity=0.5, candidate_yes=1, candidate_no=0, champion_yes=1, champion_no=1),
        )
    )
    errors = world.answer("errors")
    assert isinstance(errors, ArmCounts)
    assert [(cell.candidate_yes, cell.candidate_no) for cell in errors.cells] == [(1, 2), (0, 1)]
    kpi = world.answer("kpi")
    assert isinstance(kpi, ScoreSums)
    assert (kpi.n, kpi.n_candidate) == (7, 4), "a request whose candidate failed counts as assigned"


def test_randomised_ratio(world: World) -> None:
    """Moments by arm and propensity."""
    for number, (variant, label, truth) in enumerate(
        [("v8", "1", "1"), ("v8", "1", "0"), ("champion", "0", "1"), ("champion", "1", "1")]
    ):
        drawn(world, f"q{number}", variant, label=label)
        world.put(outcome(0.2, request_id=f"q{number}", label=truth))
    world.measure(
        measurement([question("precision", "randomised", stage="canary", parameters={"positive": "1"})], allocation(1, 0.25)),
        10,
    )
    assert world.answer() == Moments(
        cells=(
            MomentCell(arm="champion", propensity=0.25, n=2, sums=(1, 1), products=(1, 1, 1)),
            MomentCell(arm="v8", propensity=0.25, n=2, sums=(1, 2), products=(1, 1, 2)),
        )
    )


def test_units_count_once(world: World) -> None:
    """A unit's observation is its mean over one window after its first exposure, counted when the last could be judged."""
    hits = {0.0: "1", 0.5: "0", 1.0: "0", 1.5: "1"}  # the window is one hour: the last lies outside
    for hours, truth in hits.items():
        name = f"a{hours}"
        world.put(prediction(name, hours, unit="ada", stage="canary", assigned="v8", variant="v8", label="1"))
        world.put(outcome(hours, request_id=name, label=truth))
    asking = question("accuracy", "randomised", stage="canary", unit="unit", claim=Claim(side="above", bound=0.0))
    measuring = measurement([asking], allocation(1, 0.25))
    world.measure(measuring, 1.99)
    assert world.answer() is None
    world.measure(measuring, 2.0)
    sums = world.answer()
    assert isinstance(sums, ScoreSums)
    assert (sums.n, sums.n_candidate) == (1, 1)
    assert sums.z == pytest.approx(score_grid(asking).of_draw(1 / 3, to_candidate=True, propensity=0.25))


def test_events(world: World) -> None:
    """A unit with any error is one event."""
    for unit, errors in {"ada": ("", "timeout", "timeout"), "bob": ("", "")}.items():
        for number, error in enumerate(errors):
            row = {"unit": unit, "stage": "canary", "assigned": "v8", "variant": "v8", "error": error}
            world.put(prediction(f"{unit}{number}", 0.1 * number, role="failed" if error else "served", **row))
    asking = question("error_rate", "events", unit="unit", stage="canary", window_s=3600.0)
    world.measure(measurement([asking], allocation(1, 0.5)), 10)
    cell = ArmCell(propensity=0.5, candidate_yes=1, candidate_no=1, champion_yes=0, champion_no=0)
    assert world.answer() == ArmCounts(cells=(cell,))


def test_ranking_is_one_observation_an_hour(world: World) -> None:
    """Only a whole judged hour with positives and negatives is one; later rows of the hour cannot change it unseen."""
    for hour, truths in enumerate([("1", "0"), ("1", "1"), ("0", "1")]):
        for number, truth in enumerate(truths):
            name, when = f"{hour}-{number}", hour + 0.1 + 0.5 * number
            world.put(prediction(name, when, score=number / 2), shadow(name, when, score=1 - number / 2))
            world.put(outcome(when, request_id=name, label=truth))
    measuring = measurement([question("roc_auc", claim=Claim(side="above", bound=0.0))])
    world.measure(measuring, 3.9)
    sums = world.answer()
    assert isinstance(sums, ScoreSums)
    assert (sums.n, sums.z) == (1, 1.0)
    world.measure(measuring, 4.0)
    sums = world.answer()
    assert isinstance(sums, ScoreSums)
    assert (sums.n, sums.z) == (2, 0.0)


def test_a_period_counts_when_it_is_whole(world: World) -> None:
    """Of periods of two hours, both variants' rows enter together once the second hour is judged; late ones too."""
    for hour in range(4):
        for number, (champion, candidate) in enumerate([("1", "0"), ("0", "1"), ("1", "1")]):
            name = f"{hour}-{number}"
            world.put(prediction(name, hour + 0.5, label=champion), shadow(name, hour + 0.5, label=candidate))
            world.put(outcome(hour + 0.5, request_id=name, label="1"))
    asking = question("accuracy", "days", claim=Claim(side="below", bound=1.5), every_s=7200.0)
    measuring = measurement([asking])
    world.measure(measuring, 2.9)
    assert world.answer() is None
    world.measure(measuring, 3.1)
    answer = world.answer()
    assert isinstance(answer, Days)
    counted = [(day.candidate_yes, day.candidate_no, day.champion_yes, day.champion_no) for day in answer.days]
    assert counted == [(4, 2, 4, 2)]
    world.measure(measuring, 5.1)
    answer = world.answer()
    assert isinstance(answer, Days)
    assert len(answer.days) == 2


def test_groups(world: World) -> None:
    """A cell a group, of the candidate's own rows that lie in one; equalized odds count actual positives and negatives."""
    table = [("1", "1", "DE"), ("1", "0", "DE"), ("0", "1", "DE"), ("0", "0", "FR"), ("1", "1", "FR"), ("1", "1", None)]
    for number, (truth, label, country) in enumerate(table):
        name, context = f"q{number}", {"country": country} if country else {}
        world.put(prediction(name, 0.1, context=context), shadow(name, 0.1, label=label, context=context))
        world.put(outcome(0.2, request_id=name, label=truth))
    ids = ("demographic_parity_difference", "equal_opportunity_difference", "equalized_odds_difference")
    asked(world, *(question(kind, "groups", id=kind, champion="", over="country") for kind in ids))

    def cells(kind: str) -> dict[str, tuple[float, ...]]:
        summary = world.answer(kind)
        assert isinstance(summary, Moments)
        return {cell.arm: (cell.n, *cell.sums) for cell in summary.cells}

    assert cells(ids[0]) == {"DE": (3, 2, 3), "FR": (2, 1, 2)}
    assert cells(ids[1]) == {"DE": (3, 1, 2), "FR": (2, 1, 1)}
    assert cells(ids[2]) == {"DE": (3, 1, 2, 1, 1), "FR": (2, 1, 1, 0, 1)}


def test_spreads(world: World) -> None:
    """Both variants' latencies by bucket: of the same requests in a shadow, of drawn units as assigned elsewhere."""
    for number, (champion, candidate) in enumerate([(1.0, 1.02), (1.02, 2.0), (1.02, 0.0)]):
        name = f"q{number}"
        world.put(prediction(name, 0.1, latency_upstream_s=champion), shadow(name, 0.1, latency_upstream_s=candidate))
    for number, variant in enumerate(["v8", "champion", "champion"]):
        world.put(prediction(f"r{number}", 0.1, stage="canary", assigned=variant, variant=variant, latency_upstream_s=1.0))
    paired = question("latency_quantile", parameters={"q": 0.5})
    drawn = question("latency_quantile", "randomised", id="drawn", parameters={"q": 0.5}, stage="canary")
    world.measure(measurement([paired, drawn], allocation(1, 0.25)), 1)
    pair, units = world.answer(), world.answer("drawn")
    assert isinstance(pair, Spreads)
    assert isinstance(units, Spreads)
    assert [(cell.propensity, cell.candidate.at_most_zero, cell.champion.at_most_zero) for cell in pair.cells] == [(1.0, 1, 0)]
    assert (pair.cells[0].champion.buckets, sum(pair.cells[0].candidate.buckets.values())) == ({0: 1, 1: 2}, 2)
    assert [(cell.propensity, cell.candidate.buckets, cell.champion.buckets) for cell in units.cells] == [
        (0.25, {0: 1}, {0: 2})
    ]


def test_ranks_of_drawn_units(world: World) -> None:
    """Scores of positives and negatives, by variant and propensity; a missing score or truth is left out."""
    table = [("v8", 0.9, "1"), ("v8", 0.9, "0"), ("v8", 0.4, "1"), ("champion", 0.3, "0"), ("champion", None, "1")]
    for number, (variant, score, truth) in enumerate(table):
        name = f"q{number}"
        world.put(prediction(name, 0.1, stage="canary", assigned=variant, variant=variant, score=score))
        world.put(outcome(0.2, request_id=name, label=truth))
    world.measure(measurement([question("roc_auc", "randomised", stage="canary")], allocation(1, 0.25)), 10)
    assert world.answer() == Ranks(
        cells=(
            RankCell(arm="champion", propensity=0.25, scores=(0.3,), positives=(0,), negatives=(1,)),
            RankCell(arm="v8", propensity=0.25, scores=(0.4, 0.9), positives=(1, 1), negatives=(0, 1)),
        )
    )


@pytest.mark.parametrize("cap", [None, 10.0])
@pytest.mark.parametrize("unit", ["request", "unit"])
def test_what_was_expected_is_taken_off(world: World, cap: float | None, unit: Unit) -> None:
    """A drawn unit's value less what was expected of it at its first request; without that, less the usual centre."""
    asking = question("mean", "randomised", of="outcome.x", cap=cap, unit=unit, stage="canary", expected="context.tier",
                      claim=Claim(side="above", bound=0.0, factor=0.9))  # fmt: skip
    grid, zs = score_grid(asking), []
    for number, (value, before) in enumerate([(3.0, "2.5"), (4.0, "5"), (1.0, None), (7.0, "much"), (2.0, "nan"), (6.0, "6")]):
        variant, name = ("v8", "champion")[number % 2], f"q{number}"
        context = {"tier": before} if before else {}
        row = {"stage": "canary", "assigned": variant, "variant": variant}
        world.put(prediction(name, 0.1, unit=f"u{number}", context=context, **row))
        world.put(outcome(0.2, request_id=name, values={"x": value}))
        if unit == "unit":
            world.put(prediction(f"{name}-again", 0.3, unit=f"u{number}", context={"tier": "100"}, **row))
            world.put(outcome(0.4, request_id=f"{name}-again", values={"x": value}))
        known = float(before) if before and before[0].isdigit() else None
        zs.append(grid.of_draw(value, to_candidate=variant == "v8", propensity=0.25, expected=known))
    world.measure(measurement([asking], allocation(1, 0.25)), 10)
    sums = world.answer()
    assert isinstance(sums, ScoreSums)
    assert [sums.n, sums.z, sums.z2] == pytest.approx([6, sum(zs), sum(z * z for z in zs)])


def test_populations_and_stages(world: World) -> None:
    """Only the rows of the stage, of allocations from `since` on, and of the population; a missing attribute is no match."""
    for number, context in enumerate([{"tier": "vip"}, {"tier": "free"}, {}]):
        for stage, number_of in (("shadow", 1), ("shadow", 2), ("other", 2)):
            name = f"{number}{stage}{number_of}"
            row = {"stage": stage, "allocation": number_of, "context": context}
            world.put(prediction(name, 0.1, **row), shadow(name, 0.1, **row))
    asked(
        world,
        question("agreement", "one_sample"),
        question("agreement", "one_sample", id="since", since_allocation=2),
        question("agreement", "one_sample", id="where", where="tier == 'vip'"),
        question("agreement", "one_sample", id="not", where="tier != 'vip'"),
        question("agreement", "one_sample", id="segment", segment={"tier": "free"}, since_allocation=2),
    )
    found = {name: world.answer(name) for name in ("q", "since", "where", "not", "segment")}
    yes = {name: counts.yes for name, counts in found.items() if isinstance(counts, Counts)}
    assert yes == {"q": 6, "since": 3, "where": 2, "not": 2, "segment": 1}


@pytest.mark.parametrize(("kind", "design"), list(product(KINDS, ["one_sample", "paired", "randomised", "events"])))
def test_every_question_has_a_weighable_summary_or_a_reason(world: World, kind: str, design: Design) -> None:
    """Whatever is asked: a summary that evidence can weigh under the design, or a sentence that says why not."""
    parameters: dict[str, str | float] = {"positive": "1", "q": 0.99}
    parameters |= {"threshold_s": 0.1} if design == "one_sample" else {}
    claim = Claim(side="above", bound=1.1 if design == "events" else 0.4)
    asking = question(kind, design, of="outcome.x", parameters=parameters, stage="s", claim=claim)
    if unanswerable(asking):
        with pytest.raises(DomainError):
            form_of(asking)
        assert world.measure(measurement([asking], allocation(1, 0.5)), 10).problems
        return
    for number in range(6):
        variant = ("v8", "champion")[number % 2] if design in {"randomised", "events"} else "champion"
        row = {"stage": "s", "assigned": variant, "variant": variant, "label": str(number // 2 % 2)}
        world.put(prediction(f"q{number}", 0.1, **row), shadow(f"q{number}", 0.1, stage="s", label="1", score=number / 9))
        world.put(outcome(0.2, request_id=f"q{number}", label=str(number % 2), values={"x": float(number)}))
    world.measure(measurement([asking], allocation(1, 0.5)), 10)
    assert world.answer() is not None or kind == "mean", "an outcome value has no pair"
    weigh(asking, world.answer())
