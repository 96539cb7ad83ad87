"""A rollout in waves: who may apply a release next, when to stop. Pure: reports and the time in, a plan out.

    planned -> running <-> paused -> done | stopped | aborted

The invariants: a node is touched only when its wave has begun, a wave begins only after the one before
it has been well for a while, and a node that says nothing in time has failed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.anomaly.options import Hours
from agent.contract.topics import NodeName
from agent.errors import UserError

SHARES = (0.05, 0.25, 1.0)
"""Of all nodes, after the first wave with one node of each comune."""

PIECE = 3
"""The wave that ends at 5 % goes by so many nodes at a time: a bug in every fifth node is met twice among 24."""


class Stage(StrEnum):
    """Where a rollout stands."""

    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    STOPPED = "stopped"
    ABORTED = "aborted"


class Standing(StrEnum):
    """Where one node stands."""

    WAITING = "waiting"
    TOUCHED = "touched"
    WELL = "well"
    FAILED = "failed"
    SILENT = "silent"


FAILURES = (Standing.FAILED, Standing.SILENT)


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node of a rollout: the order that it is to carry out, and by what it may be chosen.

    `wants` are the first 12 digits of its configuration's SHA-256.
    """

    name: str
    wants: str
    seq: int = 0
    tags: tuple[str, ...] = ()
    hardware: str = ""

    @property
    def comune(self) -> str:
        return NodeName.parse(self.name).comune


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When waves follow one another and when everything stops.

    A wave must stay well for `soak_s`; a node that has not told its new digest after `patience_s` has
    failed. It stops at `failures` or more if they are more than `share` of the nodes touched. `windows`
    are the hours of local time in which a wave may begin.
    """

    soak_s: Annotated[float, Meta(ge=0.0)] = 3600.0
    patience_s: Annotated[float, Meta(ge=60.0)] = 3600.0
    failures: Annotated[int, Meta(ge=1)] = 2
    share: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.05
    windows: tuple[Hours, ...] = ()
    timezone: str = "Europe/Rome"


class Progress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a rollout remembers, so that it can go on on another laptop; instants in seconds since 1970."""

    members: tuple[Member, ...]
    waves: tuple[tuple[str, ...], ...]
    soaks: tuple[int, ...] = ()
    """Numbers of the waves that must stay well for a while; after the others the next begins at once."""
    rules: Rules = Rules()
    stage: Stage = Stage.PLANNED
    wave: int = -1
    since: float = 0.0
    well_since: float | None = None
    standing: Mapping[str, Standing] = {}
    why: str = ""

    @property
    def touched(self) -> tuple[str, ...]:
        """Nodes whose turn it is or was, in the order of the waves."""
        return tuple(name for wave in self.waves[: self.wave + 1] for name in wave)

    def standing_of(self, name: str) -> Standing:
        return self.standing.get(name, Standing.WAITING)

    def count(self, *kinds: Standing) -> int:
        """How many nodes stand so."""
        touched = sum(standing in kinds for standing in self.standing.values())
        return touched + (len(self.members) - len(self.standing) if Standing.WAITING in kinds else 0)


class Told(msgspec.Struct, frozen=True):
    """What a node's signed state says: the digest that it runs, how its newest update stands, whether it is there."""

    runs: str
    seq: int = 0
    phase: str = ""
    why: str = ""
    up: bool = True


def plan(members: Sequence[Member], rules: Rules) -> Progress:
    """A rollout that has not begun: one node of each comune, then up to 5 %, 25 % and all of them."""
    if not members:
        raise UserError("no node fits", hint="choose fewer or other groups")
    waves: list[tuple[str, ...]] = []
    soaks: list[int] = []
    for wave, share in zip(_waves(members), (0.0, *SHARES), strict=False):
        size = PIECE if share == SHARES[0] else len(wave)
        waves += [wave[at : at + size] for at in range(0, len(wave), size or 1)]
        soaks.append(len(waves) - 1)
    return Progress(tuple(members), tuple(waves), tuple(dict.fromkeys(soaks)), rules)


def _waves(members: Sequence[Member]) -> Iterator[tuple[str, ...]]:
    first: dict[str, str] = {}
    for member in members:
        first.setdefault(member.comune, member.name)
    yield tuple(first.values())
    left = [member.name for member in members if member.name not in set(first.values())]
    taken = len(first)
    for share in SHARES:
        size = max(0, math.ceil(share * len(members)) - taken)
        yield tuple(left[:size])
        left, taken = left[size:], taken + size


def start(progress: Progress, at: float) -> Progress:
    """Begin with the first wave, or go on after a pause: nobody is silent for the time of it."""
    if progress.stage is Stage.PAUSED:
        return msgspec.structs.replace(progress, stage=Stage.RUNNING, since=at, well_since=None, why="")
    return _begin(msgspec.structs.replace(progress, stage=Stage.RUNNING), 0, at)


def pause(progress: Progress) -> Progress:
    """Begin no further wave until `start`; what was begun goes on."""
    return msgspec.structs.replace(progress, stage=Stage.PAUSED) if progress.stage is Stage.RUNNING else progress


def abort(progress: Progress) -> Progress:
    """End it; nobody further is touched."""
    ended = (Stage.DONE, Stage.STOPPED, Stage.ABORTED)
    return progress if progress.stage in ended else msgspec.structs.replace(progress, stage=Stage.ABORTED)


def advance(progress: Progress, told: Mapping[str, Told], at: float, *, open_now: bool = True) -> Progress:
    """Take in what nodes say, and begin the next wave, stop or end when it is time to.

    `open_now` says whether a maintenance window is open.
    """
    if progress.stage is not Stage.RUNNING:
        return progress
    progress = msgspec.structs.replace(progress, standing=dict(_standing(progress, told, at)))
    if _broken(progress):
        bad = progress.count(*FAILURES)
        return msgspec.structs.replace(progress, stage=Stage.STOPPED, why=f"{bad} of {len(progress.touched)} failed")
    if progress.count(Standing.TOUCHED):
        return msgspec.structs.replace(progress, well_since=None)
    return _onwards(progress, at, open_now=open_now)


def _onwards(progress: Progress, at: float, *, open_now: bool) -> Progress:
    """Every node touched has answered: wait for the soak, then begin the next wave or end."""
    since = at if progress.well_since is None else progress.well_since
    progress = msgspec.structs.replace(progress, well_since=since)
    if progress.wave in progress.soaks and at - since < progress.rules.soak_s:
        return progress
    if progress.wave + 1 == len(progress.waves):
        return msgspec.structs.replace(progress, stage=Stage.DONE)
    return _begin(progress, progress.wave + 1, at) if open_now else progress


def _begin(progress: Progress, wave: int, at: float) -> Progress:
    standing = {**progress.standing, **dict.fromkeys(progress.waves[wave], Standing.TOUCHED)}
    return msgspec.structs.replace(progress, wave=wave, since=at, well_since=None, standing=standing)


def _standing(progress: Progress, told: Mapping[str, Told], at: float) -> Iterator[tuple[str, Standing]]:
    members = {member.name: member for member in progress.members}
    for name in progress.touched:
        yield name, _stands(progress, members[name], told.get(name), at)


def _stands(progress: Progress, member: Member, said: Told | None, at: float) -> Standing:
    """Success is only a state that names the new digest, is up, and no longer on trial."""
    before = progress.standing_of(member.name)
    if said is not None and said.seq >= member.seq:
        if (said.runs, said.phase, said.up) == (member.wants, "committed", True):
            return Standing.WELL
        if said.phase in ("rolled-back", "refused"):
            return Standing.FAILED
    if before is Standing.WELL:
        return Standing.FAILED  # it was well and is no longer
    if before is Standing.TOUCHED and at - progress.since >= progress.rules.patience_s:
        return Standing.SILENT
    return before


def _broken(progress: Progress) -> bool:
    bad = progress.count(*FAILURES)
    return bad >= progress.rules.failures and bad > progress.rules.share * len(progress.touched)
