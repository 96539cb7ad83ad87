"""The way to the authority: one question and one answer over TLS 1.3."""

from __future__ import annotations

import http.client
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from agent.errors import BrokerAbsent
from agent.provision.enrol import MAX_BYTES, Answer

TIMEOUT_S = 15.0


def context(ca: Path) -> ssl.SSLContext:
    """Who we believe."""
    tls = ssl.create_default_context(cafile=str(ca))
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    return tls


def post(server: str, path: str, body: bytes, tls: ssl.SSLContext) -> Answer:
    """What the authority at HOST:PORT says; BrokerAbsent when it is away, or hangs up on us."""
    where = urlsplit(f"//{server}")
    line = http.client.HTTPSConnection(str(where.hostname), where.port, timeout=TIMEOUT_S, context=tls)
    try:
        line.request("POST", path, body, {"Content-Type": "application/json"})
        return msgspec.json.decode(line.getresponse().read(MAX_BYTES * 16), type=Answer)
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise BrokerAbsent(f"{server}: {error}", hint="is the network up, and the clock right?") from error
    finally:
        line.close()
