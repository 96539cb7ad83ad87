"""What the microphone makes of sounds: recordings of ESC-10 that must stay quiet, and drawn sounds that must not.

    python bench/sound.py --data FOLDER [--json]

The sensor itself with the model that ships: a reading a second, a score over 0.5 in any of them is an alarm. `esc10` are 40 real recordings of
5 s (ten kinds, none of which is one of the five): alarms there are false. Drawn are shots, breaking glass, sirens and explosions,
each in several variants made by a seed, dry and with an echo: they show that the way from sound to number works, and nothing about real ones. Level: tones of
known strength in every third of an octave up to 8 kHz, as 16-bit samples, against the weights and the acceptance limits of class 1 of IEC 61672-1:2013 (table 3). Cost: CPU per second of sound, model and spectrogram together.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.clock import SimulatedClock
from agent.sensors.audio import Audio, classifier
from agent.sensors.loudness import level_db
from agent.sensors.mel import RATE_HZ
from agent.sensors.microphone import sounding
from agent.sensors.settings import AudioSettings
from bench.machine import show

Samples = NDArray[np.float32]
Draw = Callable[[np.random.Generator], Samples]

KINDS = ("glass", "gunshot", "explosion", "scream", "siren")
LIMIT = 0.5
LENGTH_S = 4.0
VARIANTS = 10
ONSET_S = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with esc10")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    show({**recorded(options.data / "esc10"), "drawn": drawn(), "level": levels()}, as_json=options.json)


def recorded(folder: Path) -> dict[str, Any]:
    """Alarms on recordings of other things, and what they cost."""
    alarms: Counter[str] = Counter()
    heard_as: dict[str, tuple[float, str]] = {}
    highest = dict.fromkeys(KINDS, 0.0)
    seconds = spent = 0.0
    files = sorted(folder.glob("*/*.ogg"))
    for path in files:
        samples = np.concatenate(list(sounding(str(path), "")))
        began = time.process_time()
        scores = heard(samples)
        spent += time.process_time() - began
        seconds += samples.size / RATE_HZ
        what = path.parent.name.partition(" - ")[2]
        heard_as[what] = max(heard_as.get(what, (0.0, "")), *((score, kind) for kind, score in scores.items()))
        for kind, score in scores.items():
            highest[kind] = max(highest[kind], score)
            if score > LIMIT:
                alarms[f"{kind} in {what}"] += 1
    return {
        "esc10_recordings": len(files),
        "esc10_seconds": round(seconds),
        "esc10_false_alarms": dict(alarms),
        "esc10_nearest_by_class": {what: f"{kind} {score:.2f}" for what, (score, kind) in heard_as.items()},
        "esc10_highest": {kind: round(score, 2) for kind, score in highest.items()},
        "cpu_ms_a_second_of_sound": round(1000 * spent / seconds, 1),
    }


def heard(samples: Samples) -> Mapping[str, float]:
    """The highest score of each kind in all readings of a recording."""
    best = dict.fromkeys(KINDS, 0.0)
    audio = Audio(AudioSettings(), clock=SimulatedClock(0.0), source=Played(samples), classify=ASK)
    for at in range(1, int(samples.size / RATE_HZ) + 2):
        for one in audio.read(float(at)):
            if one.quantity in best:
                best[one.quantity] = max(best[one.quantity], one.value)
    return best


class Played:
    """A recording as a source."""

    def __init__(self, samples: Samples) -> None:
        self._samples, self._taken = samples, 0

    def take(self, at: float) -> Samples:
        fresh = self._samples[self._taken : round(at * RATE_HZ)]
        self._taken += fresh.size
        return fresh

    def close(self) -> None:
        """Nothing is held."""


ASK = classifier(timer=lambda: 0.0)


def drawn() -> dict[str, Any]:
    """Of each kind: how many variants pass the limit as what they are, dry and with an echo."""
    told: dict[str, Any] = {}
    for name, (kind, draw) in DRAWN.items():
        dry, echoing = (
            sum(
                heard(change(draw(np.random.default_rng([seed, len(name)])), np.random.default_rng(seed)))[kind] > LIMIT
                for seed in range(VARIANTS)
            )
            for change in (as_it_is, echoed)
        )
        told[name] = {"as": kind, "of": VARIANTS, "dry": dry, "with_echo": echoing}
    return told


A_WEIGHTS = {
    31.5: (-39.4, 1.5, 1.5), 40: (-34.6, 1.0, 1.0), 50: (-30.2, 1.0, 1.0), 63: (-26.2, 1.0, 1.0), 80: (-22.5, 1.0, 1.0),
    100: (-19.1, 1.0, 1.0), 125: (-16.1, 1.0, 1.0), 160: (-13.4, 1.0, 1.0), 200: (-10.9, 1.0, 1.0), 250: (-8.6, 1.0, 1.0),
    315: (-6.6, 1.0, 1.0), 400: (-4.8, 1.0, 1.0), 500: (-3.2, 1.0, 1.0), 630: (-1.9, 1.0, 1.0), 800: (-0.8, 1.0, 1.0),
    1000: (0.0, 0.7, 0.7), 1250: (0.6, 1.0, 1.0), 1600: (1.0, 1.0, 1.0), 2000: (1.2, 1.0, 1.0), 2500: (1.3, 1.0, 1.0),
    3150: (1.2, 1.0, 1.0), 4000: (1.0, 1.0, 1.0), 5000: (0.5, 1.5, 1.5), 6300: (-0.1, 1.5, 2.0), 8000: (-1.1, 1.5, 2.5),
}  # fmt: skip
"""Nominal band in Hz -> weight A in dB, and by how much a class 1 meter may tell more and less."""
TOLD_AT_DB = (80.0, 100.0)
FULL_SCALE_DB = 120.0


def levels() -> dict[str, Any]:
    """By how many decibels each band is told wrongly, at the worst of the strengths; the exact frequency is a power of 10^0.1."""
    errors = {hertz: max((error(hertz, db) for db in TOLD_AT_DB), key=abs) for hertz in A_WEIGHTS}
    beyond = [hertz for hertz, off in errors.items() if not -A_WEIGHTS[hertz][2] <= off <= A_WEIGHTS[hertz][1]]
    worst = max(errors, key=lambda hertz: abs(errors[hertz]))
    return {
        "bands": len(errors),
        "beyond_class_1": beyond,
        "largest_error_db": round(errors[worst], 2),
        "in_band_hz": worst,
        "rounding_alone_db": round(level_db(rounding(), rate_hz=RATE_HZ, full_scale_db=FULL_SCALE_DB), 1),
        "octaves_db": {f"{hertz} Hz": round(errors[hertz], 2) for hertz in list(errors)[::3]},
    }


def error(nominal_hz: float, level: float) -> float:
    """Decibels told beyond what is right, of a second of a tone of so many decibels."""
    hertz = 10.0 ** (round(10.0 * np.log10(nominal_hz)) / 10.0)
    tone = 10.0 ** ((level - FULL_SCALE_DB) / 20.0) * sine(np.full(RATE_HZ, hertz))
    kept = np.asarray(np.round(tone * 32767.0) / 32767.0, np.float32)
    return level_db(kept, rate_hz=RATE_HZ, full_scale_db=FULL_SCALE_DB) - level - A_WEIGHTS[nominal_hz][0]


def rounding() -> Samples:
    """What is left of silence in samples of 16 bits: nothing quieter can be told."""
    return np.asarray(np.random.default_rng(1).uniform(-0.5, 0.5, RATE_HZ) / 32767.0, np.float32)


# Drawn sounds: float32, LENGTH_S long, the event at ONSET_S


def clock_s() -> NDArray[np.float64]:
    return np.arange(round(LENGTH_S * RATE_HZ)) / RATE_HZ


def sine(hertz: NDArray[np.float64], *, harmonics: int = 1) -> Samples:
    """A tone whose frequency is given sample by sample, with odd harmonics."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE_HZ
    tone = sum(np.sin((2 * n + 1) * phase) / (2 * n + 1) for n in range(harmonics))
    return np.asarray(tone, np.float32)


def as_it_is(samples: Samples, _chance: np.random.Generator) -> Samples:
    return samples


def echoed(samples: Samples, chance: np.random.Generator) -> Samples:
    """Half of it through a quarter of a second of fading echoes, over a little noise."""
    tail = np.exp(-np.arange(RATE_HZ // 4) / 900) * chance.standard_normal(RATE_HZ // 4) * 0.05
    wet = np.convolve(samples, tail)[: samples.size]
    hush = 0.003 * chance.standard_normal(samples.size)
    return np.asarray(np.clip(0.5 * samples + wet + hush, -1, 1), np.float32)


def shot(chance: np.random.Generator) -> Samples:
    """A burst of noise that fades within hundredths of a second."""
    since = clock_s() - ONSET_S
    noise = chance.standard_normal(since.size)
    return np.asarray(0.8 * noise * np.exp(-chance.uniform(15, 40) * np.maximum(since, 0)) * (since > 0), np.float32)


def blast(chance: np.random.Generator) -> Samples:
    """Noise without its highs that rolls for a second or two."""
    since = clock_s() - ONSET_S
    width = int(chance.integers(4, 20))
    rumble = np.convolve(chance.standard_normal(since.size), np.ones(width) / width, "same")
    rumble /= np.abs(rumble).max()
    return np.asarray(rumble * np.exp(-chance.uniform(1.5, 4) * np.maximum(since, 0)) * (since > 0), np.float32)


def pane(chance: np.random.Generator) -> Samples:
    """A knock, and then dozens of splinters that ring high and briefly."""
    since = clock_s() - ONSET_S
    sound = 0.5 * chance.standard_normal(since.size) * np.exp(-60 * np.maximum(since, 0)) * (since > 0)
    for start in np.sort(chance.exponential(0.15, 60)):
        after = np.maximum(since - start, 0)
        ring = np.sin(2 * np.pi * chance.uniform(2500, 7500) * since + chance.uniform(0, 6))
        sound += 0.15 * chance.uniform(0.1, 1) * ring * np.exp(-chance.uniform(10, 60) * after) * (since > start)
    return np.asarray(np.clip(sound, -1, 1), np.float32)


def wail(chance: np.random.Generator) -> Samples:
    """A siren that rises and falls every two to four seconds."""
    swing = np.sin(2 * np.pi * chance.uniform(0.25, 0.5) * clock_s())
    return 0.2 * sine(chance.uniform(900, 1100) + 450 * swing, harmonics=6)


def two_tones(chance: np.random.Generator) -> Samples:
    """The two-tone horn of an ambulance: a low and a high tone in turn."""
    high = (clock_s() % chance.uniform(1.0, 1.4)) < 0.55
    return 0.2 * sine(np.where(high, 660.0, 466.0), harmonics=6)


DRAWN: Mapping[str, tuple[str, Draw]] = {
    "shot": ("gunshot", shot),
    "blast": ("explosion", blast),
    "breaking pane": ("glass", pane),
    "siren, wailing": ("siren", wail),
    "siren, two tones": ("siren", two_tones),
}


if __name__ == "__main__":
    main()
