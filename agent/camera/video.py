"""The video camera: files, RTSP addresses and V4L2 devices.

A file is pulled: each frame when it is due, or as fast as it decodes. A live source is drained by a
thread and only its newest frame is given. Memory holds one picture either way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial

from agent.camera import Surroundings
from agent.camera.address import Kind, source
from agent.camera.decoding import Video
from agent.camera.live import Arrival, Feed, Shot
from agent.camera.pace import Metronome, Thinner, backoff_s
from agent.camera.pictures import Picture, sealed, turned
from agent.camera.settings import VideoSettings
from agent.camera.stall import Stall
from agent.pixels import Frame

WAKE_S = 0.25
"""How often a camera that waits for a live picture looks at the clock."""


class VideoCamera:
    """One source of the three kinds; CameraError when `frames()` cannot open it."""

    def __init__(self, name: str, settings: VideoSettings, surroundings: Surroundings) -> None:
        self._name, self._settings, self._surroundings = name, settings, surroundings
        self._clock = surroundings.clock
        self._source = source(settings.source)
        self._closed = threading.Event()

    @property
    def networked(self) -> bool:
        return self._source.kind is Kind.RTSP

    def frames(self) -> Iterator[Frame]:
        return self._live() if self._source.live else self._played()

    def close(self) -> None:
        self._closed.set()

    def _opened(self) -> Video:
        return Video(self._source, timeout_s=self._settings.stall_s, width=self._settings.width)

    def _played(self) -> Iterator[Frame]:
        """A file at its pace, stamped from the instant at which it is said to begin."""
        start = self._settings.start.timestamp() if self._settings.start else self._surroundings.since()
        thinner, metronome = Thinner(self._settings.fps), Metronome()
        for t, shot in self._turns():
            if thinner.keeps(t) and self._waited(metronome, t):
                yield Frame(self._name, start + t, self._picture(shot))

    def _turns(self) -> Iterator[tuple[float, Shot]]:
        """Every picture of the file with its time since the beginning, once or for ever."""
        begin = 0.0
        while True:
            with closing(self._opened()) as video:
                t = begin
                for shot in video.shots():
                    if self._closed.is_set():
                        return
                    t = begin + shot.t
                    yield t, shot
                begin = t + video.period_s
            if not self._settings.loop:
                return

    def _waited(self, metronome: Metronome, t: float) -> bool:
        """Sleep until the picture at `t` is due; False when it is too late for it."""
        if self._settings.pace == "fast":
            return True
        wait = metronome.wait_s(t, now=self._clock.now())
        if wait is None:
            return False
        self._clock.sleep(wait)
        return True

    def _live(self) -> Iterator[Frame]:
        """The newest picture whenever one is asked for; ages are measured on the monotonic clock."""
        # An address that is silent for `stall_s` is left and tried again; only a hanging library takes longer.
        patience = self._settings.stall_s * (2 if self.networked else 1)
        stall = Stall(self._name, stall_s=patience, frozen_s=self._settings.frozen_s)
        thinner = Thinner(self._settings.fps)
        with closing(self._feed()) as feed:
            while not self._closed.is_set():
                arrival = feed.take(timeout_s=WAKE_S)
                if arrival is None:
                    self._waiting(feed, stall)
                elif thinner.keeps(arrival.monotonic):
                    yield self._arrived(arrival, stall)

    def _arrived(self, arrival: Arrival, stall: Stall) -> Frame:
        pixels = self._picture(arrival.shot)
        stall.check(arrival.monotonic, pixels)
        return Frame(self._name, arrival.at, pixels)

    def _waiting(self, feed: Feed, stall: Stall) -> None:
        if feed.away:
            stall.excuse()
        else:
            stall.check(self._clock.monotonic(), None)

    def _feed(self) -> Feed:
        pauses = partial(backoff_s, self._surroundings.chance) if self.networked else None
        patient = self._settings.patient
        return Feed(self._name, opening=self._opened, clock=self._clock, pauses=pauses, patient=patient)

    def _picture(self, shot: Shot) -> Picture:
        return sealed(turned(shot.rgb(), self._settings.rotation))
