"""When a camera counts as stalled: no picture for too long, or the same picture for too long.

Pure: the caller says what time it is. Noise makes every picture of a real sensor differ from the one
before, so identical bytes over `frozen_s` seconds mean that a buffer is being repeated.
"""

from __future__ import annotations

from zlib import crc32

from agent.camera.pictures import Picture
from agent.errors import CameraStalled


class Stall:
    """Watches one camera; the first call to `check` starts its patience."""

    def __init__(self, camera: str, *, stall_s: float, frozen_s: float) -> None:
        self._camera, self._stall_s, self._frozen_s = camera, stall_s, frozen_s
        self._seen: float | None = None
        self._changed: float | None = None
        self._print = -1

    def check(self, at: float, pixels: Picture | None) -> None:
        """Take note of a picture, or of none; CameraStalled when either patience is at an end."""
        if self._seen is None or self._changed is None:
            self._seen = self._changed = at
        if pixels is None:
            self._judge(at - self._seen, self._stall_s, "gave no picture", "look at its cable and its power")
            return
        self._seen = at
        fingerprint = crc32(pixels.data)
        if fingerprint != self._print:
            self._print, self._changed = fingerprint, at
        self._judge(at - self._changed, self._frozen_s, "repeated one picture", "its driver or encoder hangs")

    def excuse(self) -> None:
        """Forget how long it has been: the camera is known to be away, its patience starts again."""
        self._seen = self._changed = None

    def _judge(self, waited_s: float, limit_s: float, what: str, hint: str) -> None:
        if waited_s >= limit_s:
            raise CameraStalled(f"camera '{self._camera}' {what} for {waited_s:.1f} s", hint=hint)
