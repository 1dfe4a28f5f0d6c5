"""What do a worker's journal, server and connections say of themselves?

Read when somebody asks, so that no request pays for it.
"""

from collections.abc import Iterable

from segue.facts.wire.exposition import Sample
from segue.http.client import UpstreamPool
from segue.http.server import Server
from segue.ports.recorder import Written


def of_journal(written: Written) -> list[Sample]:
    """What was written down, and what could not be."""
    return [
        ("segue_journal_rows_total", (), written.rows),
        ("segue_journal_bytes_total", (), written.size_bytes),
        ("segue_journal_failures_total", (), written.failures),
        ("segue_journal_lost_rows_total", (), written.lost),
    ]


def of_server(server: Server) -> list[Sample]:
    """Who is connected, and whom it has refused."""
    refused = [("segue_server_refused_total", (("status", str(status)),), n) for status, n in sorted(server.refused.items())]
    return [
        ("segue_connections", (), len(server.connections)),
        ("segue_server_requests_total", (), server.requests),
        *refused,
    ]


def of_pools(pools: Iterable[UpstreamPool]) -> list[Sample]:
    """Who is being answered by an upstream, and who waits for a connection to it."""
    found: list[Sample] = []
    for pool in pools:
        labels = (("upstream", f"{pool.host}:{pool.port}"),)
        found += [("segue_upstream_in_flight", labels, pool.in_flight), ("segue_upstream_waiting", labels, pool.waiting)]
    return found
