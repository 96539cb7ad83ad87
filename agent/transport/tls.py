"""TLS of a client: a context from three files, and what its failures mean to a person.

The invariant: without TLS nothing leaves this machine.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from agent.errors import ConfigError, KeyFileError, PiazzaError
from agent.transport import Address, Disconnected
from agent.transport.gulps import GulpingSocket

_MAKE_KEYS = "make keys and certificates with: piazza keys, or ask the operator of the broker"
_NAME = "look at how the broker's name is written, and whether this machine's network knows names"
_OUR_CERTIFICATE = "have this machine's certificate renewed by the operator of the broker"

_ALERTS = {
    "CERTIFICATE_REQUIRED": ("the broker wants a certificate and got none", _MAKE_KEYS),
    "UNKNOWN_CA": ("the broker does not know the authority that signed our certificate", _OUR_CERTIFICATE),
    "CERTIFICATE_EXPIRED": ("the broker says that our certificate has expired", _OUR_CERTIFICATE),
    "CERTIFICATE_REVOKED": ("the broker says that our certificate was revoked", _OUR_CERTIFICATE),
    "BAD_CERTIFICATE": ("the broker does not accept our certificate", _OUR_CERTIFICATE),
    "CERTIFICATE_UNKNOWN": ("the broker does not accept our certificate", _OUR_CERTIFICATE),
    "UNSUPPORTED_CERTIFICATE": ("the broker does not accept our kind of certificate", _OUR_CERTIFICATE),
    "ACCESS_DENIED": ("the broker denies us access", _OUR_CERTIFICATE),
    "DECRYPT_ERROR": ("our key does not belong to our certificate", _MAKE_KEYS),
    "PROTOCOL_VERSION": ("the broker speaks no TLS version that we accept", "set TLS 1.2 or newer on the broker"),
}
"""TLS alerts that a broker sends, as OpenSSL names them (RFC 8446 section 6.2)."""

_NOT_YET_VALID, _EXPIRED, _HOSTNAME, _ADDRESS = 9, 10, 62, 64
"""Results of certificate verification, X509_V_ERR_* of OpenSSL."""


def context(address: Address) -> ssl.SSLContext | None:
    """What to wrap a connection with; None for a plain one, which only loopback may have.

    KeyFileError for files that are missing or do not fit, ConfigError for a plain connection to
    another machine.
    """
    files = (address.ca, address.certificate, address.key)
    if not any(files):
        if not is_loopback(address.host):
            raise ConfigError(
                f"{address}: a broker on another machine needs TLS", hint="give ca, certificate and key of the broker"
            )
        return None
    if not all(files):
        raise ConfigError(f"{address}: TLS needs all of ca, certificate and key", hint=_MAKE_KEYS)
    for path in files:
        _must_be_readable(path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.sslsocket_class = GulpingSocket
    try:
        tls.load_verify_locations(address.ca)
        tls.load_cert_chain(address.certificate, address.key)
    except ssl.SSLError as error:
        raise KeyFileError(
            f"{address.ca}, {address.certificate} and {address.key} do not fit together: {_reason(error)}",
            hint=_MAKE_KEYS,
        ) from error
    return tls


def common_name(certificate: str) -> str:
    """The name in a certificate, which is also the name that the broker knows us by."""
    _must_be_readable(certificate)
    try:
        found = x509.load_pem_x509_certificate(Path(certificate).read_bytes())
        return str(found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    except (ValueError, IndexError) as error:
        raise KeyFileError(f"{certificate}: not a certificate with a common name", hint=_MAKE_KEYS) from error


def is_loopback(host: str) -> bool:
    """Whether a connection to `host` stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def explain(error: OSError, address: Address, *, at: float) -> Disconnected:
    """What a failed connection means; `at` is what the clock of this machine says."""
    if isinstance(error, PiazzaError):
        return Disconnected(error.message, refused=True, hint=error.hint)
    if isinstance(error, ssl.SSLCertVerificationError):
        return _distrusted(error, address, at)
    if isinstance(error, ssl.SSLError):
        return explain_alert(_reason(error), address) or Disconnected(f"TLS with {address} failed: {_reason(error)}")
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
        return Disconnected(f"no machine is called {address.host}", hint=_NAME, unknown=True)
    return Disconnected(f"no broker answers at {address}: {error.strerror or error}")


def explain_alert(text: str, address: Address) -> Disconnected | None:
    """The meaning of a TLS alert somewhere in `text`; None when there is none."""
    told = text.upper().replace(" ", "_")
    for name, (why, hint) in _ALERTS.items():
        if f"ALERT_{name}" in told:
            return Disconnected(f"{address}: {why}", refused=True, hint=hint)
    if "WRONG_VERSION_NUMBER" in told or "RECORD_LAYER_FAILURE" in told:
        return Disconnected(
            f"{address} does not speak TLS", refused=True, hint="give the port of the TLS listener, usually 8883"
        )
    return None


def _distrusted(error: ssl.SSLCertVerificationError, address: Address, at: float) -> Disconnected:
    """Why we do not trust the broker; a wrong clock is the usual reason on a node."""
    if error.verify_code in (_NOT_YET_VALID, _EXPIRED):
        when = "is not valid yet" if error.verify_code == _NOT_YET_VALID else "has expired"
        clock = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return Disconnected(
            f"the certificate of {address} {when} if it is {clock}, as the clock of this machine says",
            refused=True,
            hint="set the clock of this machine; if it is right, renew the certificate of the broker",
        )
    if error.verify_code in (_HOSTNAME, _ADDRESS):
        return Disconnected(
            f"the certificate of {address} is not for the name {address.host}",
            refused=True,
            hint="give the host by the name that stands in the broker's certificate",
        )
    return Disconnected(
        f"the certificate of {address} is not signed by {address.ca}: {error.verify_message}",
        refused=True,
        hint="give the ca file of this broker's operator",
    )


def _must_be_readable(path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror or error}", hint=_MAKE_KEYS) from error


def _reason(error: ssl.SSLError) -> str:
    return error.reason or str(error)
