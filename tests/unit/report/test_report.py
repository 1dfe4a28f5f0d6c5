"""Does the report say what happened, whatever happened?"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import pytest

from segue.adapters.engines.duckdb import DuckdbEngine
from segue.adapters.lakes.folder import FolderLake
from segue.adapters.stores.store import Stores, open_store
from segue.assign.draw import Assigner
from segue.facts.allocation import Allocation, Endpoint
from segue.facts.decision import State
from segue.facts.evidence import Evidence
from segue.facts.outcome import Outcome
from segue.facts.prediction import Prediction, Role
from segue.measure.kinds.entry import observations
from segue.monitor.begin import apply, ask
from segue.monitor.outside import outside_over
from segue.monitor.tick import Monitor
from segue.ports.lake import Segment
from segue.ports.registry import AliasMove, ModelVersion
from segue.report.gather import gather, of_rollout, to_html, write
from segue.report.gathered import Report, Told
from segue.report.headline import sentence
from segue.report.sections import sections
from segue.report.walks import Walk
from segue.spec.load import load
from segue.testkit.small_world import HandClock

START: Final = datetime(2013, 3, 1, 5, tzinfo=UTC)
ROUTE: Final = "flight-delay"
HOURS: Final = 12
CARRIERS: Final = {"UA": 30, "B6": 25, "EV": 20, "DL": 12, "AA": 9, "HA": 0.2}
NOISE: Final = {"7": 1.2, "8": 0.2, "9": 1.5}
SHIFT: Final = {"7": 0.0, "8": 0.0, "9": 0.9}

SPEC: Final = """
segue: 1
route: flight-delay
protocol: v2
unit: [request]
registry: embedded
variants:
  champion: {version: models:/flight-delay@champion}
  NAME: {version: models:/flight-delay/VERSION}
prediction: {label: outputs.label, score: outputs.score, features: inputs}
context: {carrier: header:x-carrier, origin: header:x-origin}
outcome: {window: 12h, missing: exclude}
segments: [carrier, origin]
metrics:
  accuracy: {kind: accuracy}
  auc: {kind: roc_auc, positive: 1}
  brier: {kind: brier, positive: 1}
  errors: {kind: error_rate}
  p99: {kind: latency_quantile, q: 0.99}
error_budget: {false_promotion: 5%, false_rollback: 1%}
guardrails:
  - errors: {worse_than_champion_by: 1pp}
  - accuracy: {worse_than_champion_by: 3pp}
  - p99: {above: 80ms}
stages:
  - name: shadow
    strategy: shadow
    sample: 100%
    at_least: {age: 1d, outcomes: 200}
    at_most: {age: 10d, then: hold}
    promote_when:
      - accuracy: {not_worse_than_champion_by: 2pp}
      - brier: {not_worse_than_champion_by: 0.005}
  - name: canary
    strategy: canary
    steps: [{share: 5%, age: 12h}, {share: 25%, age: 12h}]
    promote_when:
      - p99: {at_most: 80ms}
  - name: ab
    strategy: ab
    shares: {champion: 50%, NAME: 50%}
    at_least: {age: 1d}
    at_most: {age: 30d, then: hold}
    plan: {metric: accuracy, effect: 3pp, power: 80%}
    promote_when:
      - accuracy: {better_than_champion: true}
  - name: everyone
    strategy: full
    watch: {age: 12h, holdback: 10%}
after: {registry_alias: champion, keep_previous_as: previous}
"""

CHANGES: Final = {"limit": "at_most: {age: 10d, then: hold}", "outcomes": "outcomes: 200"}


class Flight(NamedTuple):
    """A request of the world, with what will come true."""

    id: str
    at: datetime
    luck: float
    late: bool
    context: dict[str, str]


class Airport:
    """Everything outside for real, requests that obey the allocation in force, and a caller who counts.

    Args:
        folder, stores, engine: real ones.
        champion: the version that the alias points at in the beginning.
    """

    def __init__(self, folder: Path, stores: Stores, engine: DuckdbEngine, champion: str = "7") -> None:
        self.clock = HandClock(START)
        self.stores, self.engine, self.lake = stores, engine, FolderLake(folder / "lake")
        self.outside = outside_over(stores, self.clock, self.lake, engine)
        self.monitor = Monitor(self.outside)
        self.answers: Counter[str] = Counter()
        self.requests = self.outcomes = 0
        self.failing: dict[str, float] = {}
        self.fails_from = ""
        self.rollouts: list[str] = []
        self._random = random.Random(7)
        for version in ("7", "8", "9"):
            stores.registry.register(_registered(version))
        stores.registry.move(
            AliasMove(model=ROUTE, alias="champion", before="", after=champion, who="demo", why="where it begins", at=START)
        )

    def roll(self, version: str, *, most: int = 60, **changes: str) -> str:
        """A rollout from its beginning to its end, or for so many ticks; afterwards some rest."""
        source = SPEC.replace("NAME", f"v{version}").replace("VERSION", version)
        for before, after in changes.items():
            assert CHANGES[before] in source
            source = source.replace(CHANGES[before], after)
        rollout = apply(self.outside, source).rollout
        self.rollouts.append(rollout)
        self.walk(rollout, most)
        return rollout

    def walk(self, rollout: str, most: int = 60) -> None:
        """On to its end, or for so many ticks; afterwards some rest."""
        for _ in range(most):
            self._host()
            self.monitor.tick()
            if self.state(rollout).phase in {"promoted", "rolled_back", "aborted", "held"}:
                self.fly(40)
                self._host()
                self.monitor.tick()
                self.fly(40)
                break
            self.fly()

    def state(self, rollout: str) -> State:
        """Where a rollout stands."""
        return self.stores.rollouts.load(rollout).state

    def report(self) -> Report:
        """What the report says now."""
        told = Told(
            requests=self.requests,
            answers={f"v{version}": count for version, count in sorted(self.answers.items())},
            failures={},
            outcomes=self.outcomes,
            wall_s=93.0,
            began_at=START,
            ended_at=self.clock.at,
        )
        return gather(self.outside, self.rollouts, told)

    def fly(self, requests: int = 240) -> None:
        """Some hours of requests with their outcomes; then it is later."""
        directory = self.stores.allocations.directory(ROUTE)
        assert directory is not None
        allocation, assigner = directory.allocation, Assigner(directory.allocation)
        rows: list[Prediction] = []
        truths: list[Outcome] = []
        for _ in range(requests):
            self.requests += 1
            flight = self._flight()
            assigned = assigner.assign(flight.id, {})
            asked = [assigned.variant, *(shadow.variant for shadow in assigner.shadows(flight.id, assigned.variant))]
            answers = [self._answer(allocation, variant, assigned.variant, flight) for variant in asked]
            if answers[0].role == "failed":
                answers.append(self._answer(allocation, "champion", assigned.variant, flight))
            self.answers[next(row.version for row in answers if row.role in {"served", "fallback"})] += 1
            rows += answers
            if self._random.random() < 0.97:
                self.outcomes += 1
                landed = flight.at + timedelta(hours=3 * self._random.random())
                truths.append(
                    Outcome(route=ROUTE, request_id=flight.id, at=landed, received_at=landed, label=str(int(flight.late)))
                )
        self._put(rows, truths)
        self.clock.at += timedelta(hours=HOURS)

    def _flight(self) -> Flight:
        luck = self._random.gauss(0, 1)
        carrier = self._random.choices(list(CARRIERS), list(CARRIERS.values()))[0]
        return Flight(
            id=f"q{self.requests}",
            at=self.clock.at + timedelta(hours=self._random.random()),  # one hour of each step: tests write few files
            luck=luck,
            late=luck + self._random.gauss(0, 0.3) > 0.8,
            context={"carrier": carrier, "origin": self._random.choice(["EWR", "JFK", "LGA"])},
        )

    def _answer(self, allocation: Allocation, variant: str, assigned: str, flight: Flight) -> Prediction:
        version = allocation.variants[variant].version.rpartition("/")[2]
        if "@" in version:
            version = self.stores.registry.alias(ROUTE, "champion") or ""
        failed = variant != "champion" and self._random.random() < self.failing.get(version, 0.0)
        failed = failed and self.fails_from in {"", allocation.stage}
        known = flight.luck + SHIFT[version] + self._random.gauss(0, NOISE[version])
        role: Role = "failed" if failed else "served"
        if variant != assigned:
            role = "fallback" if variant == "champion" else "shadow"
        return Prediction(
            request_id=flight.id,
            route=ROUTE,
            rollout=allocation.rollout,
            stage=allocation.stage,
            allocation=allocation.number,
            spec_digest=allocation.spec_digest,
            at=flight.at,
            unit=flight.id,
            unit_source="request",
            context=flight.context,
            assigned=assigned,
            variant=variant,
            version=version,
            role=role,
            propensity=Assigner(allocation).assign(flight.id, {}).propensity,
            comparable=True,
            status=0 if failed else 200,
            error="timeout" if failed else "",
            label=None if failed else str(int(known > 0.9)),
            score=None if failed else 1 / (1 + 2.718 ** (0.9 - known)),
            features=None,
            cost=None,
            unread="",
            latency_upstream_s=0.004 * 2.718 ** (0.4 * self._random.gauss(0, 1)) * (1.6 if version == "8" else 1.0),
            latency_total_s=0.005,
            request_size_bytes=2,
            response_size_bytes=2,
            request_hash=b"",
            response_hash=b"",
            request_body=None,
            response_body=None,
        )

    def _put(self, rows: list[Prediction], truths: list[Outcome]) -> None:
        for hour in sorted({_hour(row.at) for row in rows}):
            segment = Segment(kind="predictions", route=ROUTE, hour=hour, name=f"p{self.requests}")
            self.lake.put_predictions(segment, [row for row in rows if _hour(row.at) == hour])
        for hour in sorted({_hour(row.at) for row in truths}):
            segment = Segment(kind="outcomes", route=ROUTE, hour=hour, name=f"o{self.requests}")
            self.lake.put_outcomes(segment, [row for row in truths if _hour(row.at) == hour])

    def _host(self) -> None:
        champion = self.stores.registry.alias(ROUTE, "champion") or ""
        names = {f"models:/{ROUTE}@champion": champion} | {f"models:/{ROUTE}/{it}": it for it in ("7", "8", "9")}
        for name, version in names.items():
            now = datetime.now(UTC)
            self.stores.endpoints.announce(
                Endpoint(name=name, version=version, url="http://127.0.0.1:1", host="h1", seen_at=now)
            )


def _registered(version: str) -> ModelVersion:
    about = {
        "7": "logistic regression on the schedule",
        "8": "boosted trees, with weather",
        "9": "v8 with a fault in its units",
    }
    return ModelVersion(
        model=ROUTE,
        version=version,
        factory="m:f",
        artifact="/m",
        digest=version,
        registered_at=START,
        tags={"about": about[version]},
    )


def _hour(at: datetime) -> int:
    return int(at.timestamp() // 3600)


@pytest.fixture(scope="module")
def airport(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airport]:
    """A broken candidate, then a better one."""
    folder = tmp_path_factory.mktemp("airport")
    with open_store(f"sqlite:///{folder / 'store.db'}") as stores, DuckdbEngine() as engine:
        airport = Airport(folder, stores, engine)
        airport.roll("9")
        airport.failing = {"8": 0.002}
        airport.roll("8")
        yield airport


@pytest.fixture(scope="module")
def told(airport: Airport) -> Report:
    """Its report."""
    return airport.report()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Airport]:
    """A fresh world."""
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as stores, DuckdbEngine() as engine:
        yield Airport(tmp_path, stores, engine)


def plain(text: str) -> str:
    """With ordinary spaces."""
    return text.replace("\u00a0", " ")


def test_headline_follows_the_decisions(airport: Airport, told: Report) -> None:
    """One sentence a rollout, with the numbers of the verdict that moved it."""
    broken, better = (plain(sentence) for sentence in told.headline)
    assert broken.startswith("v9 was rolled back after ")
    assert "in shadow, before any caller saw it: its accuracy was " in broken
    last = airport.stores.rollouts.decisions(airport.rollouts[0])[-1]
    harm = next(it.evidence for it in last.verdicts if it.outcome == "fail")
    assert isinstance(harm, Evidence)
    assert f"{-100 * harm.estimate:.1f} pp worse than v7's" in broken
    assert f"−{-100 * harm.low:.1f} to −" in broken
    assert better.startswith("v8 was promoted after ")
    assert "pp better than v7's (90 % interval " in better


def test_headline_says_what_was_shown_before(airport: Airport) -> None:
    """Where the numbers of the day would not show the claim, the sentence does not leave a reader to wonder."""
    name = airport.rollouts[1]
    stored = airport.stores.rollouts.load(name)
    decisions = []
    for decision in airport.stores.rollouts.decisions(name):
        weaker = [
            msgspec.structs.replace(it, evidence=msgspec.structs.replace(it.evidence, log_e=it.evidence.threshold - 1))
            if isinstance(it.evidence, Evidence) and it.role == "objective"
            else it
            for it in decision.verdicts
        ]
        decisions.append(msgspec.structs.replace(decision, verdicts=tuple(weaker)))
    walk = Walk(
        spec=load(stored.source),
        state=stored.state,
        decisions=tuple(decisions),
        allocations=(),
        moves=(),
        until=decisions[-1].at,
    )
    assert sentence(walk, None).endswith("; it had been shown before, and what is shown stays shown).")


def test_callers_are_told_the_truth(told: Report) -> None:
    """All were answered, and a zero of failures is written as a zero."""
    assert told.service.startswith(f"No request failed: all {told.told.requests:,} requests were answered")
    failed = next(number for number in told.numbers if number.label == "requests failed")
    assert (failed.value, failed.good) == ("0", True)
    assert "does not agree" not in told.service


def test_stages_follow_one_another(told: Report) -> None:
    """The spans cover the rollout from its beginning to its end without gap or overlap, in the order of the spec."""
    story = told.rollouts[1]
    assert story.spans[0].began_at == story.began_at
    assert story.spans[-1].ended_at == story.ended_at
    assert all(one.ended_at == other.began_at for one, other in pairwise(story.spans))
    assert list(dict.fromkeys(span.stage for span in story.spans)) == ["shadow", "canary", "ab", "everyone"]
    assert story.spans[-1].phase == "watching"


def test_shares_are_those_of_the_allocations(told: Report) -> None:
    """Each version's share of the units, with what each name stood for at that moment."""
    broken, better = told.rollouts
    assert [step.served for step in broken.shares] == [{"v7": 1.0}] * len(broken.shares)
    assert any(step.shadows == {"v9": 1.0} for step in broken.shares)
    given = [step.served.get("v8", 0.0) for step in better.shares]
    assert given == [0.0, 0.0, 0.05, 0.25, 0.5, 0.9, 1.0, 1.0]


def test_observed_shares_are_those_of_the_record(told: Report) -> None:
    """What callers got, counted by day and allocation, sums to what they got."""
    story = told.rollouts[1]
    assert sum(round(seen.answers * seen.served.get("v8", 0.0)) for seen in story.seen) == story.served
    assert told.rollouts[0].served == 0


def test_evidence_is_that_of_the_kept_decisions(airport: Airport, told: Report) -> None:
    """Every look of every gate is a kept decision's evidence, nothing computed anew."""
    story = told.rollouts[1]
    kept = {it.number: it for it in airport.stores.rollouts.decisions(story.rollout)}
    looks = [(gate, look) for gate in story.gates for asked in gate.asked for look in asked.looks]
    assert len(looks) == sum(
        isinstance(v.evidence, Evidence) and v.question is not None and v.role != "precondition"
        for d in kept.values()
        for v in d.verdicts
    )
    for gate, look in looks:
        evidence = next(v.evidence for v in kept[look.decision].verdicts if (v.gate, v.text) == (gate.gate, gate.text))
        assert isinstance(evidence, Evidence)
        assert (look.at, look.estimate, look.log_e) == (kept[look.decision].at, evidence.estimate, evidence.log_e)
        assert set(look.n) <= {"v7", "v8"}


def test_a_claim_is_marked_where_it_was_shown(told: Report) -> None:
    """A crossing is the first look at which the evidence reached its threshold; what was never shown has none."""
    for asked in (asked for story in told.rollouts for gate in story.gates for asked in gate.asked):
        crossed = [look.at for look in asked.looks if look.log_e >= asked.threshold]
        assert asked.shown_at == (crossed[0] if crossed else None)
    assert [gate.metric for gate in told.rollouts[0].gates if gate.decided] == ["accuracy"]


def test_decisions_are_told_in_their_own_words(airport: Airport, told: Report) -> None:
    """Every decision that moved something is there with its reasons verbatim; no hold is."""
    for story in told.rollouts:
        moved = [it for it in airport.stores.rollouts.decisions(story.rollout) if it.trigger != "hold"]
        assert [(it.number, it.reasons) for it in story.moved] == [(it.number, it.reasons) for it in moved]
        assert story.looks == len(airport.stores.rollouts.decisions(story.rollout))
    commands = [command for it in told.rollouts[1].moved for command in it.commands]
    assert "move the alias champion of flight-delay from v7 to v8" in commands


def test_the_error_budget_is_spent_within_itself(told: Report) -> None:
    """The lines of false rollback and its reserve sum to it; no line of false promotion is more than it."""
    for story in told.rollouts:
        shares = [line.alpha for line in story.spent if line.account in {"false_rollback", "reserve"}]
        assert sum(shares) == pytest.approx(story.budget["false_rollback"])
        assert max(line.alpha for line in story.spent) <= story.budget["false_promotion"]


def test_metrics_add_up(told: Report) -> None:
    """A metric's weeks count every observation of every version once."""
    asked = next(course for course in told.courses if course.metric == "errors")
    counted = {version: sum(bucket.n for bucket in buckets) for version, buckets in asked.versions.items()}
    assert counted["v9"] == next(version.shadows for version in told.versions if version.name == "v9")
    assert all(bucket.value is not None for course in told.courses for b in course.versions.values() for bucket in b)


def test_segments_are_compared_under_one_allocation(told: Report) -> None:
    """Largest first, each difference that of its two values, and nothing is said of what was seen too seldom."""
    carriers, origins = told.rollouts[1].segments
    assert {carriers.allocation} == {origins.allocation}
    assert [group.segment["origin"] for group in origins.groups if group.compared[0].enough]
    sizes = [min(group.compared[0].n_champion, group.compared[0].n_candidate) for group in carriers.groups]
    assert sizes == sorted(sizes, reverse=True)
    for it in (it for group in (*carriers.groups, *origins.groups) for it in group.compared):
        assert it.enough == (min(it.n_champion, it.n_candidate) >= carriers.least)
        if it.champion is not None and it.candidate is not None:
            assert it.difference == it.candidate - it.champion
    rare = next(group for group in carriers.groups if group.segment == {"carrier": "HA"})
    assert not rare.compared[0].enough


def test_the_books_agree(airport: Airport, told: Report) -> None:
    """What the caller counted is what the record holds, failures of a candidate and fallbacks included."""
    compared = {check.what: (check.caller, check.record) for check in told.checks if check.equal is not None}
    assert all(caller == record for caller, record in compared.values())
    assert compared["requests"] == (airport.requests, airport.requests)
    rows = {check.what: check.record for check in told.checks}
    assert (rows["rows: failed"] or 0) > 0
    assert rows["rows in all"] == sum(rows[f"rows: {role}"] or 0 for role in ("served", "fallback", "failed", "shadow"))


def test_books_that_differ_are_flagged(airport: Airport) -> None:
    """A request that the record lacks is seen, on the page too."""
    airport.requests += 1
    try:
        report = airport.report()
    finally:
        airport.requests -= 1
    assert [check.what for check in report.checks if check.equal is False] == ["requests"]
    assert "1 fewer in the record" in to_html(report)
    assert "does not agree" in report.service


def test_json_is_the_whole_report(told: Report, tmp_path: Path) -> None:
    """What is written beside the page is the report, to the last digit."""
    page, data = write(told, tmp_path)
    assert msgspec.json.decode(data.read_bytes(), type=Report) == told
    assert page.read_text(encoding="utf-8") == to_html(told)


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.labelled: list[str] = []
        self.sources: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link", "br", "img", "input"}:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href":
                self.links.append(value or "")
            elif name == "aria-labelledby":
                self.labelled += (value or "").split()
            elif name in {"src", "srcset", "data", "action"} or name.startswith("on"):
                self.sources.append(f"{tag} {name}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_page_stands_alone(told: Report) -> None:
    """Well-formed, nothing fetched from anywhere, every link within the page leads somewhere, no id twice."""
    text = to_html(told)
    page = Page(text)
    assert (page.open, page.wrong, page.sources) == ([], [], [])
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links if link != "data:,"} <= set(page.ids)
    assert set(page.labelled) <= set(page.ids)
    assert not re.search(r"https?://|<script|@import|url\(", text)
    assert text.count('<svg class="picture"') == text.count("</desc>")


def test_nothing_in_the_data_becomes_markup(told: Report) -> None:
    """Reasons, names and segments are text, whatever stands in them."""
    story = told.rollouts[0]
    odd = '<img src=x onerror=alert(1)> & "quoted"'
    moved = msgspec.structs.replace(story.moved[0], reasons=(odd,), who=odd)
    gate = msgspec.structs.replace(story.gates[0], text=odd, measured=odd)
    story = msgspec.structs.replace(story, moved=(moved,), gates=(gate, *story.gates[1:]), rollout=odd, sentence=odd)
    text = to_html(msgspec.structs.replace(told, rollouts=(story,), headline=(odd,), route=odd))
    assert "<img" not in text
    assert Page(text).wrong == []


def test_a_stream_that_ends_early(elsewhere: Airport) -> None:
    """A rollout that is not over is said to be where it is, and its last span ends with the stream."""
    elsewhere.roll("8", most=2)
    report = elsewhere.report()
    assert report.headline[0].startswith("The stream ended after ")
    assert " with v8 running in shadow: " in report.headline[0]
    assert report.rollouts[0].spans[-1].ended_at == report.ended_at
    assert Page(to_html(report)).wrong == []


def test_nothing_decided_yet(elsewhere: Airport) -> None:
    """A rollout that no monitor has seen makes a report too."""
    elsewhere.roll("8", most=0)
    elsewhere.clock.at += timedelta(hours=1)
    report = elsewhere.report()
    assert report.headline[0].startswith("v8 was never started")
    assert Page(to_html(report)).wrong == []


def test_a_limit_that_passes(elsewhere: Airport) -> None:
    """Time that ran out without evidence is neither a promotion nor harm; the champion is said to stay."""
    elsewhere.roll("8", limit="at_most: {age: 2d, then: rollback}", outcomes="outcomes: 100000")
    report = elsewhere.report()
    assert report.rollouts[0].phase == "rolled_back"
    assert report.headline[0].startswith("v8 was given up after 2 days: the evidence that shadow asks for never came")
    assert report.headline[0].endswith("v7 stayed.")


def test_a_promotion_by_hand_that_is_taken_back(elsewhere: Airport) -> None:
    """Who passed over the gates is said, not a number that nothing was decided by; so is who took the promotion back."""
    rollout = elsewhere.roll("8", most=2)
    ask(elsewhere.outside, rollout, "promote_full", who="ana", why="a holiday")
    elsewhere.walk(rollout)
    assert elsewhere.report().headline[0].startswith("v8 was promoted after ")
    assert elsewhere.report().headline[0].endswith(": promote full by ana: a holiday.")
    ask(elsewhere.outside, rollout, "undo", who="bob", why="complaints")
    elsewhere.walk(rollout)
    over_at = elsewhere.clock.at
    elsewhere.clock.at += timedelta(days=30)
    report = of_rollout(elsewhere.outside, rollout)
    assert report.headline[0].startswith("v8 was promoted, and taken back after ")
    assert report.headline[0].endswith(": undo by bob: complaints.")
    assert report.ended_at <= over_at
    assert Page(to_html(report)).wrong == []


def test_harm_after_callers_saw_it(elsewhere: Airport) -> None:
    """A candidate that begins to fail in the canary is said to have answered callers, as often as the record says."""
    elsewhere.fails_from = "canary"
    elsewhere.failing = {"8": 0.9}
    elsewhere.roll("8")
    report = elsewhere.report()
    served = report.rollouts[0].served
    assert served
    assert "v8 was rolled back after " in report.headline[0]
    assert f"in canary, when it had given {served:,} answer" in report.headline[0]
    assert "its error rate was" in plain(report.headline[0])
    assert all(check.equal is not False for check in report.checks)


def test_reliability_adds_up(airport: Airport) -> None:
    """The bins of each version's scores hold every judged answer once, in the order of the scores."""
    loaded = airport.outside.rollouts.load(airport.rollouts[1])
    made = next(it for it in sections(airport.outside, loaded) if it.name == "reliability")
    for version in ("7", "8"):
        mine = [row for row in made.rows if row[0] == f"v{version}"]
        cells = airport.stores.summaries.cells(airport.rollouts[1], metric="auc")
        counted = sum(observations(cell.summary) for cell in cells if cell.version == version and not cell.segment)
        assert sum(int(str(row[5]).replace(",", "")) for row in mine) == counted > 300
        means = [float(str(row[1])) for row in mine]
        assert means == sorted(means)
        assert 0 < len(means) <= 15
