"""How is a plan said to people? The first lines are for everybody, the tables below for those who want to know why."""

from collections.abc import Iterator, Sequence
from typing import Final

from segue.facts.decision import Account, Spending
from segue.planning.figures import count, percent, span
from segue.planning.gates import GatePlan
from segue.planning.plan import Alternative, RolloutPlan, StagePlan

Row = Sequence[str]
_GATE: Final = ("stage", "gate", "if", "needs", "outcomes", "half by", "decided by (chance)")
_GATE_WIDE: Final = ("within limit", "refutes", "alpha", "one look", "with an end")
_SOME, _EVERY = 3, 1000
_ENOUGH: Final = {None: "-", True: "yes", False: "no: insufficient"}
_BUDGETS: Final[dict[Account, str]] = {
    "false_promotion": "false promotion", "futility": "futility",
    "false_rollback": "false rollback", "reserve": "false rollback",
}  # fmt: skip
_ENDS: Final = {"hold": "be held there", "rollback": "be rolled back"}


def told(plan: RolloutPlan, *, wide: bool = False) -> str:
    """The plan as text; wide: with the numbers of a test that looks once, of a declared end, and of every strategy."""
    return "\n".join(line.rstrip() for line in _lines(plan, wide=wide))


def headline(plan: RolloutPlan) -> str:
    """One sentence: how long it takes."""
    late = next((stage for stage in plan.stages if stage.days and stage.limit_days and stage.days > stage.limit_days), None)
    if late is not None:
        needs = f"stage {late.name} needs {span(late.days)} and may take {span(late.limit_days)}"
        return f"{plan.route}: {needs}; a candidate that is as good as supposed would mostly {_ENDS[late.then]}."
    if plan.days is not None:
        return (
            f"{plan.route}: allow {span(plan.days)} from the first stage to the end, if the candidate is as good as supposed."
        )
    missing = next((stage for stage in plan.stages if stage.days is None), None)
    if plan.assumed.requests is None or missing is None:
        return f"{plan.route}: how long it takes depends on the traffic (--traffic 100000/day)."
    return f"{plan.route}: as it is written, stage {missing.name} hardly ever ends by its evidence."


def why(stage: StagePlan) -> str:
    """What a stage waits for."""
    if not stage.slowest:
        return "its age alone" if stage.least_days else "nothing"
    if stage.days is not None and stage.days <= stage.least_days:
        return "its age alone; the evidence is there sooner"
    return stage.slowest


def _lines(plan: RolloutPlan, *, wide: bool) -> Iterator[str]:
    traffic = "" if plan.assumed.requests is None else f" At {count(plan.assumed.requests)} requests a day."
    yield headline(plan) + traffic + (f" Figures of {plan.assumed.source}." if plan.assumed.source else "")
    yield ""
    yield from _table(("stage", "allow", "limit", "waits for"), [_stage(stage) for stage in plan.stages])
    if plan.warnings:
        yield from ("", "Look at this first:", *(f"  ! {text}" for text in plan.warnings))
    promotion = [gate for gate in plan.gates if gate.kind == "promotion"]
    if promotion:
        yield from ("", "Gates: what it takes to be sure, looking as often as you like")
        yield from _table(_GATE + _GATE_WIDE * wide, [_gate(gate, wide=wide) for gate in promotion])
        yield from _segments(promotion, _EVERY if wide else _SOME)
    yield from _guardrails([gate for gate in plan.gates if gate.kind == "guardrail"])
    yield from _alternatives(plan.alternatives, wide=wide)
    yield from _ledger(plan)
    yield from _block("Taken for granted", plan.notes)
    yield from _block("Not planned", plan.unplanned)


def _stage(stage: StagePlan) -> Row:
    limit = "-" if stage.limit_days is None else f"{span(stage.limit_days)}, then {stage.then}"
    return stage.name, span(stage.days), limit, why(stage)


def _gate(gate: GatePlan, *, wide: bool) -> Row:
    labels = "-" if gate.labels is None else count(gate.labels)
    row = (
        gate.stage, gate.text, gate.supposing, f"{count(gate.n)} {gate.of}", labels, span(gate.days_half),
        "-" if gate.days is None else f"{span(gate.days)} ({percent(gate.power)})",
    )  # fmt: skip
    if not wide:
        return row
    in_time = "-" if gate.in_time is None else percent(gate.in_time)
    return (*row, in_time, gate.null, percent(gate.alpha), count(gate.n_fixed), count(gate.n_horizon))


def _segments(gates: Sequence[GatePlan], most: int) -> Iterator[str]:
    rows = [
        (gate.stage, gate.text, part.where, percent(part.share), span(part.days), _ENOUGH[part.enough])
        for gate in gates
        for part in gate.segments[:most]
    ]
    if rows:
        some = any(len(gate.segments) > most for gate in gates)
        yield from ("", "The same for parts of the requests" + f", the {most} largest (all with -o wide)" * some)
        yield from _table(("stage", "gate", "where", "share", "decided by", "enough data"), rows)


def _guardrails(gates: Sequence[GatePlan]) -> Iterator[str]:
    if not gates:
        return
    yield from ("", "Guardrails: how soon harm is found, and what it costs until then (half of the cases)")
    rows = [
        (gate.stage, gate.text, gate.supposing, f"{count(gate.n_half)} {gate.of}", span(gate.days_half),
         "-" if gate.exposed is None else count(gate.exposed))
        for gate in gates
    ]  # fmt: skip
    yield from _table(("stage", "guardrail", "if", "found after", "in", "answers of the candidate by then"), rows)


def _alternatives(found: Sequence[Alternative], *, wide: bool) -> Iterator[str]:
    if not found:
        return
    if wide:
        yield from ("", "The same gate under another strategy")
        rows = [
            (
                one.gate,
                one.strategy,
                one.why_not or count(one.n),
                "-" if one.labels is None else count(one.labels),
                span(one.days),
            )
            for one in found
        ]
        yield from _table(("gate", "strategy", "needs", "labels", "takes"), rows)
        return
    timed = any(one.days is not None for one in found)
    yield from ("", f"What each gate would take under another strategy{'' if timed else ', in observations'}")
    strategies = list(dict.fromkeys(one.strategy for one in found))
    by_gate: dict[str, dict[str, str]] = {}
    for one in found:
        said = "cannot" if one.why_not else span(one.days) if timed else count(one.n)
        by_gate.setdefault(one.gate, {})[one.strategy] = said
    yield from _table(("gate", *strategies), [(gate, *(row[name] for name in strategies)) for gate, row in by_gate.items()])


def spent(ledger: Sequence[Spending]) -> dict[tuple[str, str], dict[str, str]]:
    """Gate and budget -> stage -> what it may spend there; what promotes first, then what gives up, then what rolls back."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for line in sorted(ledger, key=lambda line: list(_BUDGETS).index(line.account)):
        alpha = f"{100 * line.alpha:.3g} %" + " kept" * (line.account == "reserve")
        found.setdefault((line.text, _BUDGETS[line.account]), {})[line.stage] = alpha
    return found


def _ledger(plan: RolloutPlan) -> Iterator[str]:
    wrong, harmless, good = percent(plan.false_promotion), percent(plan.false_rollback), percent(plan.futility)
    yield ""
    yield f"Error budget: a candidate that should not pass is promoted in at most {wrong} of cases, a harmless one rolled back"
    yield f"in at most {harmless}, one as good as planned given up in at most {good}, however often somebody looks"
    stages = list(dict.fromkeys(line.stage for line in plan.ledger))
    by_gate = spent(plan.ledger)
    rows = [(text, kind, *(alphas.get(stage, "") for stage in stages)) for (text, kind), alphas in by_gate.items()]
    yield from _table(("gate", "taken from", *stages), rows)
    if any(line.account == "reserve" for line in plan.ledger):
        yield "  kept: the reserve of guardrails that are added while the rollout is live"
    yield from (f"  {text}" for text in plan.weights)


def _block(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield from ("", f"{title}:", *(f"  {line}" for line in lines))


def _table(head: Row, rows: Sequence[Row]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (tuple(word.upper() for word in head), *rows):
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
