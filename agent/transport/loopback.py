"""Servers that are started on this machine for a while: a port for them, and the wait until they listen."""

from __future__ import annotations

import socket
from pathlib import Path

from agent.clock import Clock
from agent.errors import BrokerAbsent

HOST = "127.0.0.1"
START_S = 60.0
"""A busy machine takes its time; whoever listens earlier is not waited for."""


def free_port() -> int:
    """A port of loopback that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def wait_until_open(port: int, clock: Clock, *, log: Path) -> None:
    """Until somebody listens; BrokerAbsent with the place of its log when nobody does."""
    until = clock.monotonic() + START_S
    while clock.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        clock.sleep(0.05)
    raise BrokerAbsent(f"nothing listens on port {port}", hint=f"read {log}")
