"""The neural detector: a frame in, labelled boxes with the evidence of all classes out.

One of these serves all cameras of a node. A model whose bytes or whose answers are not the approved
ones is refused before the first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from agent.errors import ConfigError
from agent.inference import manifest
from agent.inference.manifest import Model, NanoDetDecoding, PictureInput
from agent.inference.runtime import Interpreter, Tensor
from agent.inference.selftest import opened, require
from agent.pixels import Box, Detection, Detections, Frame
from agent.vision.decode import NanoDetHead
from agent.vision.raster import stretch, without_doubles
from agent.vision.settings import VisionSettings


class TfliteDetector:
    """Finds `labels` in frames, down to `score_floor`: low scores are for the tracker to weigh.

    `invoke_s` is how long the model itself took in the last call; `accelerated` whether XNNPACK is on.
    """

    def __init__(
        self,
        model: Model,
        interpreter: Interpreter,
        *,
        classes: Sequence[str],
        labels: Sequence[str],
        score_floor: float,
    ) -> None:
        self.invoke_s = 0.0
        self.accelerated: bool | None = interpreter.accelerated
        self.digest = model.sha256
        self._interpreter = interpreter
        self.classes = self._classes = tuple(classes)
        self._floor = score_floor
        _, decoding = finder(model)
        self._overlap = decoding.overlap
        self._wanted = _wanted(self._classes, labels)
        self._families = _families(self._classes, decoding.alternatives)
        self._head = _head(model, classes=len(self._classes))

    @classmethod
    def from_settings(cls, settings: VisionSettings, *, timer: Callable[[], float], models: Path | None = None) -> Self:
        """The detector that a configuration asks for, tested; ModelError says why it cannot be had.

        `timer` gives seconds and never runs back; `models` is the folder with the manifest.
        """
        models = models or manifest.folder()
        known = manifest.load(models)
        model = known.model(settings.model)
        interpreter = opened(model, models, threads=settings.threads, timer=timer)
        require(model, interpreter)
        return cls(
            model,
            interpreter,
            classes=known.labels[model.labels],
            labels=settings.labels,
            score_floor=settings.floor,
        )

    def detect(self, frame: Frame) -> Detections:
        """What is in the frame, best score first; boxes in fractions of the frame."""
        items, self.invoke_s = self._interpreter.run(lambda buffer: stretch(frame.pixels, buffer[0]), self._items)
        return Detections(frame.camera, frame.at, items)

    def _items(self, outputs: Sequence[Tensor]) -> tuple[Detection, ...]:
        boxes, probabilities = self._head.candidates(outputs, wanted=self._wanted, floor=self._floor)
        best = np.where(self._wanted, probabilities, np.float32(-1.0)).argmax(axis=1)
        scores = probabilities[np.arange(len(best)), best]
        rows = without_doubles(boxes, scores, self._families[best], overlap=self._overlap)
        return tuple(
            Detection(self._classes[number], score, Box(*box), probabilities[row])
            for row, number, score, box in zip(
                rows, best[rows].tolist(), scores[rows].tolist(), boxes[rows].tolist(), strict=True
            )
        )


def _head(model: Model, *, classes: int) -> NanoDetHead:
    shape, decoding = finder(model)
    return NanoDetHead(
        width=shape.width, height=shape.height, strides=decoding.strides, bins=decoding.bins, classes=classes
    )


def finder(model: Model) -> tuple[PictureInput, NanoDetDecoding]:
    """How the model is fed and read; ConfigError when it is none that finds things in pictures."""
    if isinstance(model.input, PictureInput) and isinstance(model.decoding, NanoDetDecoding):
        return model.input, model.decoding
    raise ConfigError(
        f"model {model.file} does not look at pictures", hint="'piazza models list' says what each is for"
    )


def _wanted(classes: Sequence[str], labels: Sequence[str]) -> NDArray[np.bool_]:
    unknown = sorted(set(labels) - set(classes))
    if unknown:
        raise ConfigError(
            f"the model finds no {', '.join(unknown)}", hint=f"vision.labels may be of: {', '.join(classes)}"
        )
    return np.array([name in labels for name in classes])


def _families(classes: Sequence[str], alternatives: Sequence[Sequence[str]]) -> NDArray[np.intp]:
    """A number per class, the same for classes that are readings of one thing (car, truck, bus)."""
    first = {name: group[0] for group in alternatives for name in group}
    return np.array([classes.index(first.get(name, name)) for name in classes])
