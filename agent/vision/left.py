"""Things left behind and things taken away, in the zones that ask for it.

What stands still and does not belong to the place is a thing when nobody is it: a person whom the
detector has lost where they stand is none. A thing is left when none of those who can have brought it
is near any more. Only how long that has been so leaves this module.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.pixels import Box, Frame, Track, Tracks
from agent.records import Observation
from agent.vision.geometry import area, covered, foot, inside, iou
from agent.vision.ground import Ground, Patch
from agent.vision.settings import View

LOST_S = 1.5
"""How soon the track of somebody who was lost begins anew."""
EVERY_S = 0.5
"""Time between two looks."""
GAP_S = 5.0
"""What happened in a longer silence teaches the backgrounds nothing."""
BESIDE_S = 8.0
"""Who was beside a thing at most this long before it was seen may have brought it: they hid it until then."""
OWNERS, AS_LONG = 2, 0.5
"""Of those, so many who were there longest are minded, the second if for at least this share of the time; others passed by."""
BESIDE, NEAR = 0.25, 1.5
"""Within so many of one's own heights one is beside a thing, or near enough to be minding it."""
BEFORE = 0.5
"""Who hid at least this share of a thing's place can have put it there, sooner than somebody beside it."""
SAME = 0.2
"""Overlap from which a patch is the thing of before."""
HIDDEN_S, GONE_S = 60.0, 3.0
"""How long a thing is believed in while somebody stands before it, and while its place is in plain sight."""
FIDGETS, LATELY = 0.15, 0.2
"""A thing of which more than this share stirs, as a mean over about five looks, is somebody who was not found."""
SURE = 4
"""Looks in which it must have been seen."""
ACCEPT_S = 1800.0
"""What has been there for so long belongs to the place."""
PERSON_SHARE = 0.4
"""A patch of at least this share of a lost track's size that the track covered is whoever was lost there."""


@dataclass(slots=True)
class Thing:
    """Something that came and stayed, or that went; `owners` are those who may have brought it."""

    box: Box
    since: float
    seen: float
    owners: set[int]
    minded: float
    """When an owner was last near."""
    alone: float | None = None
    """Since when no owner has been near."""
    is_somebody: bool = False
    looks: int = 1
    taken_looks: int = 0
    """In how many of them it seemed that something had been there before."""
    unrest: float = 0.0
    """The share of it that is not quite still, lately."""

    @property
    def taken(self) -> bool:
        return 2 * self.taken_looks > self.looks

    @property
    def is_sure(self) -> bool:
        return self.looks >= SURE and not self.is_somebody

    @property
    def counts(self) -> bool:
        return self.is_sure and self.unrest < FIDGETS


@dataclass(slots=True)
class Left:
    """The things of one view."""

    view: View
    report_s: float
    _ground: Ground = field(default_factory=Ground)
    _things: list[Thing] = field(default_factory=list)
    _before: deque[Tracks] = field(default_factory=deque)
    """The tracks of the last looks, as far back as somebody can have brought something."""
    _at: float = -math.inf
    _reported: float = -math.inf

    def observe(self, frame: Frame, tracks: Tracks) -> Iterator[Observation]:
        """What the zones that watch for things hold, every `report_s`."""
        if not any(zone.things for zone in self.view.zones):
            return
        elapsed = frame.at - self._at
        if elapsed < 0.0:  # a clock that was set back: how long something has been there is not known
            self._things.clear()
        if not 0.0 <= elapsed < EVERY_S:
            self._look(frame, tracks, elapsed_s=elapsed if 0.0 <= elapsed <= GAP_S else 0.0)
        if not 0.0 <= frame.at - self._reported < self.report_s:
            self._reported = frame.at
            yield from self._report(frame.camera, frame.at)

    def _look(self, frame: Frame, tracks: Tracks, *, elapsed_s: float) -> None:
        self._at = frame.at
        busy = [track.box for track in tracks.items]
        patches = self._ground.look(
            frame.pixels, busy, [thing.box for thing in self._things if thing.is_sure], elapsed_s=elapsed_s
        )
        self._before.append(tracks)
        while self._before[0].at < frame.at - BESIDE_S or self._before[0].at > frame.at:
            self._before.popleft()
        aspect = _aspect(frame)
        self._match(patches, frame.at, aspect)
        self._things = [thing for thing in self._things if self._lasts(thing, frame.at)]
        for thing in self._things:
            mind(thing, tracks, aspect)

    def _match(self, patches: Sequence[Patch], at: float, aspect: float) -> None:
        for patch in patches:
            thing = max(self._things, key=lambda one: iou(one.box, patch.box), default=None)
            if thing and (iou(thing.box, patch.box) >= SAME or covered(patch.box, thing.box) >= 1 - SAME):
                thing.seen = at
                thing.looks += 1
                thing.taken_looks += patch.taken
                thing.box = patch.box if area(patch.box) > area(thing.box) / 2 else thing.box
            else:
                owners = beside(patch.box, self._before, aspect)
                minded = last_near(owners, patch.box, self._before, aspect)
                lost = is_lost_there(patch.box, self._before)
                self._things.append(
                    Thing(patch.box, at, at, owners, minded, is_somebody=lost, taken_looks=int(patch.taken))
                )

    def _lasts(self, thing: Thing, at: float) -> bool:
        if at - thing.since > ACCEPT_S:
            self._ground.absorb(thing.box)
            return False
        held = self._ground.holds(thing.box) if thing.is_sure else False
        if held:
            thing.seen = at
            thing.unrest += (self._ground.unrest(thing.box) - thing.unrest) * LATELY
        return at - thing.seen <= (HIDDEN_S if held is None else GONE_S)

    def _report(self, camera: str, at: float) -> Iterator[Observation]:
        for zone in self.view.zones:
            if zone.things:
                here = [one for one in self._things if one.counts and inside(foot(one.box), zone.polygon)]
                left = (at - one.alone for one in here if one.alone is not None and not one.taken)
                gone = (at - one.since for one in here if one.taken)
                yield Observation(camera, f"{zone.id}/object/left_s", max(left, default=0.0), at)
                yield Observation(camera, f"{zone.id}/object/removed_s", max(gone, default=0.0), at)


def mind(thing: Thing, tracks: Tracks, aspect: float) -> None:
    """Note whether any owner is near; a track that begins near as an owner's is lost is that owner's."""
    for one, other in tracks.exchanged:
        if (one in thing.owners) != (other in thing.owners):
            thing.owners ^= {one, other}
    near = [track for track in tracks.items if away(track, thing.box, aspect) <= NEAR]
    if thing.alone is None and not thing.owners & {track.number for track in tracks.items}:
        heirs = [track for track in near if 0.0 <= track.since - thing.minded <= LOST_S]
        thing.owners = {min(heirs, key=lambda one: away(one, thing.box, aspect)).number} if heirs else set()
    if any(track.number in thing.owners for track in near):
        thing.minded, thing.alone = tracks.at, None
    elif thing.alone is None:
        thing.alone = thing.minded


def beside(box: Box, before: Sequence[Tracks], aspect: float) -> set[int]:
    """The numbers of those who may have brought what is in a place, by how they stood within the looks of `before`."""
    items = [track for tracks in before for track in tracks.items]
    there = Counter(track.number for track in items if covered(box, track.box) >= BEFORE)
    there = there or Counter(track.number for track in items if away(track, box, aspect) <= BESIDE)
    longest = max(there.values(), default=0)
    return {number for number, looks in there.most_common(OWNERS) if looks >= AS_LONG * longest}


def last_near(owners: set[int], box: Box, before: Sequence[Tracks], aspect: float) -> float:
    """When any of the owners was last near a place, within the looks of `before`; its end where nobody was."""
    near = (
        tracks.at
        for tracks in reversed(before)
        for track in tracks.items
        if track.number in owners and away(track, box, aspect) <= NEAR
    )
    return next(near, before[-1].at)


def is_lost_there(box: Box, before: Sequence[Tracks]) -> bool:
    """Whether a track that covered the place ended without going away: whoever it was is still there."""
    last = {track.number: track for tracks in before for track in tracks.items}
    now = {track.number for track in before[-1].items} if before else set()
    lost = [track for number, track in last.items() if number not in now]
    return any(covered(box, one.box) > PERSON_SHARE and area(box) > PERSON_SHARE * area(one.box) for one in lost)


def away(track: Track, box: Box, aspect: float) -> float:
    """How far from a box somebody stands, from edge to edge, in their own heights."""
    left, top, right, bottom = track.box
    across = max(0.0, box.left - right, left - box.right) * aspect
    along = max(0.0, box.top - bottom, top - box.bottom)
    return math.hypot(across, along) / max(1e-6, bottom - top)


def _aspect(frame: Frame) -> float:
    height, width = frame.pixels.shape[:2]
    return float(width / height)
