"""The synthetic camera: pictures of a drawn world, with the truth about them.

Frame n shows the world at n / fps seconds and is stamped `start + n / fps`, at any pace.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from math import ceil

from agent.camera import Surroundings
from agent.camera.drawing import Painter
from agent.camera.faults import BLIND, shift_px, spoiled
from agent.camera.pictures import Picture, sealed, turned
from agent.camera.settings import Rotation, SyntheticSettings
from agent.camera.stage import Figure, Stage
from agent.camera.stall import Stall
from agent.camera.world import Fault, FaultKind
from agent.errors import CameraError
from agent.pixels import Box, Detection, Detections, Frame

_TURNS: tuple[Rotation, ...] = (0, 90, 180, 270)


class SyntheticCamera:
    """Draws the scene from its start on; at pace `timestamps` it sleeps on the clock, else it never does.

    With `stall_s` it raises CameraStalled on a frozen or absent picture as a real driver does;
    without it a fault is only drawn.
    """

    networked = False

    def __init__(self, name: str, settings: SyntheticSettings, surroundings: Surroundings) -> None:
        if surroundings.scene is None:
            raise CameraError(f"camera '{name}': no world to draw", hint="name a world.yaml under `world`")
        self._name, self._settings, self._scene = name, settings, surroundings.scene
        self._clock, self._start = surroundings.clock, surroundings.since()
        self._stage = Stage(self._scene, camera=name, aspect=settings.width / settings.height)
        self._painter = Painter(self._scene, name, settings.width, settings.height, settings.seed)
        self._turn = _TURNS[(settings.hangs + settings.rotation) // 90 % 4]
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        """Every picture that the camera gives, to the end of the world or until it is closed."""
        patience = self._settings.stall_s
        stall = Stall(self._name, stall_s=patience, frozen_s=patience) if patience else None
        for number in range(ceil(self._scene.duration_s * self._settings.fps)):
            if self._closed.is_set():
                return
            at = self._start + number / self._settings.fps
            if self._settings.pace == "timestamps":
                self._clock.sleep(at - self._clock.now())
            pixels = self._pixels(number)
            if stall:
                stall.check(at, pixels)
            if pixels is not None:
                yield Frame(self._name, at, sealed(turned(pixels, self._turn)))

    def close(self) -> None:
        self._closed.set()

    def truth(self, at: float) -> Detections:
        """Who is in the picture taken at `at`: boxes clipped to the frame, score = the visible share."""
        t = at - self._start
        if self._fault(t, *BLIND):
            return Detections(self._name, at, ())
        seen = (self._seen(figure, t) for figure in self._stage.figures(self._shown(t)) if figure.visible > 0.0)
        return Detections(self._name, at, tuple(one for one in seen if one))

    def _seen(self, figure: Figure, t: float) -> Detection | None:
        moved = self._fault(t, "shift")
        right = shift_px(moved, self._settings.width) / self._settings.width if moved else 0.0
        left, top, far, bottom = figure.box
        box = Box(max(0.0, left + right), max(0.0, top), min(1.0, far + right), min(1.0, bottom))
        if box.left >= box.right or box.top >= box.bottom:
            return None
        return Detection(figure.label, min(1.0, figure.visible), _turned(box, self._turn))

    def _pixels(self, number: int) -> Picture | None:
        t = number / self._settings.fps
        if self._fault(t, "lost"):
            return None
        shown = self._shown(t)
        number = round(shown * self._settings.fps)
        pixels = self._painter.picture(self._stage.figures(shown), number=number, t=shown)
        for fault in self._scene.faults:
            if self._concerns(fault, shown):
                pixels = spoiled(pixels, fault, self._painter.chance(number))
        return pixels

    def _shown(self, t: float) -> float:
        """The moment that the picture at `t` shows: a frozen one shows the last before it froze."""
        frozen = self._fault(t, "freeze")
        if frozen is None:
            return t
        return max(0, ceil(frozen.at_s * self._settings.fps) - 1) / self._settings.fps

    def _fault(self, t: float, *kinds: FaultKind) -> Fault | None:
        return next((one for one in self._scene.faults if one.kind in kinds and self._concerns(one, t)), None)

    def _concerns(self, fault: Fault, t: float) -> bool:
        return fault.camera in ("", self._name) and fault.holds(t)


def _turned(box: Box, rotation: Rotation) -> Box:
    """The box in a picture that was turned clockwise."""
    for _ in range(rotation // 90):
        box = Box(1.0 - box.bottom, box.left, 1.0 - box.top, box.right)
    return box
