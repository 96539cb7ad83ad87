"""Where what a camera has learned of its scene is kept: one file a camera, whole or absent.

It is written so that a power cut leaves the old or the new, and holds nothing but what `Learned.state`
gives. A file that cannot be read costs the learning, not the node.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agent.files import write_atomic
from agent.vision.calibration import LEAST
from agent.vision.learned import Learned

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SceneFile:
    """`folder` is the node's state folder."""

    folder: Path
    camera: str

    @property
    def path(self) -> Path:
        """What was learned."""
        return self.folder / f"scene-{self.camera}.json"

    @property
    def asked(self) -> Path:
        """Lies there when somebody asked that the camera learns anew."""
        return self.folder / f"scene-{self.camera}.forget"

    def load(self, *, classes: int, least: int = LEAST) -> Learned:
        """What an earlier run kept; nothing where there is none, or none that fits."""
        try:
            return Learned.of(self.read(), classes=classes, least=least)
        except FileNotFoundError:
            return Learned(classes, least=least)
        except (OSError, msgspec.DecodeError, LookupError, TypeError, ValueError):
            log.exception("what was learned of a scene cannot be read; learning begins anew", extra=self._named())
            return Learned(classes, least=least)

    def read(self) -> dict[str, Any]:
        """The file as it is; OSError or msgspec.DecodeError as they come."""
        return msgspec.json.decode(self.path.read_bytes(), type=dict[str, Any])

    def keep(self, learned: Learned) -> None:
        """Put it there for the next run; a full disk costs the learning, not the node."""
        try:
            write_atomic(self.path, msgspec.json.encode(learned.state()), mode=0o600)
        except OSError:
            log.exception("what was learned of a scene cannot be kept", extra=self._named())

    def ask(self) -> None:
        """Let the process that watches begin to learn anew; it looks every few seconds."""
        self.asked.touch()

    def forgotten(self) -> bool:
        """Whether somebody asked, once."""
        try:
            self.asked.unlink()
        except FileNotFoundError:
            return False
        return True

    def _named(self) -> dict[str, str]:
        return {"file": str(self.path)}
