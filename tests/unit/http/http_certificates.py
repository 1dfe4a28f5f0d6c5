"""Certificates made on the spot, for the tests of this room."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

LOCAL = ("localhost", "127.0.0.1")


class Pair(msgspec.Struct, frozen=True):
    """Two files."""

    certificate: str
    key: str


class Authority:
    """Signs certificates; all its files lie in one folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(self._name, self._key, days=30)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = dict.fromkeys(["content_commitment", "key_encipherment", "data_encipherment", "key_agreement"], False)
        usage |= {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
        made = made.add_extension(x509.KeyUsage(**usage, encipher_only=False, decipher_only=False), critical=True)
        self.file = str(folder / f"{name}.pem")
        Path(self.file).write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, *, hosts: tuple[str, ...] = LOCAL, days: int = 1, passphrase: bytes = b"") -> Pair:
        """Sign a certificate for a host or a caller; one with `days` below 0 has expired. Files of that name are replaced."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, days=days)
        names = [x509.IPAddress(ipaddress.ip_address(h)) if h[0].isdigit() else x509.DNSName(h) for h in hosts]
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = made.add_extension(issuer, critical=False)
        encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
        pair = Pair(str(self._folder / f"{name}.pem"), str(self._folder / f"{name}.key"))
        _replace(pair.certificate, made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        _replace(pair.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        return pair

    def _builder(self, subject: x509.Name, key: Any, *, days: int) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=60)).not_valid_after(now + timedelta(days=days))
        return made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)

    def trusting(self, pair: Pair | None = None) -> ssl.SSLContext:
        """What a foreign client trusts, and shows."""
        context = ssl.create_default_context(cafile=self.file)
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    def showing(self, pair: Pair, *, ask: bool = False) -> ssl.SSLContext:
        """What a foreign server shows; `ask` for one that lets only our callers in."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.file)
        context.load_cert_chain(pair.certificate, pair.key)
        context.verify_mode = ssl.CERT_REQUIRED if ask else ssl.CERT_NONE
        return context


def _replace(path: str, content: bytes) -> None:
    """As those do who renew certificates: a new file under the old name."""
    draft = Path(f"{path}.draft")
    draft.write_bytes(content)
    draft.replace(path)
