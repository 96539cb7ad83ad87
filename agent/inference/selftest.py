"""Whether a model, on this machine, answers as it did where it was approved.

The question is a card that integer arithmetic draws the same way everywhere, a picture or a spectrogram; the
answer is held against levels in the manifest. It tells a broken runtime, a wrong quantisation or a bad memory cell
from a healthy node, and is the inference of the health gate after an update.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import ModelError
from agent.inference.manifest import Model, content
from agent.inference.runtime import Interpreter, Tensor

_FIGURE = (
    (8, 7, -2, 2, (205, 165, 140)),
    (7, 4, -4, 4, (40, 60, 140)),
    (4, 0, -4, -1, (30, 30, 36)),
    (4, 0, 1, 4, (30, 30, 36)),
)
"""Top and bottom in units above the foot, left and right in quarter units from the middle, and a colour."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a self-test went: `off` is the worst difference in levels, of `allowed`."""

    off: int
    allowed: int
    identical: bool
    invoke_s: float

    @property
    def passed(self) -> bool:
        return self.off <= self.allowed


def draw_card(out: NDArray[np.uint8]) -> None:
    """Fill `out`, uint8 (height, width, 3), with the test card: figures before a grained ground."""
    height, width = out.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    ground = 90 + y * 60 // height + ((x * 73856093 ^ y * 19349663) >> 3 & 31)
    out[:] = np.stack([ground, ground + 8, ground - 8], axis=2).astype(np.uint8)
    for place in range(1, 5):
        _draw_figure(out, centre=width * place // 5, foot=height * (5 + place) // 10, unit=height * (2 + place) // 80)


def opened(model: Model, models: Path, *, threads: int, timer: Callable[[], float]) -> Interpreter:
    """The model's interpreter, its bytes checked against the manifest."""
    return Interpreter(content(model, models), name=model.file, threads=threads, timer=timer)


def run(model: Model, interpreter: Interpreter) -> Outcome:
    """Ask the model for the test card and compare."""
    test = model.self_test
    expected = test.expected()
    (digest, levels), invoke_s = interpreter.run(fill, lambda outputs: _answer(outputs, expected))
    off = max(abs(found - wanted) for found, (_, _, wanted) in zip(levels, expected, strict=True))
    allowed = test.within if interpreter.accelerated else test.within_plain
    return Outcome(off, allowed, digest == test.sha256, invoke_s)


def require(model: Model, interpreter: Interpreter) -> Outcome:
    """As `run`, but ModelError when it did not pass."""
    outcome = run(model, interpreter)
    if not outcome.passed:
        raise ModelError(
            f"model {model.file}: answers {outcome.off} levels off in its self-test, {outcome.allowed} are allowed",
            hint="'piazza models check' on another machine tells whether the file or this machine is at fault",
        )
    return outcome


def digest(outputs: Sequence[Tensor]) -> str:
    """SHA-256 of all outputs, one after the other."""
    total = hashlib.sha256()
    for tensor in outputs:
        total.update(np.ascontiguousarray(tensor.values).tobytes())
    return total.hexdigest()


def _answer(outputs: Sequence[Tensor], levels: Sequence[tuple[int, int, int]]) -> tuple[str, list[int]]:
    return digest(outputs), [answer(outputs[output], index) for output, index, _ in levels]


def answer(tensor: Tensor, index: int) -> int:
    """One output as it is held against the manifest: its level, or its thousandths where it is real."""
    value = tensor.values.reshape(-1)[index]
    return int(value) if np.issubdtype(tensor.values.dtype, np.integer) else round(1000 * float(value))


def fill(buffer: NDArray[Any]) -> None:
    """Draw the card that fits the input, shape (1, height, width, 3) or (1, steps, bands, 1)."""
    (draw_card if buffer.dtype == np.uint8 else draw_chirp)(buffer[0])


def draw_chirp(out: NDArray[np.float32]) -> None:
    """Fill `out`, float32 (steps, bands, 1), with a tone that rises twice over a grained hush, as logarithms of energy."""
    steps, bands = out.shape[:2]
    step, band = np.mgrid[0:steps, 0:bands]
    hush = -60 + ((step * 73856093 ^ band * 19349663) >> 3 & 15)
    tone = np.abs(band - step * 2 * bands // steps % bands) <= 1
    out[:, :, 0] = (np.where(tone, 10, hush) / 10).astype(np.float32)


def _draw_figure(out: NDArray[np.uint8], *, centre: int, foot: int, unit: int) -> None:
    """Somebody eight units tall, of blocks, head first."""
    for top, bottom, left, right, colour in _FIGURE:
        rows = slice(max(0, foot - top * unit), max(0, foot - bottom * unit))
        out[rows, centre + left * unit // 4 : centre + right * unit // 4] = colour
