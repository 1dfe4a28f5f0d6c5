"""Callers for the example, and what came true a second later: the truth is `x > 3.5`, which the second version knows better.

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
from urllib.parse import urlsplit

GATEWAY = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
KNOWN_AFTER_S = 1.0


def main() -> None:
    """Ask and tell, until interrupted."""
    parts = urlsplit(GATEWAY)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=10)
    for attempt in count():
        try:
            connection.connect()
            break
        except ConnectionRefusedError:
            if attempt == 0:
                sys.stderr.write(f"nobody listens at {GATEWAY} yet; waiting for `segue up`\n")
            time.sleep(0.5)

    def post(path: str, body: object, **headers: str) -> str:
        said = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("POST", path, json.dumps(body), said)
        answer = connection.getresponse()
        answer.read()
        return answer.getheader("x-segue-request-id") or ""

    world, known, asked = random.Random(7), deque[tuple[float, str, int]](), 0  # noqa: S311 - a made-up world, no secret
    while True:
        x = round(world.uniform(0, 10), 2)
        known.append((time.monotonic(), post("/routes/score/score", {"x": x}, x_user_id=f"user-{asked}"), int(x > 3.5)))
        asked += 1
        ripe = []
        while known and known[0][0] < time.monotonic() - KNOWN_AFTER_S:
            _, request_id, label = known.popleft()
            ripe.append({"request_id": request_id, "label": label})
        if ripe:
            post("/segue/v1/outcomes", ripe)
        if asked % 200 == 0:
            sys.stderr.write(f"{asked} asked\n")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
