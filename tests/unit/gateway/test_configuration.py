"""What was said last, and nearest, counts; what cannot be meant is refused by name."""

from pathlib import Path

import pytest

from segue.errors import DomainError
from segue.gateway.configuration import Configuration, configuration
from segue.gateway.settings import GatewaySettings

OURS: dict[str, object] = {"routes": ("churn",), "worker": "w", "last_good": "x"}
TOML = """
port = 9000
workers = 3
keyed = ["churn"]
[server]
idle_s = 30
connections = 100
[ejection]
in_a_row = 9
"""
YAML = """
port: 9000
workers: 3
keyed: [churn]
server: {idle_s: 30, connections: 100}
ejection: {in_a_row: 9}
"""


def settings(found: Configuration) -> GatewaySettings:
    """Of one worker."""
    return found.settings(**OURS)


@pytest.mark.parametrize(("name", "text"), [("gateway.toml", TOML), ("gateway.yaml", YAML), ("gateway.yml", YAML)])
def test_a_file(tmp_path: Path, name: str, text: str) -> None:
    """TOML and YAML say the same; what is left out keeps its default."""
    file = tmp_path / name
    file.write_text(text)
    found = configuration(file, {}, [])
    made = settings(found)
    assert (found.workers, made.port, made.keyed) == (3, 9000, ("churn",))
    assert (made.server.idle_s, made.server.connections, made.ejection.in_a_row) == (30.0, 100, 9)
    assert made.server.head_bytes == GatewaySettings(routes=(), worker="", last_good="").server.head_bytes


def test_precedence(tmp_path: Path) -> None:
    """A flag wins over the environment, that over the file, key by key."""
    file = tmp_path / "gateway.toml"
    file.write_text(TOML)
    environment = {"SEGUE_GATEWAY_PORT": "9001", "SEGUE_GATEWAY_SERVER__IDLE_S": "31", "SEGUE_HOME": "x", "OTHER": "y"}
    made = settings(configuration(file, environment, ["port=9002", "server.idle_s=32", "port=9003"]))
    assert (made.port, made.server.idle_s, made.server.connections) == (9003, 32.0, 100)
    made = settings(configuration(file, environment, []))
    assert (made.port, made.server.idle_s) == (9001, 31.0)


def test_values_as_text() -> None:
    """Numbers, lists, truths and sections that are none by default can be said in a word."""
    flags = ["guarded=true", "keyed=churn, delay", "routes=churn,delay", "tls.certificate=a.pem", "tls.key=a.key"]
    made = configuration(None, {}, flags).settings(**{**OURS, "routes": ()})
    assert (made.guarded, made.keyed, made.routes) == (True, ("churn", "delay"), ("churn", "delay"))
    assert made.tls is not None
    assert (made.tls.certificate, made.tls.key) == ("a.pem", "a.key")


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("prot=1", "did you mean port"),
        ("server.idle=1", "did you mean server.idle_s|did you mean idle_s"),
        ("port=many", "port in --set"),
        ("server=1", "is a section"),
        ("port", "says no value"),
        ("worker=x", "no worker"),
        ("server.idle_s.x=1", "no server.idle_s.x"),
        ("guarded=perhaps", "guarded"),
    ],
)
def test_flags_that_cannot_be_meant(flag: str, said: str) -> None:
    """Are refused with what was meant."""
    with pytest.raises(DomainError) as error:
        configuration(None, {}, [flag])
    assert any(each in str(error.value) for each in said.split("|"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "port"),
        ("[server]\nidle = 1", "idle_s"),
        ("server = 1", "is a section"),
        ("port = ", "cannot be read"),
        ("workers = 0", "0 workers"),
    ],
)
def test_files_that_cannot_be_meant(tmp_path: Path, text: str, said: str) -> None:
    """Are refused with the file's name and what was meant."""
    file = tmp_path / "gateway.toml"
    file.write_text(text)
    with pytest.raises(DomainError, match=said):
        configuration(file, {}, [])


@pytest.mark.parametrize("text", ["[1, 2]", "port: [", "port: 1\nport: 2"])
def test_yaml_that_cannot_be_meant(tmp_path: Path, text: str) -> None:
    """No keys, no YAML, a key twice."""
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    with pytest.raises(DomainError, match=r"gateway\.yaml"):
        configuration(file, {}, [])


@pytest.mark.parametrize("flag", ["port=http", "server.idle_s=0", "keyed=chrun", "tls.certificate=a.pem", "slow.per_s=0"])
def test_settings_that_contradict_each_other(flag: str) -> None:
    """Are refused before anything serves."""
    with pytest.raises(DomainError):
        settings(configuration(None, {}, [flag]))


def test_an_unknown_variable_is_refused() -> None:
    """A typo in the environment is found as well."""
    with pytest.raises(DomainError, match="SEGUE_GATEWAY_PROT"):
        configuration(None, {"SEGUE_GATEWAY_PROT": "1"}, [])
