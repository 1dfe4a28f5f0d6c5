"""The numbers are Prometheus' text, and those of several workers add up."""

import json

from segue.facts.wire.exposition import exposition
from segue.gateway.sight.counters import BOUNDS_S, HELP, Counters, merged

ROUTE = (("route", "churn"),)


def parsed(text: bytes) -> dict[str, float]:
    """Sample -> value."""
    lines = [line for line in text.decode().splitlines() if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_two_workers() -> None:
    """Counts, histograms and connections add up; of another level the highest counts; a snapshot survives JSON."""
    workers = [Counters(), Counters()]
    for number, worker in enumerate(workers):
        worker.add("segue_requests_total", ROUTE, 2.0)
        worker.set("segue_allocation", ROUTE, 7 + number)
        worker.set("segue_connections", (), 3 + number)
        worker.tally(("churn", "v8", "8", "served", "ok")).add(100)
        worker.overhead("churn").add(300 * (number + 1))
    snapshots = [json.loads(json.dumps(worker.snapshot())) for worker in workers]
    again = [[(n, tuple((k, v) for k, v in labels), x) for n, labels, x in snapshot] for snapshot in snapshots]
    samples = parsed(exposition(merged(again), HELP))
    assert samples['segue_requests_total{route="churn"}'] == 4
    assert samples['segue_allocation{route="churn"}'] == 8
    assert samples["segue_connections"] == 7
    assert samples['segue_overhead_seconds_count{route="churn"}'] == 2
    assert samples['segue_overhead_seconds_bucket{route="churn",le="0.0005"}'] == 1
    assert samples['segue_overhead_seconds_bucket{route="churn",le="+Inf"}'] == 2
    assert abs(samples['segue_overhead_seconds_sum{route="churn"}'] - 0.0009) < 1e-12


def test_escaping() -> None:
    """A label's text cannot end the line it stands in."""
    text = exposition({("segue_allocation", (("route", 'a"b\\c\nd'),)): 1.0}, HELP).decode()
    assert text.splitlines()[-1] == r'segue_allocation{route="a\"b\\c\nd"} 1'


def test_every_time_counts_below_the_bounds_that_it_does_not_pass() -> None:
    """At each bound and beside it, however short or long, and also where a clock made it less than nothing."""
    for bound_s in (0.0, *BOUNDS_S):
        for us in (round(bound_s * 1e6) - 1, round(bound_s * 1e6), round(bound_s * 1e6) + 1):
            counters = Counters()
            counters.tally(("churn", "v8", "8", "served", "ok")).add(us)
            counters.overhead("churn").add(us)
            for metric in ("segue_upstream_seconds_bucket", "segue_overhead_seconds_bucket"):
                told = {dict(labels)["le"]: value for name, labels, value in counters.snapshot() if name == metric}
                assert told == {str(at): float(us <= round(at * 1e6)) for at in BOUNDS_S} | {"+Inf": 1.0}
