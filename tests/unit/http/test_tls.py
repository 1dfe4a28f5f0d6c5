"""TLS settings: what is refused before a connection is begun, and how files are followed."""

import logging
import ssl
from pathlib import Path
from typing import Any, get_args

import pytest
from http_certificates import Authority

from segue.errors import DomainError
from segue.http.tls import Clients, ClientTls, ServerTls, Version


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        (ServerTls, {"clients": "require"}),
        (ServerTls, {"clients": "request"}),
        (ServerTls, {"client_ca": "ca.pem"}),
        (ClientTls, {"certificate": "", "key": "k"}),
        (ClientTls, {"key": ""}),
        (ClientTls, {"insecure": True, "ca": "ca.pem"}),
    ],
)
def test_settings_that_contradict_themselves(make: Any, settings: dict[str, Any]) -> None:
    """Settings of which one would be ignored are refused."""
    with pytest.raises(DomainError) as refused:
        make(**{"certificate": "c", "key": "k"} | settings)
    assert refused.value.hint


@pytest.mark.parametrize("made", [ServerTls, ClientTls])
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"certificate": "missing"}, "certificate .*missing cannot be read: No such file"),
        ({"key": "missing"}, "key .*missing cannot be read: No such file"),
        ({"certificate": "."}, "certificate .* cannot be read: Is a directory"),
        ({"key": "other.key"}, "key .*other.key is not that of the certificate .*own.pem"),
        ({"key": "locked.key"}, "key .*locked.key is encrypted"),
        ({"certificate": "noise"}, "cannot be used"),
        ({"key": "noise"}, "cannot be used"),
        ({"key": "empty"}, "cannot be used"),
        ({"certificate": "own.key", "key": "own.pem"}, "cannot be used"),
        ({"ca": "missing"}, "CA file .*missing cannot be read: No such file"),
        ({"ca": "noise"}, "CA file .*noise holds no certificate"),
        ({"ca": "empty"}, "CA file .*empty holds no certificate"),
    ],
)
def test_files_that_cannot_be_used(made: Any, wrong: dict[str, str], says: str, tmp_path: Path) -> None:
    """Each wrong file is refused by its name, with a hint and without a word of what is in it; nobody is asked to type."""
    authority = Authority(tmp_path)
    authority.issue("own")
    authority.issue("other")
    authority.issue("locked", passphrase=b"sesame")
    (tmp_path / "locked.pem").replace(tmp_path / "own-locked.pem")
    (tmp_path / "noise").write_text("noise")
    (tmp_path / "empty").write_text("")
    files = {"certificate": "own.pem", "key": "own.key", "ca": "authority.pem"} | wrong
    paths = {name: str(tmp_path / file) for name, file in files.items()}
    if made is ServerTls:
        paths = {"clients": "require", "client_ca": paths.pop("ca"), **paths}
    with pytest.raises(DomainError, match=says) as refused:
        made(**paths).context()
    assert refused.value.hint
    secrets = {line for file in tmp_path.glob("*.key") for line in file.read_text().splitlines() if "-" not in line}
    assert secrets
    assert not [line for line in secrets if line in str(refused.value)]


@pytest.mark.parametrize("minimum", get_args(Version))
def test_versions(minimum: Version, tmp_path: Path) -> None:
    """Nothing below TLS 1.2 is spoken, and nothing below 1.3 where that is asked for."""
    pair = Authority(tmp_path).issue("own")
    contexts = [
        ServerTls(certificate=pair.certificate, key=pair.key, minimum=minimum).load(),
        ClientTls(minimum=minimum).load(),
    ]
    expected = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[minimum]
    assert [context.minimum_version for context in contexts] == [expected] * 2


def test_who_is_trusted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A client verifies certificate and name by the system's authorities or by those given; `insecure` verifies nothing, and
    warns; a server trusts none but the authorities named.
    """
    authority = Authority(tmp_path)
    pair = authority.issue("own")
    ours, given = ClientTls().load(), ClientTls(ca=authority.file).load()
    assert (ours.verify_mode, ours.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (given.verify_mode, given.check_hostname, len(given.get_ca_certs())) == (ssl.CERT_REQUIRED, True, 1)
    assert not caplog.records
    assert ClientTls(insecure=True).load().verify_mode == ssl.CERT_NONE
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    modes: list[tuple[Clients, ssl.VerifyMode]]
    modes = [("none", ssl.CERT_NONE), ("request", ssl.CERT_OPTIONAL), ("require", ssl.CERT_REQUIRED)]
    for clients, mode in modes:
        ca = "" if clients == "none" else authority.file
        server = ServerTls(certificate=pair.certificate, key=pair.key, client_ca=ca, clients=clients).load()
        assert (server.verify_mode, len(server.get_ca_certs())) == (mode, bool(ca))
