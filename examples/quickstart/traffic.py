"""Customers for the quickstart: each is asked about once, and a few seconds later it is known whether they left.

`python traffic.py [gateway address]`; standard library only. Ctrl-C ends it.
"""

# ruff: noqa: INP001 - a script, no package
import http.client
import json
import random
import sys
import time
from collections import deque
from itertools import count
from math import exp
from urllib.parse import urlsplit

GATEWAY = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
EVERY_S = 0.03
KNOWN_AFTER_S = 2.0


def post(connection: http.client.HTTPConnection, path: str, body: object, user: str = "") -> tuple[int, str]:
    """Status and request id of an answer."""
    headers = {"content-type": "application/json"} | ({"x-user-id": user} if user else {})
    connection.request("POST", path, json.dumps(body), headers)
    response = connection.getresponse()
    response.read()
    return response.status, response.getheader("x-segue-request-id") or ""


def connected(connection: http.client.HTTPConnection) -> None:
    """Wait until somebody listens."""
    for attempt in count():
        try:
            connection.connect()
        except ConnectionRefusedError:
            if attempt == 0:
                sys.stderr.write(f"nobody listens at {GATEWAY} yet; waiting for `segue up`\n")
            time.sleep(0.5)
        else:
            return


def main() -> None:
    """Ask and tell, until interrupted."""
    parts = urlsplit(GATEWAY)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=10)
    connected(connection)
    world = random.Random(7)  # noqa: S311 - a made-up world, no secret
    known, asked, failed = deque[tuple[float, str, int]](), 0, 0
    while True:
        tickets, years = float(world.randint(0, 8)), round(world.uniform(0, 6), 1)
        leaves = int(world.random() < 1 / (1 + exp(-(1.2 + 0.6 * tickets - 1.1 * years) * 2)))  # what is true, and nobody knows
        inputs = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
            for name, value in (("tickets", tickets), ("tenure_years", years))
        ]
        status, request_id = post(connection, "/v2/models/churn/infer", {"inputs": inputs}, user=f"user-{asked}")
        asked, failed = asked + 1, failed + (status != 200)
        known.append((time.time(), request_id, leaves))
        ripe = []
        while known and known[0][0] < time.time() - KNOWN_AFTER_S:
            at, earlier, left = known.popleft()
            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at + KNOWN_AFTER_S))
            ripe.append({"request_id": earlier, "at": moment, "label": left})
        if ripe:
            post(connection, "/segue/v1/outcomes", ripe)
        if asked % 100 == 0:
            sys.stderr.write(f"{asked} asked, {failed} failed\n")
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
