"""Simulated rollouts: how many a minute, how soon harm is gone, how often it is a false alarm."""

from collections.abc import Iterator
from statistics import median
from time import process_time
from typing import Final

import msgspec
from bench.rig.figures import Figure, at_least, at_most, seen

from segue.planning.assumptions import Assumed
from segue.simulate.many import Asking, simulate, walked
from segue.simulate.tally import Share
from segue.simulate.worlds.battery import battery
from segue.simulate.worlds.world import FAILURES, Truth, World
from segue.spec.load import load
from segue.testkit.rollout_files import rollout_file

SPEC: Final = rollout_file(
    """
metrics:
  accuracy:   {kind: accuracy}
  conversion: {kind: mean, of: outcome.converted, goal: increase, cap: 1}
  p99:        {kind: latency_quantile, q: 0.99}
  errors:     {kind: error_rate}
error_budget: {false_promotion: 5%, false_rollback: 1%}
guardrails:
  - errors: {worse_than_champion_by: 0.5pp}
  - p99: {above: 80ms}
  - accuracy: {worse_than_champion_by: 3pp, where: "tier == 'vip'"}
stages:
  - name: shadow
    strategy: shadow
    sample: 100%
    at_least: {age: 48h, outcomes: 2000}
    at_most: {age: 14d, then: rollback}
    promote_when:
      - accuracy: {not_worse_than_champion_by: 0.5pp}
  - name: canary
    strategy: canary
    steps: [{share: 1%, age: 1h}, {share: 5%, age: 6h}, {share: 25%, age: 24h}]
    promote_when: [conversion: {not_worse_than_champion_by: 1pp}]
  - name: ab
    strategy: ab
    shares: {champion: 50%, v8: 50%}
    plan: {metric: conversion, effect: 0.5pp, power: 80%}
    promote_when: [conversion: {better_than_champion: true}]
  - name: everyone
    strategy: full
    watch: {age: 48h, holdback: 1%}
after: {registry_alias: champion, keep_previous_as: previous}
""",
    unit="[header:x-user-id, cookie:uid, request]",
    prediction="{label: outputs.label, score: outputs.score}",
    outcome="{window: 24h, missing: exclude}",
)
_KNOWN: Final = Assumed(
    requests=100_000.0,
    baselines={"accuracy": (0.91, 0.0819), "conversion": (0.1, 0.09), "errors": (0.01, 0.0099)},
    differ={"accuracy": 0.07},
    populations={"tier == 'vip'": 0.1},
)
_DAYS: Final = 30.0
_FAST: Final = 60
_HARM: Final = 400
_SAME: Final = 1000


def simulated() -> Iterator[Figure]:
    """Speed, harm and false alarms."""
    tried = battery(load(SPEC), _KNOWN)
    worlds = {world.name: world for world in tried.worlds}
    asking, timed = Asking(days=_DAYS), Asking(days=_DAYS, runs=_FAST)
    for name in ("better", "same"):
        walked(tried.spec, worlds[name], asking, (0,))
        began = process_time()
        list(simulate("bench", tried.spec, [worlds[name]], timed, say=lambda *_: None))
        a_minute = 60 * _FAST / (process_time() - began)
        yield at_least(f"rollouts of {_DAYS:g} days simulated in 60 s of one core, {name}", a_minute, 1000, "rollouts")
    yield from _harm(worlds["failing"], asking)
    runs = [walked(tried.spec, worlds["same"], asking, (2, run)) for run in range(_SAME)]
    false = Share.of(sum(run.phase == "rolled_back" and run.trigger == "harm" for run in runs), len(runs))
    yield at_most(f"equal candidate rolled back for harm within {_DAYS:g} days, of {_SAME}", false.share, 0.01, "share")
    yield seen("the same, upper 95 % limit", false.high, "share")


def _harm(failing: World, asking: Asking) -> Iterator[Figure]:
    """5 pp more failures: in the shadow, and where the candidate meets people without one."""
    in_shadow, in_canary = load(SPEC), load(SPEC[: SPEC.index("  - name: shadow")] + SPEC[SPEC.index("  - name: canary") :])
    in_half = load(SPEC[: SPEC.index("  - name: shadow")] + SPEC[SPEC.index("  - name: ab") :])
    truths = failing.truths | {FAILURES: Truth(champion=0.01, shift=0.05)}
    world = msgspec.structs.replace(failing, truths=truths)
    for where, spec in (("shadow", in_shadow), ("1 % canary", in_canary), ("A/B", in_half)):
        runs = [walked(spec, world, asking, (3, run)) for run in range(_HARM)]
        gone = [run for run in runs if run.trigger == "harm"]
        what = f"5 pp more failures, {where}: the candidate's requests until the rollback, median"
        yield at_most(what, median(run.asked for run in gone), 300, "requests")
        yield at_least(f"5 pp more failures, {where}: rolled back", len(gone) / len(runs), 1.0, "share")
