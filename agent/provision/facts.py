"""What was found out about a node by whoever looked, and one line of what is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


class Finding(msgspec.Struct, frozen=True):
    """One line of the doctor; `todo` is empty where all is well."""

    what: str
    ok: bool
    said: str
    todo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A service as systemd knows it; `reason` and `hint` are what it said when it last ended by itself."""

    active: bool
    restarts: int = 0
    status: str = ""
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was found out at the instant `at`; `host` holds quantities of the host sensor."""

    at: float
    node: str = ""
    rootless: bool = False
    """Whoever asks may not look into the node's folders."""
    absent: bool = False
    """There is no document at all."""
    problems: tuple[str, ...] = ()
    broker: str = ""
    cameras: tuple[str, ...] = ()
    ticket: bool = False
    ticket_ends: float | None = None
    enrolment: str = ""
    """What stands between this node and its certificates, in the words of who asks for them."""
    ticket_on_card: bool = False
    missing_keys: tuple[str, ...] = ()
    open_keys: tuple[str, ...] = ()
    certificate_begins: float | None = None
    certificate_ends: float | None = None
    units: Mapping[str, Unit] = field(default_factory=dict)
    read_only: bool = False
    """What sense keeps lies where nothing can be written."""
    host: Mapping[str, float] = field(default_factory=dict)
    numbers_at: float | None = None
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    connected: bool | None = None
    waiting: int | None = None
    last: int | None = None
    memory_limits: bool | None = None
    watchdog: bool | None = None
