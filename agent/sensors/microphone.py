"""Where sound comes from: an ALSA device or a file, as 16 kHz mono. The only import of PyAV in this room.

Samples are held in memory until they are taken and nowhere else; what nobody takes within BACKLOG_S is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from threading import Lock, Thread
from typing import Protocol

import av
import numpy as np
from av.error import FFmpegError

from agent.errors import SensorError
from agent.sensors.mel import RATE_HZ, Samples

BACKLOG_S = 4.0


class Source(Protocol):
    """Gives the samples that came since the last call, up to the instant `at`; None when it has broken off."""

    def take(self, at: float) -> Samples | None: ...
    def close(self) -> None: ...


class File:
    """A recording (WAV, Ogg, FLAC, ...) that begins to sound at the instant `start`, and is silence afterwards."""

    def __init__(self, path: str, *, start: float) -> None:
        self._coming = sounding(path, "")
        self._held: deque[Samples] = deque()
        self._begins, self._taken = start, 0

    def take(self, at: float) -> Samples:
        wanted = max(0, round((at - self._begins) * RATE_HZ) - self._taken)
        while (have := sum(map(len, self._held))) < wanted:
            self._held.append(next(self._coming, np.zeros(wanted - have, np.float32)))
        whole = np.concatenate([*self._held, np.zeros(0, np.float32)])
        self._held = deque([whole[wanted:]])
        self._taken += wanted
        return whole[:wanted]

    def close(self) -> None:
        self._held.clear()


class Device:
    """A microphone, read by a thread of its own, since a device that is not read in time loses sound."""

    def __init__(self, name: str) -> None:
        self._blocks: deque[Samples] = deque()
        self._lock = Lock()
        self._broken = self._closed = False
        coming = sounding(name, "alsa")
        self._keep(next(coming, np.zeros(0, np.float32)))
        Thread(target=self._listen, args=(coming,), daemon=True).start()

    def take(self, _at: float) -> Samples | None:
        with self._lock:
            blocks, self._blocks = self._blocks, deque()
        if not blocks and self._broken:
            return None
        return np.concatenate([*blocks, np.zeros(0, np.float32)])

    def close(self) -> None:
        self._closed = True

    def _listen(self, coming: Iterator[Samples]) -> None:
        try:
            for block in coming:
                self._keep(block)
                if self._closed:
                    return
        except SensorError:
            pass
        self._broken = True

    def _keep(self, block: Samples) -> None:
        with self._lock:
            self._blocks.append(block)
            while sum(map(len, self._blocks)) > BACKLOG_S * RATE_HZ:
                self._blocks.popleft()


def sounding(name: str, kind: str) -> Iterator[Samples]:
    """The sound of a file, or of a device of FFmpeg's `kind`, block by block; SensorError when it cannot be had."""
    try:
        with av.open(name, format=kind or None) as container:
            if not container.streams.audio:
                raise SensorError(f"{name}: no sound in it", hint="name a recording, or an ALSA device such as hw:1")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    yield np.ascontiguousarray(piece.to_ndarray()[0], np.float32)
    except (FFmpegError, OSError) as error:
        raise SensorError(
            f"{name}: cannot listen: {error.strerror or error}",
            hint="'arecord -l' lists the devices; the node's user must be in the group 'audio'",
        ) from error
