"""From sound to the spectrograms that YAMNet was trained on: log-mel energies, 96 steps of 64 bands.

The numbers are those of its publication (tensorflow/models, research/audioset/yamnet, params.py and
features.py): 16 kHz, periodic Hann windows of 25 ms every 10 ms, magnitudes of a 512-point Fourier transform, 64 bands of
equal width in HTK mels from 125 to 7500 Hz, ln(energy + 0.001), a patch of 0.96 s every 0.48 s.

Pure: samples in, patches out, nothing kept.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
WINDOW, HOP, POINTS = 400, 160, 512
BANDS, LOWEST_HZ, HIGHEST_HZ = 64, 125.0, 7500.0
FLOOR = 0.001
STEPS, STRIDE = 96, 48

PATCH = WINDOW + (STEPS - 1) * HOP
"""Samples of one patch, 0.975 s."""
NEXT = STRIDE * HOP
"""Samples from the beginning of one patch to that of the next, 0.48 s."""

Samples = NDArray[np.float32]
"""Shape (samples,), full scale from -1 to 1."""


def patch(samples: Samples) -> NDArray[np.float32]:
    """The log-mel spectrogram of exactly PATCH samples, shape (STEPS, BANDS)."""
    if samples.shape != (PATCH,):
        raise ValueError(f"a patch is made of {PATCH} samples, not of {samples.shape}")
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP] * _window()
    magnitudes = np.abs(np.fft.rfft(frames, POINTS)).astype(np.float32)
    return np.asarray(np.log(magnitudes @ _weights() + np.float32(FLOOR)), np.float32)


def mel(hertz: float) -> float:
    """Pitch as HTK reckons it."""
    return 1127.0 * math.log(1.0 + hertz / 700.0)


@cache
def _window() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)


@cache
def _weights() -> NDArray[np.float32]:
    """Triangles over the bins of the transform, shape (POINTS // 2 + 1, BANDS); the constant part counts nowhere."""
    edges = np.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    bins = np.array([mel(hertz) for hertz in np.linspace(0.0, RATE_HZ / 2, POINTS // 2 + 1)])[:, None]
    weights = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    weights[0] = 0.0
    return np.asarray(weights, np.float32)
