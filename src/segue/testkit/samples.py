"""Which facts do the suites put in and expect back? Small, whole, and unlike one another where it matters."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from segue.facts.allocation import BUCKETS, Allocation, Audience, Endpoint, Range, Shadow, Split, Target
from segue.facts.decision import Act, Command, Decision, MoveAlias, PublishAllocation, State, Verdict
from segue.facts.drift.profile import Calibration, FeatureProfile, Profile
from segue.facts.evidence import Evidence, NotEnough
from segue.facts.outcome import Outcome
from segue.facts.prediction import Capture, Prediction
from segue.facts.question import Claim, MetricRef, Question
from segue.facts.summary import Answer, ArmCell, ArmCounts, Cell, Counts, Histogram
from segue.ports.registry import AliasMove, ModelVersion

NOW: Final = datetime(2013, 3, 1, 12, 30, 15, 123457, tzinfo=UTC)
"""Not a whole second, so that a store that rounds is seen."""

ODD: Final = "tier == 'vip' and Größe > 1; -- 日本 %s :x {}"
"""Text that a careless store would take for something else."""


def hour_of(at: datetime) -> int:
    """Hours since the epoch."""
    return int(at.timestamp()) // 3600


def state(rollout: str = "r-1", route: str = "churn", **changes: object) -> State:
    """A running rollout."""
    fresh = State(
        rollout=rollout,
        route=route,
        spec_digest="d1",
        phase="running",
        created_at=NOW,
        entered_at=NOW,
        step_at=NOW,
        baselines={"auc": (0.7, 0.1 + 0.2)},
        crossed={"q1": 1e-300},
    )
    return msgspec.structs.replace(fresh, **changes)


def publish_command(identity: str = "cmd-publish", rollout: str = "r-1") -> PublishAllocation:
    """A command to publish."""
    return PublishAllocation(id=identity, rollout=rollout, stage="canary", shares={"champion": 0.9, "v8": 0.1}, audience=ODD)


def move_command(identity: str = "cmd-move", rollout: str = "r-1") -> MoveAlias:
    """A command to move an alias."""
    return MoveAlias(id=identity, rollout=rollout, model="churn", alias="champion", version="8", expected="7", why=ODD)


def act(identity: str = "act-1", rollout: str = "r-1") -> Act:
    """Something a person asked for."""
    return Act(id=identity, rollout=rollout, trigger="pause", who="ada", why=ODD, at=NOW)


def decision(
    number: int = 1, rollout: str = "r-1", *, commands: tuple[Command, ...] = (), acts: tuple[Act, ...] = ()
) -> Decision:
    """A decision with every kind of number that one may carry."""
    return Decision(
        id=f"dec-{rollout}-{number}",
        rollout=rollout,
        number=number,
        at=NOW + timedelta(microseconds=number),
        kind="advance",
        trigger="passed",
        from_phase="running",
        to_phase="running",
        from_stage="shadow",
        to_stage="canary",
        step=0,
        reasons=(ODD,),
        verdicts=(_passed(rollout), _not_yet()),
        commands=commands,
        acts=acts,
    )


def _passed(rollout: str) -> Verdict:
    metric = MetricRef(name="precision", kind="precision", parameters={"positive": "1", "q": 0.1})
    question = Question(
        id="q1",
        gate="stages[0].promote_when[0]",
        rollout=rollout,
        route="churn",
        stage="shadow",
        metric=metric,
        design="randomised",
        candidate="v8",
        champion="champion",
        where=ODD,
        claim=Claim(side="above", bound=-0.005),
        alpha=0.05 / 3,
    )
    evidence = Evidence(
        question="q1",
        estimate=0.1 + 0.2,
        low=-1e-17,
        high=1.0,
        log_e=3.25,
        threshold=3.0,
        n={"v8": 10, "champion": 2**53 + 1},
        have=10,
        need=None,
        method="m",
        validity="exact at any look",
        assumptions=("a",),
    )
    cell = ArmCell(propensity=1 / 3, candidate_yes=1, candidate_no=2, champion_yes=3, champion_no=4)
    summary = ArmCounts(cells=(cell,))
    return Verdict(
        gate=question.gate,
        text=ODD,
        role="objective",
        outcome="pass",
        reason="shown",
        question=question,
        summary=summary,
        evidence=evidence,
    )


def _not_yet() -> Verdict:
    evidence = NotEnough(have=1, need=20, unit="judged predictions")
    return Verdict(gate="guardrails[0]", text="errors", role="guardrail", outcome="not_yet", reason="thin", evidence=evidence)


def allocation(route: str = "churn", rollout: str = "r-1", *, share: float = 0.1) -> Allocation:
    """An allocation of a canary; its number is the store's to give."""
    edge = round(BUCKETS * share)
    split = Split(
        salt="s1",
        kind="variant",
        ranges=(Range(start=0, end=edge, variant="v8"), Range(start=edge, end=BUCKETS, variant="champion")),
    )
    return Allocation(
        number=0,
        route=route,
        rollout=rollout,
        stage="canary",
        spec_digest="d1",
        published_at=NOW,
        protocol="v2",
        unit=("header:x-user-id", "request"),
        context={"tier": "header:x-tier"},
        champion="champion",
        variants={
            "champion": Target(version=f"models:/{route}@champion"),
            "v8": Target(version=f"models:/{route}/8", timeout_s=0.3),
        },
        split=split,
        audiences=(Audience(where=ODD, split=split, comparable=False),),
        shadows=(Shadow(variant="v8", share=1 / 3),),
        overrides={"user-42": "v8"},
    )


def all_to_champion(url: str = "", **changes: object) -> Allocation:
    """An allocation without a rollout, whose champion, version 7, is at an address."""
    fresh = Allocation(
        number=0,
        route="churn",
        rollout="",
        stage="",
        spec_digest="d",
        published_at=NOW,
        protocol="v2",
        unit=("request",),
        context={},
        champion="champion",
        variants={"champion": Target(version="models:/churn/7", url=url)},
        split=Split(salt="s", kind="variant", ranges=(Range(start=0, end=BUCKETS, variant="champion"),)),
    )
    return msgspec.structs.replace(fresh, **changes)


def endpoint(name: str = "models:/churn/8", host: str = "h1", **changes: object) -> Endpoint:
    """A place where a version is served."""
    fresh = Endpoint(name=name, version="8", url="http://127.0.0.1:8001", path="/v2/models/churn/infer", host=host, seen_at=NOW)
    return msgspec.structs.replace(fresh, **changes)


def answer(question: str = "q1", hour: int = 100, yes: int = 1) -> Answer:
    """A question's summary of one hour."""
    return Answer(question=question, hour=hour, summary=Counts(yes=yes, no=2))


def cell(metric: str = "p99", hour: int = 100, variant: str = "v8") -> Cell:
    """A cell of the cube, with a summary whose keys are numbers."""
    summary = Histogram(base=1.02, at_most_zero=0, buckets={-3: 1, 250: 2**40})
    return Cell(
        metric=metric,
        variant=variant,
        version="8",
        allocation=3,
        segment={"country": "DE"},
        hour=hour,
        predictions=7,
        summary=summary,
    )


def model_version(version: str = "7", model: str = "churn", **changes: object) -> ModelVersion:
    """A registered version."""
    fresh = ModelVersion(
        model=model,
        version=version,
        factory="models:churn",
        artifact=f"/models/{model}/{version}",
        digest=f"digest-{version}",
        registered_at=NOW,
        warmup='{"inputs": []}',
        tags={"trained": "2013-02"},
    )
    return msgspec.structs.replace(fresh, **changes)


def alias_move(before: str, after: str, command_id: str = "", *, alias: str = "champion", model: str = "churn") -> AliasMove:
    """A move of an alias."""
    return AliasMove(
        model=model,
        alias=alias,
        before=before,
        after=after,
        who="ada",
        why=ODD,
        at=NOW,
        evidence="dec-1",
        command_id=command_id,
    )


def capture(request_id: str = "q-1", **changes: object) -> Capture:
    """An answer as a gateway writes it down."""
    fresh = Capture(
        request_id=request_id,
        at_us=0,
        allocation=1,
        unit=request_id,
        unit_source="request",
        context={},
        assigned="v8",
        variant="v8",
        version="8",
        role="served",
        propensity=0.5,
        comparable=True,
        status=200,
        error="",
        latency_upstream_us=1,
        latency_total_us=1,
        request_body=b"{}",
        response_body=b"{}",
        request_size=2,
        response_size=2,
        route="churn",
    )
    return msgspec.structs.replace(fresh, **changes)


def prediction(request_id: str = "q-1", route: str = "churn", at: datetime = NOW) -> Prediction:
    """A row of the lake with everything in it."""
    return Prediction(
        request_id=request_id,
        route=route,
        rollout="r-1",
        stage="canary",
        allocation=3,
        spec_digest="d1",
        at=at,
        unit="user-42",
        unit_source="header:x-user-id",
        context={"tier": "vip"},
        assigned="v8",
        variant="v8",
        version="8",
        role="served",
        propensity=1 / 3,
        comparable=True,
        status=200,
        error="",
        label="1",
        score=0.1 + 0.2,
        features="[1, 2]",
        cost=None,
        unread="",
        latency_upstream_s=0.002,
        latency_total_s=0.003,
        request_size_bytes=2,
        response_size_bytes=3,
        request_hash=b"\x00\xff",
        response_hash=b"",
        request_body=b"\x00{}",
        response_body=None,
    )


def outcome(request_id: str = "q-1", route: str = "churn", at: datetime = NOW) -> Outcome:
    """What became true of a request."""
    later = at + timedelta(hours=3)
    return Outcome(route=route, request_id=request_id, at=at, received_at=later, label="1", values={"revenue": 0.1 + 0.2})


def profile(rows: int = 3) -> Profile:
    """A training profile with a number, a category and a calibration."""
    age = FeatureProfile(
        name="age",
        kind="numeric",
        edges=(0.1, 0.1 + 0.2),
        groups=(0, 1, 2),
        counts=(0, 1, 1, 0, rows - 2),
        quantiles=((0.5, 0.3),),
        mean=1 / 3,
        std=1e-300,
    )
    tier = FeatureProfile(name=ODD, kind="categorical", categories=("", "vip"), counts=(1, rows - 1, 0, 0))
    calibration = Calibration(positive="1", scores=(0.0, 0.5), rates=(1 / 3, 2 / 3), rows=rows)
    return Profile(features=(age, tier), calibration=calibration, rows=rows, source="training.csv")
