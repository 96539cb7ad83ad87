"""A small certificate authority for a bench: TLS certificates for a broker and its clients.

The common name of a client is what mosquitto's `use_identity_as_username` calls it: a full name
with dots for slashes, since a user name with a slash is shut out of pattern rules. Certificates
begin a day early, because the clock of a node that has just booted may be behind.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agent.errors import KeyFileError, UserError, why
from agent.files import write_atomic
from agent.provision.issued import Issued
from agent.provision.keys import write_secret

BACKDATED_S = 86_400
MAX_COMMON_NAME = 64
"""RFC 5280, ub-common-name."""

_AUTHORITY = "Piazza bench authority"
_Names = x509.SubjectAlternativeName | None
_CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
_BROKER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
"""A broker of a cluster is also a client of its fellows; as a party it has no rights, since no access list names it."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A certificate and its private key, both PEM."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates with the key `ca.key` of its folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What broker and clients trust."""
        return self.folder / "ca.pem"

    @classmethod
    def make(cls, folder: Path, *, at: float, days: int) -> Authority:
        """A new authority in `folder`; KeyFileError where one is already there."""
        authority, key = cls(folder), _new_key(folder / "ca.key")
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = (
            _builder(_AUTHORITY, key.public_key(), at=at, days=days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        write_atomic(authority.certificate, builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return authority

    def server(self, files: TlsFiles, hosts: Sequence[str], *, at: float, days: int) -> None:
        """A certificate for a broker that is reached under `hosts`."""
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        self._issue(files, hosts[0], _BROKER, at=at, days=days, names=names)

    def client(self, files: TlsFiles, name: str, *, at: float, days: float) -> None:
        """A certificate that proves to a broker that the client is `name`."""
        self._issue(files, common_name(name), _CLIENT, at=at, days=days)

    def client_for(self, request: str, name: str, *, at: float, days: float) -> str:
        """The certificate, in PEM, for the key of a request; what the request says of itself does not count."""
        return self._signed(_asked(request), common_name(name), _CLIENT, at=at, days=days)

    def server_for(self, request: str, hosts: Sequence[str], *, at: float, days: int) -> str:
        """The same for a server that is reached under `hosts`."""
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        return self._signed(_asked(request), hosts[0], _BROKER, at=at, days=days, names=names)

    def again(self, files: TlsFiles, *, at: float, days: float) -> str:
        """A certificate, in PEM, for the same key, name and use as the one in `files`."""
        old = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        (common,) = old.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        usage = old.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        try:
            names = old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            names = None
        public = _own_key(files.key).public_key()
        return self._signed(public, str(common.value), usage, at=at, days=days, names=names)

    def revocations(self, serials: Sequence[int], *, at: float, days: int) -> str:
        """The list, in PEM, of certificates that a broker must no longer let in."""
        begins = datetime.fromtimestamp(at, UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _AUTHORITY)]))
            .last_update(begins - timedelta(seconds=BACKDATED_S))
            .next_update(begins + timedelta(days=days))
        )
        for serial in serials:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(begins).build()
            )
        return builder.sign(self._key(), hashes.SHA256()).public_bytes(Encoding.PEM).decode("ascii")

    def sign(self, content: bytes) -> bytes:
        """What shows to everybody who trusts our certificates that these are our words; ECDSA with SHA-256, DER."""
        return self._key().sign(content, ec.ECDSA(hashes.SHA256()))

    def made(self, certificate: str, *, at: float) -> bool:
        """Whether a certificate in PEM is one of ours, and good at an instant."""
        try:
            shown = x509.load_pem_x509_certificate(certificate.encode("ascii"))
            shown.verify_directly_issued_by(x509.load_pem_x509_certificate(self.certificate.read_bytes()))
        except (ValueError, TypeError, InvalidSignature):
            return False
        return shown.not_valid_before_utc.timestamp() <= at < shown.not_valid_after_utc.timestamp()

    def _issue(
        self, files: TlsFiles, name: str, usage: x509.ExtendedKeyUsage, *, at: float, days: float, names: _Names = None
    ) -> None:
        self._key()  # where there is no authority, no new key is left behind
        signed = self._signed(_new_key(files.key).public_key(), name, usage, at=at, days=days, names=names)
        write_atomic(files.certificate, signed.encode("ascii"))

    def _signed(
        self,
        public: ec.EllipticCurvePublicKey,
        name: str,
        usage: x509.ExtendedKeyUsage,
        *,
        at: float,
        days: float,
        names: x509.SubjectAlternativeName | None = None,
    ) -> str:
        signing = self._key()
        builder = (
            _builder(name, public, at=at, days=days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(signing, hashes.SHA256())
        Issued(self.folder).note(certificate.serial_number, name, until=certificate.not_valid_after_utc.timestamp())
        return certificate.public_bytes(Encoding.PEM).decode("ascii")

    def _key(self) -> ec.EllipticCurvePrivateKey:
        return _own_key(self.folder / "ca.key")


def is_signed(ca: Path, content: bytes, signature: bytes) -> bool:
    """Whether the authority whose certificate lies at `ca` has signed `content`."""
    key = x509.load_pem_x509_certificate(ca.read_bytes()).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # as `Authority.make` makes it
    with suppress(InvalidSignature):
        key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        return True
    return False


def new_request(key: Path, name: str) -> str:
    """A request in PEM for the key at `key`, which is made where it is not there yet and never leaves."""
    private = _own_key(key) if key.exists() else _new_key(key)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name(name))])
    signed = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(private, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode("ascii")


def request_digest(request: str) -> str:
    """Which key a request is for: SHA-256 of it, in hexadecimal; UserError where it is no request of ours."""
    return _digest(_asked(request))


def key_digest(certificate: str) -> str:
    """The same of the key that a certificate in PEM is for."""
    return _digest(x509.load_pem_x509_certificate(certificate.encode("ascii")).public_key())


def party_of(certificate: str) -> str:
    """The full name of the party that a certificate in PEM is for."""
    subject = x509.load_pem_x509_certificate(certificate.encode("ascii")).subject
    return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value).replace(".", "/")


def serial_of(certificate: str) -> int:
    """The number under which a certificate in PEM is revoked."""
    return x509.load_pem_x509_certificate(certificate.encode("ascii")).serial_number


def fingerprint(certificate: str) -> str:
    """SHA-256 of a certificate in PEM as a browser shows it, pairs of capitals with colons."""
    return x509.load_pem_x509_certificate(certificate.encode("ascii")).fingerprint(hashes.SHA256()).hex(":").upper()


def begins_at(certificate: str) -> float:
    """The instant from which on a certificate in PEM is valid."""
    return x509.load_pem_x509_certificate(certificate.encode("ascii")).not_valid_before_utc.timestamp()


def ends_at(certificate: str) -> float:
    """The instant at which a certificate in PEM is no longer valid."""
    return x509.load_pem_x509_certificate(certificate.encode("ascii")).not_valid_after_utc.timestamp()


def belongs(certificate: str, key: Path) -> bool:
    """Whether a certificate in PEM was made for the private key at `key`."""
    found = x509.load_pem_x509_certificate(certificate.encode("ascii")).public_key()
    return found == _own_key(key).public_key()


def common_name(name: str) -> str:
    """`union/comune/node` as a user name of the broker."""
    dotted = name.replace("/", ".")
    if len(dotted) > MAX_COMMON_NAME:
        raise UserError(
            f"'{name}' is longer than the {MAX_COMMON_NAME} characters that a certificate's name may have",
            hint="shorten the union's or the comune's id",
        )
    return dotted


def _builder(name: str, public: ec.EllipticCurvePublicKey, *, at: float, days: float) -> x509.CertificateBuilder:
    begins = datetime.fromtimestamp(at - BACKDATED_S, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _AUTHORITY)]))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days + 1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _digest(public: CertificatePublicKeyTypes) -> str:
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _asked(request: str) -> ec.EllipticCurvePublicKey:
    """The key that a request is for, once the request proves to hold its private half."""
    try:
        asked = x509.load_pem_x509_csr(request.encode("ascii"))
    except ValueError as error:
        raise UserError(f"no certificate request: {error}", hint="send it as PEM") from error
    public = asked.public_key()
    if not (isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1)):
        raise UserError("a certificate request for another kind of key", hint="P-256 (prime256v1) alone is signed")
    if not asked.is_signature_valid:
        raise UserError("a certificate request that its own key did not sign", hint="make it anew")
    return public


def _own_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{path}: {why(error)}", hint="make an authority with: piazza keys init") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"{path}: not a key of this authority", hint="make one with: piazza keys init")
    return key


def _new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    write_secret(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"))
    return key


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
