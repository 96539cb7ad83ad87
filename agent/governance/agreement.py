"""One agreement (`patto`): a partner from outside, what they receive, why, and until when.

The days are those of its own time zone, both included; outside them it grants nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from agent.contract.types import EventKind
from agent.documents import problems_in, read
from agent.errors import UserError
from agent.governance.union import Id, Line, Union, unknown_comuni

PartnerRole = Literal["police", "operator", "statistics", "auditor", "witness", "public"]
Purpose = Literal["public-security", "traffic", "civil-protection", "planning", "oversight", "research"]
DAY_S = 86_400


class Partner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who receives; `id` is the last part of the name in their certificate."""

    id: Id
    name: Line
    role: PartnerRole
    contact: Line


class Agreement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of one document."""

    version: Literal[1]
    id: Id
    partner: Partner
    comuni: Annotated[tuple[Id, ...], Meta(min_length=1)]
    events: tuple[EventKind, ...] = ()
    purpose: Purpose
    legal_basis: Line
    since: date
    until: date
    timezone: str = "Europe/Rome"
    retention_days: Annotated[int, Meta(ge=1, le=365)]
    sound: bool = False
    """Whether nodes in these comuni may listen."""

    @property
    def begins_at(self) -> float:
        """The first instant at which it holds."""
        return _midnight(self.since, self.timezone)

    @property
    def ends_at(self) -> float:
        """The first instant at which it no longer holds."""
        return _midnight(self.until + timedelta(days=1), self.timezone)

    def holds(self, at: float) -> bool:
        return self.begins_at <= at < self.ends_at


def load(path: Path, union: Union) -> Agreement:
    """The agreement at `path`; ConfigError lists every problem with it."""
    agreement = read(path, Agreement)
    if found := tuple(_problems(agreement, union)):
        raise problems_in(str(path), found)
    return agreement


def load_all(folder: Path, union: Union) -> tuple[Agreement, ...]:
    """Every `*.yaml` of a folder, by name of file; UserError for two with one id, or a partner's second role."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder", hint="give the folder with the agreements, one YAML file each")
    loaded = tuple(load(path, union) for path in sorted(folder.glob("*.yaml")))
    _check_together(folder, loaded)
    return loaded


def problems(agreement: Agreement) -> Iterator[str]:
    """What is wrong with one agreement, whatever union it is of."""
    if agreement.until < agreement.since:
        yield f"until: {agreement.until} is before {agreement.since}"
    if agreement.partner.role in ("police", "operator") and not agreement.events:
        yield f"events: a partner in the role {agreement.partner.role} needs at least one type of event"
    if agreement.partner.role not in ("police", "operator") and agreement.events:
        yield f"events: the role {agreement.partner.role} receives no events; leave them out"
    try:
        ZoneInfo(agreement.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield f"timezone: '{agreement.timezone}' is not known (such as Europe/Rome)"


def _problems(agreement: Agreement, union: Union) -> Iterator[str]:
    yield from unknown_comuni(union, agreement.comuni, "comuni")
    yield from problems(agreement)
    if agreement.partner.id in {party.id for party in union.parties}:
        yield f"partner.id: '{agreement.partner.id}' is a party of the union itself"


def _check_together(folder: Path, agreements: Sequence[Agreement]) -> None:
    seen: dict[str, Agreement] = {}
    roles: dict[str, str] = {}
    found = []
    for one in agreements:
        if one.id in seen:
            found.append(f"{one.id}: two agreements have this id")
        if roles.setdefault(one.partner.id, one.partner.role) != one.partner.role:
            found.append(f"{one.id}: partner '{one.partner.id}' has the role {roles[one.partner.id]} in another")
        seen[one.id] = one
    if found:
        raise problems_in(str(folder), tuple(found))


def _midnight(day: date, timezone: str) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)).timestamp()
