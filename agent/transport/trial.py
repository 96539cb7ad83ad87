"""A certificate tried at the broker before it takes the place of another: a second connection that says nothing.

Without a word of MQTT no session begins, so the one that stands is not thrown out by its own name.
"""

from __future__ import annotations

import socket

from agent.clock import Clock
from agent.errors import BrokerAbsent, BrokerRefused
from agent.transport import Address, tls

CONNECT_S = 15.0
QUIET_S = 5.0
"""TLS 1.3 judges our certificate after the handshake; a broker that has not hung up by then lets us in."""


def try_certificate(address: Address, *, clock: Clock, quiet_s: float = QUIET_S) -> None:
    """Connect with the certificate that `address` names; BrokerRefused when the broker does not accept it.

    BrokerAbsent when nobody answers, so nothing is known; KeyFileError for files that do not fit together.
    """
    context = tls.context(address)
    if context is None:
        return
    try:
        plain = socket.create_connection((address.host, address.port), timeout=CONNECT_S)
        line = context.wrap_socket(plain, server_hostname=address.host)
    except OSError as error:
        raise _why(error, address, at=clock.now()) from error
    with line:
        line.settimeout(quiet_s)
        try:
            heard = line.recv(1)
        except TimeoutError:
            return
        except OSError as error:
            raise _why(error, address, at=clock.now()) from error
    if not heard:
        raise BrokerRefused(f"{address} hangs up on the certificate", hint="ask who runs the broker")


def _why(error: OSError, address: Address, *, at: float) -> BrokerRefused | BrokerAbsent:
    end = tls.explain(error, address, at=at)
    if end.refused or isinstance(error, ConnectionResetError):
        return BrokerRefused(end.why, hint=end.hint or "ask who runs the broker")
    return BrokerAbsent(end.why, hint=end.hint or "try again when the broker answers")
