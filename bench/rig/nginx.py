"""How is nginx the upstream, and how is it the peer that splits or mirrors?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.rig.machine import first_child, free_port, process, wait_for

ANSWER: Final = (
    '{"model_name":"churn","model_version":"%s","id":"r","outputs":'
    '[{"name":"label","shape":[1],"datatype":"INT64","data":[1]},{"name":"score","shape":[1],"datatype":"FP64","data":[0.25]}]}'
)
SIZES: Final = (4 * 1024, 64 * 1024, 1024 * 1024)

_FRAME: Final = """
daemon off; worker_processes 1; pid %(folder)s/nginx.pid; error_log %(folder)s/error.log;
events { worker_connections 4096; }
http {
    access_log off; keepalive_requests 1000000000; client_max_body_size 16m; client_body_buffer_size 2m;
    client_body_temp_path %(folder)s; proxy_temp_path %(folder)s; fastcgi_temp_path %(folder)s;
    uwsgi_temp_path %(folder)s; scgi_temp_path %(folder)s;
    %(inside)s
}
"""
# nginx refuses to answer a POST with a file; `error_page` does it all the same.
_UPSTREAM: Final = """
    server {
        listen 127.0.0.1:%(port)d backlog=1024; default_type application/json; root %(folder)s;
        location / { return 200 '%(answer)s'; }
        location ~ ^/size/(?<size>[0-9]+)/ { error_page 405 =200 /file/$size; return 405; }
        location /file/ { default_type application/json; }
    }
"""
_POOLS: Final = """
    upstream champion { server 127.0.0.1:%(champion)d; keepalive 256; keepalive_requests 1000000000; }
    upstream candidate { server 127.0.0.1:%(candidate)d; keepalive 256; keepalive_requests 1000000000; }
    proxy_http_version 1.1; proxy_set_header Connection "";
"""
_SPLIT: Final = """
    split_clients "$http_x_user_id" $variant { 90%% champion; * candidate; }
    server { listen 127.0.0.1:%(port)d backlog=1024; location / { proxy_pass http://$variant; } }
"""
_MIRROR: Final = """
    server {
        listen 127.0.0.1:%(port)d backlog=1024;
        location / { mirror /mirror; proxy_pass http://champion; }
        location = /mirror { internal; proxy_pass http://candidate$request_uri; proxy_set_header X-Shadow 1; }
    }
"""


@contextmanager
def _started(folder: Path, inside: str, port: int) -> Iterator[int]:
    """One nginx; the pid of its worker."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(_FRAME % {"folder": folder, "inside": inside})
    with process(["nginx", "-e", str(folder / "error.log"), "-c", str(file)], folder / "log") as pid:
        wait_for(port)
        yield first_child(pid)


@contextmanager
def upstreams(folder: Path) -> Iterator[tuple[int, int]]:
    """Two servers with a static JSON answer, in one nginx; their ports (champion, candidate)."""
    champion, candidate = free_port(), free_port()
    (folder / "file").mkdir(parents=True, exist_ok=True)
    for size in SIZES:
        (folder / "file" / str(size)).write_bytes(b"x" * size)
    inside = "".join(
        _UPSTREAM % {"port": port, "answer": ANSWER % version, "folder": folder}
        for port, version in ((champion, "7"), (candidate, "8"))
    )
    with _started(folder, inside, champion):
        yield champion, candidate


@contextmanager
def proxy(folder: Path, ports: tuple[int, int], *, mirror: bool) -> Iterator[tuple[int, int]]:
    """Nginx in front of two upstreams, splitting 90 to 10 or mirroring; its port and its worker's pid."""
    port = free_port()
    inside = _POOLS % {"champion": ports[0], "candidate": ports[1]} + (_MIRROR if mirror else _SPLIT) % {"port": port}
    with _started(folder, inside, port) as pid:
        yield port, pid
