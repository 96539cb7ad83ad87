"""Print the `self_test` section of the manifest for model files, from this machine with XNNPACK on.

    python models/build/answers.py models/*.tflite

Each output gives its highest levels, where a fault shows most, and some evenly spaced ones.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from agent.clock import SystemClock
from agent.inference.runtime import Interpreter, Tensor
from agent.inference.selftest import answer, digest, fill

HIGHEST, SPACED = 4, 4


def levels(outputs: Sequence[Tensor]) -> Iterator[tuple[int, int, int]]:
    for number, tensor in enumerate(outputs):
        flat = tensor.values.reshape(-1)
        places = np.concatenate([np.argsort(-flat.astype(float), kind="stable")[:HIGHEST], spaced(flat.size)])
        yield from ((number, index, answer(tensor, index)) for index in places.tolist())


def spaced(size: int) -> np.ndarray:
    return np.linspace(size // (2 * SPACED), size - 1, SPACED).astype(int)


def section(path: Path) -> str:
    interpreter = Interpreter(path.read_bytes(), name=path.name, threads=1, timer=SystemClock().monotonic)
    if not interpreter.accelerated:
        raise SystemExit("XNNPACK is off on this machine: its answers are no reference")
    (told, answers), _ = interpreter.run(fill, lambda out: (digest(out), [*levels(out)]))
    listed = textwrap.fill(" ".join(f"{output}:{index}:{level}" for output, index, level in answers), 100)
    return f"{path.name}:\n    self_test:\n      sha256: {told}\n      levels: >-\n{textwrap.indent(listed, ' ' * 8)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    for path in parser.parse_args().files:
        print(section(path))


if __name__ == "__main__":
    main()
