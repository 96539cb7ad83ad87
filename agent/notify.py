"""What a service tells systemd: ready, alive, what it does (sd_notify(3), standard library only).

The socket here is a local one to the service manager, the only one that the process with pixels may
have. `Pulse` is what keeps the watchdog quiet: the pipeline beats it, part by part, and a part that
stands still for `WatchdogSec=` ends the process. No timer may beat it.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


def on_end(do: Callable[[], object]) -> None:
    """Call `do` when the service manager, or Ctrl-C, asks this process to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: do())


def end_as_by_hand() -> None:
    """Let SIGTERM end this command as Ctrl-C does, so that what it has started ends with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@dataclass(frozen=True, slots=True)
class Notify:
    """Words to the service manager; without one (a bench, a test) they go nowhere."""

    address: str = ""
    watchdog_s: float | None = None

    @classmethod
    def of_service(cls, environment: Mapping[str, str] | None = None, *, pid: int | None = None) -> Notify:
        """As systemd set this process up; WATCHDOG_PID of another process means no watchdog here."""
        given = os.environ if environment is None else environment
        ours = given.get("WATCHDOG_PID", "") in ("", str(os.getpid() if pid is None else pid))
        watchdog_us = given.get("WATCHDOG_USEC", "")
        limit_s = int(watchdog_us) / 1e6 if ours and watchdog_us.isdecimal() else None
        return cls(given.get("NOTIFY_SOCKET", ""), limit_s or None)

    def ready(self, status: str = "") -> None:
        """The service does its work now; units ordered after it may start."""
        self._send(READY="1", STATUS=status)

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send(STATUS=status)

    def alive(self) -> None:
        """The watchdog may wait for another interval."""
        self._send(WATCHDOG="1")

    def stopping(self, status: str = "") -> None:
        """The end was asked for and is on its way."""
        self._send(STOPPING="1", STATUS=status)

    def starting_for(self, seconds: float, status: str = "") -> None:
        """Give the start (or the end) so many more seconds from now."""
        self._send(EXTEND_TIMEOUT_USEC=str(round(seconds * 1e6)), STATUS=status)

    def _send(self, **words: str) -> None:
        """One datagram; OSError where the address leads nowhere, which is a broken unit."""
        if not self.address:
            return
        lines = (f"{name}={' '.join(text.split())}" for name, text in words.items() if text)
        where = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.sendto("\n".join(lines).encode(), where)


@dataclass(slots=True)
class Pulse:
    """Tells that the service is alive when every part has beaten since it last told so.

    Parts are what must go on for the service to be of use: each camera, the outbox. It tells at most
    every `every_s`; a quarter of the watchdog's limit leaves three missed beats.
    """

    notify: Notify
    parts: frozenset[str]
    every_s: float
    _beaten: set[str] = field(default_factory=set)
    _told: float = float("-inf")

    @classmethod
    def of(cls, notify: Notify, parts: Iterable[str]) -> Pulse:
        return cls(notify, frozenset(parts), (notify.watchdog_s or 20.0) / 4)

    def beat(self, part: str, monotonic: float) -> None:
        """`part` has done a piece of its work; `monotonic` is the clock's own seconds."""
        self._beaten.add(part)
        if monotonic - self._told >= self.every_s and self._beaten >= self.parts:
            self._beaten.clear()
            self._told = monotonic
            self.notify.alive()

    def missing(self) -> tuple[str, ...]:
        """Parts that have not beaten since the manager was last told: the ones it still waits for."""
        return tuple(sorted(self.parts - self._beaten))

    def still(self, monotonic: float) -> tuple[str, ...]:
        """Parts that should have beaten by now and have not: they stand still, and the watchdog will say so."""
        return self.missing() if monotonic - self._told > 2 * self.every_s else ()
