"""The way to the authority: one question and one answer over TLS 1.3."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from agent.errors import BrokerAbsent, KeyFileError, why
from agent.provision.enrol import MAX_BYTES, Answer

TIMEOUT_S = 15.0


def context(ca: Path) -> ssl.SSLContext:
    """Who we believe; KeyFileError where the authority's certificate is missing or is none."""
    try:
        tls = ssl.create_default_context(cafile=str(ca))
    except OSError as error:
        raise KeyFileError(f"{ca}: {why(error)}", hint="make a new card: piazza image") from error
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    return tls


def post(server: str, path: str, body: bytes, tls: ssl.SSLContext) -> Answer:
    """What the authority at HOST:PORT says; BrokerAbsent when it is away, hangs up on us, or speaks nonsense."""
    where = urlsplit(f"//{server}")
    line = http.client.HTTPSConnection(str(where.hostname), where.port, timeout=TIMEOUT_S, context=tls)
    try:
        line.request("POST", path, body, {"Content-Type": "application/json"})
        return msgspec.json.decode(line.getresponse().read(MAX_BYTES * 16), type=Answer)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: no JSON, no Answer, no text
        raise BrokerAbsent(f"{server}: {_said(error)}", hint="is the network up, and the clock right?") from error
    finally:
        line.close()


def _said(error: Exception) -> str:
    """In a few words; a certificate that is refused says why, without what OpenSSL says around it."""
    return (
        f"its certificate is refused: {error.verify_message}"
        if isinstance(error, ssl.SSLCertVerificationError)
        else why(error)
    )
