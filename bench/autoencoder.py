"""A small autoencoder, for bench/sensor_anomaly.py: does it beat the statistics that a node has already?

What a node could run through TFLite: the latest WINDOW rows of all sensors through a narrow middle and back, trained on the rows
that are learned and nothing else. How badly a window comes back is how strange it is. It is trained here in numpy, so that the
comparison needs nothing that a checkout has not; a conversion to integers could only lose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]

WINDOW = 10
"""Rows that are judged together: as many as the node's own judge takes."""
WIDTHS = (32, 8, 32)
"""Of the layers between the window and its copy."""
ROUNDS, BATCH, RATE = 150, 32, 2e-3
NOISE = 0.1
"""Added to what goes in, in standard deviations: or so few windows would be learned by heart."""
_KEEP, _KEEP_SQUARES, _LEAST = 0.9, 0.999, 1e-8


@dataclass(slots=True)
class Network:
    """Layers with tanh between them; `weights` and `offsets` from the window to its copy."""

    weights: list[Rows]
    offsets: list[Rows]
    _momenta: list[tuple[Rows, Rows]] = field(default_factory=list)
    _steps: int = 0

    @classmethod
    def fresh(cls, sizes: Sequence[int], chance: np.random.Generator) -> Network:
        """Small random weights (Glorot)."""
        pairs = list(pairwise(sizes))
        weights = [chance.normal(0.0, np.sqrt(2.0 / (into + out)), (into, out)) for into, out in pairs]
        return cls(weights, [np.zeros(out) for _, out in pairs])

    def copy_of(self, windows: Rows) -> Rows:
        """What comes back of windows (n, size)."""
        return self._layers(windows)[-1]

    def step(self, given: Rows, wanted: Rows) -> None:
        """One step of Adam (Kingma and Ba 2015) on the squared error of a batch."""
        layers = self._layers(given)
        error = 2.0 * (layers[-1] - wanted) / wanted.size
        slopes: list[Rows] = []
        for number in range(len(self.weights) - 1, -1, -1):
            slopes[:0] = [layers[number].T @ error, error.sum(0)]
            error = (error @ self.weights[number].T) * (1.0 - layers[number] ** 2)
        self._steps += 1
        values = [value for pair in zip(self.weights, self.offsets, strict=True) for value in pair]
        self._momenta = self._momenta or [(np.zeros_like(value), np.zeros_like(value)) for value in values]
        for value, slope, (mean, square) in zip(values, slopes, self._momenta, strict=True):
            mean[...] = mean * _KEEP + slope * (1.0 - _KEEP)
            square[...] = square * _KEEP_SQUARES + slope**2 * (1.0 - _KEEP_SQUARES)
            size = np.sqrt(square / (1.0 - _KEEP_SQUARES**self._steps)) + _LEAST
            value[...] = value - RATE * mean / (1.0 - _KEEP**self._steps) / size

    def _layers(self, windows: Rows) -> list[Rows]:
        layers = [windows]
        for number, (weights, offsets) in enumerate(zip(self.weights, self.offsets, strict=True)):
            plain = layers[-1] @ weights + offsets
            layers.append(plain if number == len(self.weights) - 1 else np.tanh(plain))
        return layers


def strangeness(rows: Rows, *, learned: int, seed: int = 1) -> Rows:
    """How badly the window that ends with each row comes back, beside the 99 % quantile over what was learned."""
    chance = np.random.default_rng(seed)
    scaled = (rows - rows[:learned].mean(0)) / (rows[:learned].std(0) + 1e-9)
    padded = np.concatenate([np.repeat(scaled[:1], WINDOW - 1, axis=0), scaled])
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=0).reshape(len(rows), -1)
    network = Network.fresh((windows.shape[1], *WIDTHS, windows.shape[1]), chance)
    for _ in range(ROUNDS):
        for batch in np.array_split(chance.permutation(learned), learned // BATCH):
            given = windows[batch] + chance.normal(0.0, NOISE, (len(batch), windows.shape[1]))
            network.step(given, windows[batch])
    off = np.square(network.copy_of(windows) - windows).mean(1)
    return np.asarray(off / np.quantile(off[:learned], 0.99), np.float64)
