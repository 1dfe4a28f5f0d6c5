"""A signal with its place, its sizes, and how often the detector cries for nothing."""

import numpy as np

from segue.evidence.change.signals import Watcher, best_split, detected


def test_where_it_changed() -> None:
    """The split that parts the losses best is the planted one, and the means of both sides are given."""
    rng = np.random.default_rng(1)
    losses = np.concatenate([rng.normal(1, 0.1, 700), rng.normal(3, 0.1, 300)])
    watcher = Watcher(name="w", guarantee="g", alarms=lambda part: [899] if len(part) > 899 else [])
    (change,) = detected(watcher, losses, rng).changes
    assert (change.signalled, change.changed) == (899, 700)
    assert (change.rows_before, change.rows_after) == (700, 200)
    assert change.before is not None
    assert abs(change.before - 1) < 0.2
    assert abs(change.after - 3) < 0.3


def test_a_second_signal_looks_behind_the_first_only() -> None:
    """Each change is looked for among the losses since the signal before."""
    losses = np.repeat([0.0, 1.0, 2.0], 100)
    watcher = Watcher(name="w", guarantee="g", alarms=lambda part: [120, 250] if len(part) == 300 and part[0] == 0 else [])
    one, two = detected(watcher, losses, np.random.default_rng(1)).changes
    assert (one.changed, two.changed, two.rows_before + two.rows_after) == (100, 200, 130)


def test_false_alarms_are_counted_where_nothing_changes() -> None:
    """A detector that cries at every hundredth loss has ten thousand false alarms in a million; one that never does, none."""
    crying = Watcher(name="w", guarantee="g", alarms=lambda part: list(range(99, len(part), 100)))
    found = detected(crying, np.zeros(1000), np.random.default_rng(1))
    assert found.false_per_million == 10_000
    assert found.drawn == 10_000
    silent = Watcher(name="w", guarantee="g", alarms=lambda _: [])
    assert detected(silent, np.zeros(1), np.random.default_rng(1)).false_per_million == 0


def test_no_split_of_one_loss() -> None:
    """One loss has no two sides."""
    assert best_split(np.ones(1)) == 0
