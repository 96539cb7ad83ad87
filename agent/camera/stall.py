"""When a camera counts as stalled: no picture for too long, or the same picture for too long.

Pure: the caller says what time it is. Noise makes every picture of a real sensor differ from the one
before, so identical bytes over `stall_s` seconds mean that a buffer is being repeated.
"""

from __future__ import annotations

from zlib import crc32

from agent.camera.pictures import Picture
from agent.errors import CameraStalled


class Stall:
    """Watches one camera; the first call to `check` starts its patience."""

    def __init__(self, camera: str, *, stall_s: float) -> None:
        self._camera, self._stall_s = camera, stall_s
        self._seen: float | None = None
        self._changed: float | None = None
        self._print = -1

    def check(self, at: float, pixels: Picture | None) -> None:
        """Take note of a picture, or of none; CameraStalled when either patience is at an end."""
        if self._seen is None or self._changed is None:
            self._seen = self._changed = at
        if pixels is None:
            self._judge(at - self._seen, "gave no picture", "look at its cable, its power and its address")
            return
        self._seen = at
        fingerprint = crc32(pixels.data)
        if fingerprint != self._print:
            self._print, self._changed = fingerprint, at
        self._judge(at - self._changed, "repeated one picture", "its driver or encoder hangs: power-cycle it")

    def _judge(self, waited_s: float, what: str, hint: str) -> None:
        if waited_s >= self._stall_s:
            raise CameraStalled(f"camera '{self._camera}' {what} for {waited_s:.1f} s", hint=hint)
