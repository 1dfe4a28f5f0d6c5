"""The sequential test of the sample ratio: reference values, exact validity, and what it sees how soon."""

from itertools import product
from math import exp, log

import numpy as np
import pytest

from segue.evidence.audits.alarm import ALARM, Subject, weights
from segue.evidence.audits.sample_ratio import CONCENTRATIONS, Epoch, log_bayes_factor, log_e_value, sample_ratio
from segue.facts.evidence import Evidence, NotEnough

SUBJECT = Subject(name="sample_ratio", candidate="v8", champion="champion")
TWO = np.cumsum([[100, 120], [130, 180], [200, 260]], axis=0)
THREE = np.cumsum([[100, 120, 80], [130, 180, 100], [200, 260, 150]], axis=0)


def found(*epochs: Epoch, subject: Subject = SUBJECT) -> Evidence:
    """The evidence of these epochs."""
    evidence = sample_ratio(subject, epochs).found
    assert isinstance(evidence, Evidence)
    return evidence


@pytest.mark.parametrize(
    ("concentration", "factors"),
    [(1e4, [1.00872798, 1.22982207, 2.05806478]), (100, [1.04506017, 19.70299038, 721.47176504])],
)
def test_the_published_bayes_factors(concentration: float, factors: list[float]) -> None:
    """ssrm-test 0.1.5: `sequential_bayes_factors([[100, 120], [130, 180], [200, 260]], [.5, .5], c)`."""
    ours = [exp(log_bayes_factor(counts, [0.5, 0.5], concentration)) for counts in TWO]
    assert ours == pytest.approx(factors, abs=1e-8)


def test_the_published_p_values_of_three_arms() -> None:
    """ssrm-test 0.1.5: `sequential_p_values([[100, 120, 80], [130, 180, 100], [200, 260, 150]], [.33, .34, .33])`."""
    factors = [log_bayes_factor(counts, [0.33, 0.34, 0.33], 1e4) for counts in THREE]
    p_values = [min(1.0, exp(-max(factors[: n + 1]))) for n in range(3)]
    assert p_values == pytest.approx([0.93233603, 0.43925611, 0.05084113], abs=1e-8)


def test_the_mixture_is_the_mean_of_products() -> None:
    """One belief for all epochs, on equal stakes."""
    epochs = [Epoch(0.05, 30, 970), Epoch(0.5, 480, 530)]
    products = [sum(log_bayes_factor(it[1:], [it.share, 1 - it.share], c) for it in epochs) for c in CONCENTRATIONS]
    assert found(*epochs).log_e == pytest.approx(log(np.exp(products).mean()), rel=1e-10)


def test_no_stopping_rule_gains_anything() -> None:
    """All paths of ten units whose chances chase the past: at every length the e-value is 1 in the mean."""
    shares = (0.2, 0.5)
    for length in range(1, 11):
        total = 0.0
        for path in product((0, 1), repeat=length):
            chance, counts = 1.0, np.zeros((2, 2))
            for at, to_candidate in enumerate(path):
                epoch = int(sum(path[:at]) * 2 > at)  # who is ahead decides the next chance
                chance *= shares[epoch] if to_candidate else 1 - shares[epoch]
                counts[1 - to_candidate, epoch] += 1
            total += chance * float(np.exp(log_e_value(np.array(shares), counts[0], counts[1])))
        assert total == pytest.approx(1.0, abs=1e-9)  # log-gammas of a million carry no more digits


def test_what_is_seen_is_said() -> None:
    """Estimate, interval and need are those of the odds; the alarm sounds where the interval leaves 1."""
    fine, off = found(Epoch(0.5, 5200, 4800)), found(Epoch(0.5, 10_400, 9600))
    assert fine.estimate == pytest.approx(5200 / 4800)
    assert fine.low < 1 < fine.estimate < fine.high
    assert not fine.shown
    assert off.shown
    assert 1 < off.low < off.estimate < off.high
    assert off.threshold == pytest.approx(log(ALARM))
    assert (off.n, off.have) == ({"v8": 10_400, "champion": 9600}, 20_000)
    assert fine.need is not None
    times = fine.need / 10_000
    assert found(Epoch(0.5, round(5200 * times * 1.01), round(4800 * times * 1.01))).shown
    assert not found(Epoch(0.5, round(5200 * times * 0.98), round(4800 * times * 0.98))).shown
    assert found(Epoch(0.5, 5000, 5000)).need is None


def test_a_ramp_is_no_mismatch() -> None:
    """Shares that grow fool a pooled test; each epoch by its own share does not."""
    ramp = (Epoch(0.01, 100, 9900), Epoch(0.25, 2500, 7500), Epoch(0.5, 5000, 5000))
    assert found(*ramp).estimate == pytest.approx(1.0)
    assert found(*ramp).log_e < 0
    assert found(Epoch(0.5, 7600, 22_400)).shown


def test_one_side_only() -> None:
    """A variant that never gets a unit is seen soon, and nothing is infinite."""
    gone = found(Epoch(0.5, 0, 40))
    assert gone.shown
    assert 0 < gone.low <= gone.estimate <= gone.high < 1


def test_nothing_drawn_is_not_enough() -> None:
    """Without a draw there is no ratio: neither fine nor broken."""
    for epochs in ([], [Epoch(1.0, 10, 0)], [Epoch(0.5, 0, 0)]):
        audit = sample_ratio(SUBJECT, epochs)
        assert isinstance(audit.found, NotEnough)
        assert not audit.broken


def test_the_shares_of_a_family_are_one_alarm() -> None:
    """However many segments come, their false alarms together are those of one."""
    assert sum(weights(10_000)) < 1
    half = Subject(name="segments", candidate="v8", champion="champion", weight=0.5)
    assert found(Epoch(0.5, 10, 10), subject=half).threshold == pytest.approx(log(2 * ALARM))
