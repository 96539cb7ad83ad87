"""A microphone that tells how loud it is and whether something breaks, bangs, screams or wails, and nothing else.

Off unless the configuration says `sound: true`. Samples live in memory for about a second. Of the model's 521
classes only those in the manifest's `groups` are ever looked at; speech is not among them, and neither are
its words, its language or its speaker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.clock import Clock
from agent.errors import ModelError
from agent.inference import manifest
from agent.inference.manifest import SoundDecoding
from agent.inference.runtime import Interpreter, Tensor
from agent.inference.selftest import opened, require
from agent.records import Observation
from agent.sensors.loudness import FADE_S, level_db
from agent.sensors.mel import NEXT, PATCH, RATE_HZ, Samples, patch
from agent.sensors.microphone import Device, File, Source
from agent.sensors.settings import AudioSettings
from agent.sensors.states import States

FADE = round(FADE_S * RATE_HZ)
MODEL = "yamnet"
LEVEL = "sound_db"
SILENT_S = 5.0
"""A microphone that gives nothing for so long is at fault."""


class Classifier(Protocol):
    """What makes scores, 0 to 1 by name, of one spectrogram."""

    def __call__(self, spectrogram: NDArray[np.float32], /) -> Mapping[str, float]: ...


class Audio:
    """One microphone; the level and the highest scores since the last reading, every `period_s`."""

    def __init__(
        self,
        settings: AudioSettings,
        *,
        clock: Clock,
        start: float = 0.0,
        source: Source | None = None,
        classify: Classifier | None = None,
    ) -> None:
        self._settings = settings
        self._classify = classify or classifier(timer=clock.monotonic)
        self._source = source or (
            File(settings.file, start=start or clock.now()) if settings.file else Device(settings.device)
        )
        self._states = States(settings.id)
        self._held: Samples = np.zeros(0, np.float32)
        self._heard_at: float | None = None

    @property
    def period_s(self) -> float:
        return self._settings.period_s

    def read(self, at: float) -> Iterator[Observation]:
        """Whether the microphone works, how loud it is, and what it sounds like."""
        fresh = self._source.take(at)
        if self._heard_at is None or (fresh is not None and fresh.size):
            self._heard_at = at
        yield from self._states.tell("fault", at, on=fresh is None or at - self._heard_at > SILENT_S)
        if fresh is None or not fresh.size:
            return
        yield Observation(self._settings.id, LEVEL, self._level(fresh), at)
        for name, score in self._scores(fresh).items():
            yield Observation(self._settings.id, name, score, at)

    def close(self) -> None:
        """Let go of the device and of what was heard."""
        self._source.close()
        self._held = np.zeros(0, np.float32)

    def _level(self, fresh: Samples) -> float:
        """How loud it was; what the reading before faded out, the end of what is held, is faded in."""
        sound = np.concatenate([self._held[-FADE:], fresh])
        return level_db(sound, rate_hz=RATE_HZ, full_scale_db=self._settings.full_scale_db)

    def _scores(self, fresh: Samples) -> dict[str, float]:
        """The highest score of each group in the patches that are now complete; the rest is held for the next."""
        held = np.concatenate([self._held, fresh])
        best: dict[str, float] = {}
        while held.size >= PATCH:
            for name, score in self._classify(patch(held[:PATCH])).items():
                best[name] = max(score, best.get(name, 0.0))
            held = held[NEXT:]
        self._held = held
        return best


def classifier(*, timer: Callable[[], float], models: Path | None = None) -> Classifier:
    """The tested sound model that ships; `timer` gives seconds, `models` is the folder with the manifest."""
    models = models or manifest.folder()
    model = manifest.load(models).model(MODEL)
    if not isinstance(model.decoding, SoundDecoding):
        raise ModelError(f"model {model.file} does not listen", hint="install the models again")
    interpreter = opened(model, models, threads=1, timer=timer)
    require(model, interpreter)
    return Listener(interpreter, model.decoding.groups)


class Listener:
    """Asks the model, and reads the groups out of its answer."""

    def __init__(self, interpreter: Interpreter, groups: Mapping[str, Sequence[int]]) -> None:
        self._interpreter, self._groups = interpreter, groups

    def __call__(self, spectrogram: NDArray[np.float32], /) -> Mapping[str, float]:
        """Of each group the class that the model is surest of."""

        def fill(buffer: NDArray[np.float32]) -> None:
            buffer[0, :, :, 0] = spectrogram

        scores, _ = self._interpreter.run(fill, self._read)
        return scores

    def _read(self, outputs: Sequence[Tensor]) -> Mapping[str, float]:
        (classes,) = (tensor.values[0] for tensor in outputs if tensor.values.shape[-1] == CLASSES)
        return {name: float(max(classes[index] for index in group)) for name, group in self._groups.items()}


CLASSES = 521
"""Of AudioSet; the model's other output describes the sound and is not read."""
