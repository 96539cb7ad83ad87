"""How loud it is, weighted as an ear hears: the A-weighted level of IEC 61672-1.

Pure. The level is as true as the microphone is calibrated: `full_scale_db` says which sound pressure
level a sine of full scale stands for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

QUIETEST = 1e-12
"""Mean square below which it is silence, 120 dB under full scale."""
F1, F2, F3, F4 = 20.598997, 107.65265, 737.86223, 12194.217
"""The corner frequencies of the A curve in Hz (IEC 61672-1, annex E)."""
AT_1_KHZ_DB = 2.0
FADE_S = 1.0 / 32.0
"""How long a stretch of sound fades in and out: cut off hard, the tail of a deep hum is told as something higher, up to 4 dB louder."""
SINE_DB = 3.0103
"""A sine of full scale has a mean square of one half."""


def a_weight_db(hertz: NDArray[np.floating]) -> NDArray[np.float64]:
    """By how many decibels the ear hears each frequency better than 1 kHz; -inf at 0 Hz."""
    squared = np.square(hertz)
    above = F4**2 * np.square(squared)
    below = (squared + F1**2) * np.sqrt((squared + F2**2) * (squared + F3**2)) * (squared + F4**2)
    with np.errstate(divide="ignore"):
        return np.asarray(20.0 * np.log10(above / below) + AT_1_KHZ_DB)


def fades(samples: int, *, rate_hz: int) -> NDArray[np.float64]:
    """Gains that rise and fall smoothly at the ends, shape (samples,).

    Where one stretch fades out while the next fades in, their squares add up to one (the window of Vorbis), so stretches that
    overlap by FADE_S lose and double nothing.
    """
    length = min(round(FADE_S * rate_hz), samples // 2)
    rise = np.sin(np.pi / 2 * np.square(np.sin(np.pi / 2 * (np.arange(length) + 0.5) / max(1, length))))
    return np.concatenate([rise, np.ones(samples - 2 * length), rise[::-1]])


def level_db(samples: NDArray[np.float32], *, rate_hz: int, full_scale_db: float) -> float:
    """The equivalent level LAeq of the samples, shape (samples,), in dB(A)."""
    if not samples.size:
        raise ValueError("there is no level of no sound")
    gains = fades(samples.size, rate_hz=rate_hz)
    spectrum = np.fft.rfft(samples * gains)
    weights = 10.0 ** (a_weight_db(np.fft.rfftfreq(samples.size, 1.0 / rate_hz)) / 10.0)
    power = np.square(np.abs(spectrum)) * weights
    power[1 : -1 if samples.size % 2 == 0 else None] *= 2.0  # the other half of the spectrum
    mean_square = float(power.sum()) / samples.size / float(np.square(gains).sum())
    return float(10.0 * np.log10(max(mean_square, QUIETEST))) + SINE_DB + full_scale_db
