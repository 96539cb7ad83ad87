"""Which view sense looks at: the document's, or what a technician has drawn and tries while commissioning is open.

A new node's document hides the whole picture, so that nobody could aim it: while somebody stands there such a camera
may look, with no zone to count in. The invariants: only views differ from the document, a document that
comes by update keeps every mask it has, and one process looks at one view: when another is to be tried it ends and is started anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.commands.assembly import digest
from agent.commissioning import Commissioning
from agent.config import CameraSection, Config, check, load
from agent.errors import ConfigError
from agent.vision.settings import Polygon, View

log = logging.getLogger(__name__)

CORNERS = frozenset({(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)})


@dataclass(slots=True)
class Trial:
    """Asked at the start and every second; `commissioning` is None on a bench that has no run folder."""

    document: Path
    commissioning: Commissioning | None
    clock: Clock
    _of: tuple[bool, int] = field(init=False)
    _is_bare: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._of = self._which()

    def __call__(self) -> bool:
        """Whether another view than the one of `config` should be looked at by now."""
        which = self._which()
        if which == self._of:
            return False
        return self._is_bare or bool(which[1]) or bool(self._of[1])

    def config(self) -> tuple[Config, str, bool]:
        """What to run, the digest of it, and whether it is a trial. ConfigError for a document that is not good."""
        kept = load(self.document)
        self._is_bare = not self._is_bound and any(_hides_all(camera.view) for camera in kept.cameras)
        is_open, drawn = self._of
        tried = self._drawn(kept) if drawn else None
        if tried is None and is_open and self._is_bare:
            tried = msgspec.structs.replace(kept, cameras=tuple(_bared(camera) for camera in kept.cameras))
        if tried is None or tried == kept:
            return kept, digest(self.document.read_bytes()), False
        return tried, digest(msgspec.json.encode(tried)), True

    @property
    def _is_bound(self) -> bool:
        """A document that comes by update is a link into a release."""
        return self.document.is_symlink()

    def _which(self) -> tuple[bool, int]:
        """Whether commissioning is open, and when something was drawn, 0 for never."""
        if self.commissioning is None or not self.commissioning.is_open(self.clock.now()):
            return False, 0
        try:
            return True, self.commissioning.proposal.stat().st_mtime_ns
        except OSError:
            return True, 0

    def _drawn(self, kept: Config) -> Config | None:
        """The document with the views that were drawn; None where these do not fit it."""
        assert self.commissioning  # it is open
        try:
            drawn = load(self.commissioning.proposal)
        except ConfigError as error:
            log.warning("what was drawn is not tried", extra={"said": error.message})
            return None
        views = {camera.id: camera.view for camera in drawn.cameras}
        if set(views) != {camera.id for camera in kept.cameras}:
            log.warning("what was drawn is for other cameras")
            return None
        cameras = tuple(self._viewed(camera, views[camera.id]) for camera in kept.cameras)
        tried = msgspec.structs.replace(kept, cameras=cameras)
        return None if any(check(tried)) else tried

    def _viewed(self, camera: CameraSection, view: View) -> CameraSection:
        if self._is_bound:
            masks: tuple[Polygon, ...] = (*camera.view.masks, *view.masks)
            view = msgspec.structs.replace(view, masks=masks)
        return msgspec.structs.replace(camera, view=view)


def _hides_all(view: View) -> bool:
    return any(set(mask) == CORNERS and len(mask) == len(CORNERS) for mask in view.masks)


def _bared(camera: CameraSection) -> CameraSection:
    """A camera that may look, and counts nothing."""
    return msgspec.structs.replace(camera, view=View(masks=())) if _hides_all(camera.view) else camera
