"""Whether a model, on this machine, answers as it did where it was approved.

The question is a picture that integer arithmetic draws the same way everywhere; the answer is held
against levels in the manifest. It tells a broken runtime, a wrong quantisation or a bad memory cell
from a healthy node, and is the inference of the health gate after an update.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.errors import ModelError
from agent.vision.manifest import Model
from agent.vision.tflite import Interpreter, Tensor

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


def run(model: Model, interpreter: Interpreter) -> Outcome:
    """Ask the model for the test card and compare."""
    test = model.self_test
    expected = test.expected()
    (digest, levels), invoke_s = interpreter.run(_fill, lambda outputs: _answer(outputs, expected))
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
    return digest(outputs), [int(outputs[output].values.reshape(-1)[index]) for output, index, _ in levels]


def _fill(buffer: NDArray[Any]) -> None:
    draw_card(buffer[0])


def _draw_figure(out: NDArray[np.uint8], *, centre: int, foot: int, unit: int) -> None:
    """Somebody eight units tall, of blocks, head first."""
    for top, bottom, left, right, colour in _FIGURE:
        rows = slice(max(0, foot - top * unit), max(0, foot - bottom * unit))
        out[rows, centre + left * unit // 4 : centre + right * unit // 4] = colour
