"""The microphone: how loud, which sounds, and that nothing else of what it hears can be had."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.cli import main
from agent.clock import SimulatedClock
from agent.config import load, may_listen
from agent.errors import ConfigError, SensorError
from agent.inference import manifest
from agent.inference.manifest import SoundDecoding
from agent.records import Observation
from agent.sensors.allowed import Allowed
from agent.sensors.audio import LEVEL, SILENT_S, Audio, classifier
from agent.sensors.loudness import FADE_S, a_weight_db, level_db
from agent.sensors.mel import BANDS, FLOOR, HOP, NEXT, PATCH, RATE_HZ, STEPS, mel, patch
from agent.sensors.microphone import BACKLOG_S, File, sounding
from agent.sensors.settings import AudioSettings

Samples = NDArray[np.float32]
SPEECH = {*range(10), 12}
"""AudioSet's classes of people who speak: speech, conversation, monologue, babble, shout, whisper and their like."""


def tone(hertz: float, seconds: float, *, amplitude: float = 1.0) -> Samples:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


class Played:
    """A source that gives these samples as time passes, and what `broken` says afterwards."""

    def __init__(self, samples: Samples, *, broken: bool = False) -> None:
        self._samples, self._broken, self._taken, self.closed = samples, broken, 0, False

    def take(self, at: float) -> Samples | None:
        fresh = self._samples[self._taken : round(at * RATE_HZ)]
        self._taken += len(fresh)
        return None if self._broken and not fresh.size else fresh

    def close(self) -> None:
        self.closed = True


def counted(spectrogram: NDArray[np.float32]) -> Mapping[str, float]:
    """A classifier that says how loud the spectrogram is at its loudest, from 0 to 1."""
    return {"siren": 1.0 / (1.0 + math.exp(-float(spectrogram.max())))}


def microphone(source: Played, **options: float) -> Audio:
    settings = AudioSettings(id="ear", **options)  # type: ignore[arg-type]
    return Audio(settings, clock=SimulatedClock(0.0), source=source, classify=counted)


def heard(audio: Audio, moments: Iterable[float]) -> list[Observation]:
    return [one for at in moments for one in audio.read(at)]


def values(observations: Iterable[Observation], quantity: str) -> list[float]:
    return [one.value for one in observations if one.quantity == quantity]


# How loud


@pytest.mark.parametrize(
    ("hertz", "stated_db"),
    [
        (31.62, -39.4),
        (63.1, -26.2),
        (125.9, -16.1),
        (251.2, -8.6),
        (501.2, -3.2),
        (1000, 0.0),
        (1995.3, 1.2),
        (3981.1, 1.0),
        (7943.3, -1.1),
    ],
)
def test_the_weights_are_those_of_the_standard(hertz: float, stated_db: float):
    """IEC 61672-1, table of the A curve, at the exact frequencies of the nominal bands."""
    assert a_weight_db(np.array([hertz]))[0] == pytest.approx(stated_db, abs=0.1)


def test_a_sine_of_full_scale_at_1_khz_is_what_full_scale_stands_for():
    assert level_db(tone(1000, 1.0), rate_hz=RATE_HZ, full_scale_db=120) == pytest.approx(120, abs=0.05)


def test_a_tenth_of_the_amplitude_is_twenty_decibels_less():
    assert level_db(tone(1000, 1.0, amplitude=0.1), rate_hz=RATE_HZ, full_scale_db=120) == pytest.approx(100, abs=0.05)


def test_a_deep_hum_is_hardly_heard():
    assert level_db(tone(63, 1.0), rate_hz=RATE_HZ, full_scale_db=100) == pytest.approx(100 - 26.2, abs=0.2)


@pytest.mark.parametrize("hertz", [31.62, 39.81, 50.12, 63.1])
def test_a_hum_that_does_not_fit_the_second_leaks_into_nothing_higher(hertz: float):
    """Cut off hard, 31.62 Hz were told 3.7 dB too loud, against 1.5 dB that a class 1 meter may err."""
    told = level_db(tone(hertz, 1.0), rate_hz=RATE_HZ, full_scale_db=100)
    assert told == pytest.approx(100 + a_weight_db(np.array([hertz]))[0], abs=0.2)


def energy_of_a_click(at_s: float) -> float:
    """Decibels of all that two readings of a second tell of one click."""
    sound = np.zeros(2 * RATE_HZ, np.float32)
    sound[round(at_s * RATE_HZ) :][:16] = tone(1000, 0.001)
    first, second = values(heard(microphone(Played(sound)), (1.0, 2.0)), LEVEL)
    return 10 * math.log10(10 ** (first / 10) * (1 - FADE_S) + 10 ** (second / 10))


@pytest.mark.parametrize("at_s", [0.972, 0.985, 0.99, 1.0, 1.01])
def test_a_click_counts_once_wherever_it_falls_between_two_readings(at_s: float):
    """Readings overlap where they fade, and the squares of their gains add up to one."""
    assert energy_of_a_click(at_s) == pytest.approx(energy_of_a_click(0.5), abs=0.1)


def test_silence_has_a_level_too():
    assert level_db(np.zeros(1000, np.float32), rate_hz=RATE_HZ, full_scale_db=120) == pytest.approx(3, abs=0.1)


def test_no_sound_has_no_level():
    with pytest.raises(ValueError, match="no sound"):
        level_db(np.zeros(0, np.float32), rate_hz=RATE_HZ, full_scale_db=120)


# Spectrograms


def test_mels_are_those_of_htk():
    """1000 Hz are 1000 mel to a thousandth, as the scale was made."""
    assert mel(1000.0) == pytest.approx(999.99, abs=0.02)


def test_a_patch_has_the_stated_size():
    """25 ms + 95 times 10 ms are 0.975 s; the next begins 0.48 s later."""
    assert (PATCH, NEXT, HOP) == (15600, 7680, 160)
    assert patch(np.zeros(PATCH, np.float32)).shape == (STEPS, BANDS)


def test_silence_is_the_logarithm_of_the_floor():
    assert patch(np.zeros(PATCH, np.float32)) == pytest.approx(math.log(FLOOR))


@pytest.mark.parametrize("hertz", [250.0, 1000.0, 4000.0])
def test_a_tone_is_loudest_in_the_band_in_which_it_lies(hertz: float):
    spectrogram = patch(tone(hertz, 1.0)[:PATCH])
    width = (mel(7500) - mel(125)) / (BANDS + 1)
    expected = (mel(hertz) - mel(125)) / width - 1
    assert abs(float(spectrogram.mean(axis=0).argmax()) - expected) <= 1.0


def test_the_energy_of_a_tone_is_what_the_window_lets_through():
    """At the middle of a bin a sine of amplitude 1 has the magnitude sum(window)/2 = 100 under periodic Hann of 400."""
    spectrogram = patch(tone(1000.0, 1.0)[:PATCH])
    assert 4.0 < float(spectrogram.max()) < math.log(3 * 100)


def test_another_length_is_refused():
    with pytest.raises(ValueError, match="15600"):
        patch(np.zeros(100, np.float32))


# The sensor


def test_a_second_of_sound_is_a_level_and_the_highest_score():
    seen = heard(microphone(Played(tone(1000, 4.0))), [1.0, 2.0, 3.0])
    assert values(seen, "sound_db") == pytest.approx([120.0] * 3, abs=0.1)
    assert len(values(seen, "siren")) == 3
    assert {one.source for one in seen} == {"ear"}


def test_sound_that_spans_two_readings_is_heard_whole():
    """Ten readings of a third of a second hold as many patches as their length says: one and one for every 0.48 s more."""
    asked = []
    audio = Audio(
        AudioSettings(id="ear"),
        clock=SimulatedClock(0.0),
        source=Played(tone(500, 4.0)),
        classify=lambda spectrogram: asked.append(spectrogram) or {},  # type: ignore[func-returns-value]
    )
    heard(audio, [n / 3 for n in range(1, 10)])
    assert len(asked) == 1 + (3 * RATE_HZ - PATCH) // NEXT


def test_a_microphone_that_falls_silent_is_at_fault_and_well_again():
    source = Played(np.concatenate([tone(500, 2.0)]))
    seen = heard(microphone(source), [1.0, 2.0, 3.0, 2.0 + SILENT_S + 1.0])
    assert values(seen, "fault") == [0.0, 1.0]


def test_a_device_that_has_gone_is_at_fault_at_once():
    seen = heard(microphone(Played(tone(500, 1.0), broken=True)), [1.0, 2.0])
    assert values(seen, "fault") == [0.0, 1.0]


def test_closing_lets_go_of_the_device_and_of_what_was_heard():
    source = Played(tone(500, 2.0))
    audio = microphone(source)
    heard(audio, [0.5])
    audio.close()
    assert source.closed
    assert not any(isinstance(held, np.ndarray) and held.size for held in vars(audio).values())


def test_never_more_than_one_patch_of_sound_is_held():
    audio = microphone(Played(tone(500, 20.0)))
    for at in range(1, 20):
        list(audio.read(float(at)))
        assert sum(held.size for held in vars(audio).values() if isinstance(held, np.ndarray)) < PATCH


# Files and devices


def recording(path: Path, samples: Samples, *, rate_hz: int = 44_100) -> Path:
    """A mono WAV file of 16 bits."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate_hz)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate = rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_recording_sounds_from_its_start_in_its_own_time(tmp_path: Path):
    t = np.arange(2 * 44_100) / 44_100
    path = recording(tmp_path / "a.wav", (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32))
    file = File(str(path), start=100.0)
    assert len(file.take(100.0)) == 0
    first = file.take(101.0)
    assert len(first) == RATE_HZ
    assert level_db(first[1000:], rate_hz=RATE_HZ, full_scale_db=100) == pytest.approx(94.0, abs=0.3)
    assert len(file.take(103.0)) == 2 * RATE_HZ
    assert float(np.abs(file.take(104.0)).max()) == 0.0, "after its end it is silent"


def test_what_is_no_recording_is_refused_with_a_hint(tmp_path: Path):
    (tmp_path / "no.wav").write_text("nothing")
    with pytest.raises(SensorError, match="cannot listen") as caught:
        next(sounding(str(tmp_path / "no.wav"), ""))
    assert caught.value.hint


def test_a_microphone_that_is_not_there_is_refused():
    with pytest.raises(SensorError, match="cannot listen"):
        Audio(AudioSettings(id="ear", device="hw:31"), clock=SimulatedClock(0.0), classify=counted)


def test_a_device_that_nobody_reads_holds_a_few_seconds_at_most():
    assert BACKLOG_S * RATE_HZ * 4 < 300_000


# Speech


def test_no_class_of_speech_is_ever_read():
    model = manifest.load(manifest.folder({})).model("yamnet")
    assert isinstance(model.decoding, SoundDecoding)
    read = {index for group in model.decoding.groups.values() for index in group}
    assert not read & SPEECH
    assert set(model.decoding.groups) == {"glass", "gunshot", "explosion", "scream", "siren"}


def test_the_shipped_model_tells_the_five_kinds_and_nothing_else():
    scores = classifier(timer=lambda: 0.0)(patch(tone(700, 1.0)[:PATCH]))
    assert set(scores) == {"glass", "gunshot", "explosion", "scream", "siren"}
    assert all(0.0 <= score <= 1.0 for score in scores.values())


def test_a_bang_is_a_shot_and_silence_is_nothing():
    t = np.arange(PATCH) / RATE_HZ - 0.3
    bang = np.random.default_rng(0).standard_normal(PATCH) * np.exp(-25 * np.maximum(t, 0)) * (t > 0)
    ask = classifier(timer=lambda: 0.0)
    assert ask(patch((0.8 * bang).astype(np.float32)))["gunshot"] > 0.3
    assert max(ask(patch(np.zeros(PATCH, np.float32))).values()) < 0.1


# Its switch

NODE = """
version: 1
node: {union: romagna-faentina, comune: brisighella, id: n-0017}
uplink: {broker: {host: localhost}}
sensors:
  - {driver: audio, id: ear}
"""
AGREEMENT = """
agreements:
  - version: 1
    id: sound-2026
    partner: {{id: police-faenza, name: Polizia di Stato, role: police, contact: dpo@police.example}}
    comuni: [brisighella]
    events: [anomaly]
    purpose: public-security
    legal_basis: Accordo quadro 12/2026
    since: "2026-01-01"
    until: "2026-12-31"
    retention_days: 7
    sound: {sound}
"""


def test_a_microphone_needs_the_switch(tmp_path: Path):
    path = tmp_path / "node.yaml"
    path.write_text(NODE)
    with pytest.raises(ConfigError, match="`sound` is false"):
        load(path)
    path.write_text(NODE + AGREEMENT.format(sound="true") + "sound: true\n")
    assert load(path).sound


@pytest.mark.parametrize("agreed", ["", AGREEMENT.format(sound="false")])
def test_a_node_may_not_listen_without_an_agreement_that_allows_it(
    agreed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "node.yaml"
    path.write_text(NODE + agreed + "sound: true\n")
    assert main(["check", str(path)]) == 2
    assert "no agreement under which this node works says `sound: true`" in capsys.readouterr().err


def test_a_microphone_is_opened_and_closed_with_the_days_of_the_agreement(tmp_path: Path):
    """From midnight to midnight of its time zone, on a node that runs on."""
    path = tmp_path / "node.yaml"
    path.write_text(NODE + AGREEMENT.format(sound="true") + "sound: true\n")
    config = load(path)
    (agreement,) = config.agreements
    opened: list[Played] = []

    def open_it() -> Audio:
        opened.append(Played(tone(1000, 1.0)))
        return microphone(opened[-1])

    ear = Allowed(1.0, open_it, lambda at: may_listen(config, at))
    assert list(ear.read(agreement.begins_at - 1.0)) == []
    assert not opened, "before the first midnight nobody listens"
    assert values(ear.read(agreement.begins_at), "sound_db")
    assert list(ear.read(agreement.ends_at)) == []
    assert [one.closed for one in opened] == [True]


def test_a_node_does_not_listen_unless_it_is_told_to(tmp_path: Path):
    path = tmp_path / "node.yaml"
    path.write_text(NODE.partition("sensors:")[0])
    assert not load(path).sound
