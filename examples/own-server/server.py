"""A model server that knows nothing of Segue: POST /score {"x": 4} gives {"label": 1, "score": 0.4}.

`python server.py PORT THRESHOLD`; standard library only. Yours may be in any language.
"""

# ruff: noqa: INP001 - a script, no package
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, THRESHOLD = int(sys.argv[1]), float(sys.argv[2])


class Scores(BaseHTTPRequestHandler):
    """One answer a request."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """A tenth of x, and whether that is above the threshold."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        score = min(max(asked["x"] / 10, 0.0), 1.0)
        body = json.dumps({"label": int(score > THRESHOLD), "score": score}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", PORT), Scores).serve_forever()
