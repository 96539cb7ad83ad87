"""What an event says to a person."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from agent.contract.italian import ITALIAN
from agent.contract.sentences import TONGUES, sentence, span
from agent.contract.types import Label, Test
from agent.records import Event, Phase, Reason, Severity


def said(reason: Reason, *, phase: Phase = Phase.OPENED, source: str = "gate-cam", place: str = "", **end) -> str:
    zone, _, label = place.partition("/")
    return sentence(
        Event("0" * 16, "r", "anomaly", phase, Severity.NOTICE, 0.0, source, reason, zone=zone, label=label, **end)
    )


@pytest.mark.parametrize(
    ("reason", "place", "expected"),
    [
        (Reason("temperature_c", "limit", 41.5, 40.0, 2.0), "", "temperature 41.5 °C, over the limit of 40 °C"),
        (Reason("humidity_pct", "limit", 8.0, 10.0), "", "humidity 8 %, under the limit of 10 %"),
        (Reason("open", "schedule", 1.0, 0.0), "", "open outside the allowed hours"),
        (Reason("gate/person/count", "presence", 2.0, 0.0), "gate/person", "2 people"),
        (Reason("temperature_c", "absence", 3720.0, 600.0), "", "no temperature for 1 h 2 min, at most 10 min"),
        (Reason("gate/person/count", "absence", 90.0, 60.0), "gate/person", "no person for 1 min 30 s, at most 1 min"),
        (Reason("motion", "stuck", 3600.0, 1800.0), "", "movement unchanged for 1 h, at most 30 min"),
        (Reason("kerb/person/in", "rate", 21.0, 20.0), "kerb/person", "21 people in, at most 20 within the window"),
        (
            Reason("square/person/count", "baseline", 25.0, 2.1, 1.5, 14.0, "hours"),
            "square/person",
            "25 people, usually 2.1 ± 1.5 (learned from 14 h)",
        ),
        (
            Reason("temperature_c", "rhythm", 25.0, 18.0, 1.5, 140.0, "hours"),
            "",
            "temperature 25 °C, at this time of day usually 18 °C ± 1.5 (learned from 5 d 20 h)",
        ),
        (
            Reason("temperature_c", "noise", 0.0, 0.3, 0.1, 50.0, "hours"),
            "",
            "temperature jumps by 0 °C from reading to reading, usually by 0.3 °C ± 0.1 (learned from 2 d 2 h)",
        ),
        (Reason("kerb/bus/out", "crossing", 1.0), "kerb/bus", "1 bus out"),
        (Reason("gate/person/stay_s", "stay", 31.0, 30.0), "gate/person", "a person stays 31 s, at most 30 s"),
        (Reason("gate/object/stay_s", "stay", 301.0, 300.0), "gate/object", "an object stays 5 min 1 s, at most 5 min"),
        (Reason("camera/fps", "absence", 40.0, 30.0), "", "no pictures for 40 s, at most 30 s"),
        (Reason("camera/fps", "limit", 0.5, 2.0), "", "fps 0.5, under the limit of 2"),
        (Reason("gate/all/occupancy", "occupancy", 11.0, 10.0), "gate/", "11 present, at most 10"),
        (Reason("pressed", "button", 2.0, 0.0), "", "the button was pressed 2 times"),
        (
            Reason("kerb/person/out", "budget", 9.0, 12.0),
            "",
            "9 more, not told one by one: at most 12 an hour are",
        ),
        (
            Reason("gate/person/speed", "limit", 3.0, 2.0),
            "gate/person",
            "speed 3 body heights a second, over the limit of 2",
        ),
    ],
)
def test_each_test_has_its_sentence(reason: Reason, place: str, expected: str):
    where = f"{place.partition('/')[0]} (gate-cam)" if place else "gate-cam"
    assert said(reason, place=place) == f"{where}: {expected}"


@pytest.mark.parametrize(
    ("closed_by", "duration_s", "expected"),
    [
        ("rule", 61.0, "over after 1 min 1 s: open"),
        ("restart", None, "over: open; closed by a restart, nobody saw when it ended"),
        ("stale", 10.0, "over after 10 s: open; the source has fallen silent"),
        ("command", 10.0, "over after 10 s: open; closed by command"),
    ],
)
def test_the_last_word_says_how_long_it_was_and_why_it_ended(closed_by: str, duration_s: float | None, expected: str):
    reason = Reason("open", "presence", 1.0, 0.0)
    told = said(reason, phase=Phase.CLOSED, source="door", closed_by=closed_by, duration_s=duration_s)
    assert told == f"door: {expected}"


def test_an_update_says_that_it_goes_on():
    pressed = Reason("pressed", "button", 2.0)
    assert said(pressed, phase=Phase.UPDATED, source="b1") == "b1: still: the button was pressed 2 times"


def test_an_update_within_the_hysteresis_does_not_claim_to_be_over_the_limit():
    back = Reason("temperature_c", "limit", 0.5, 0.0, 1.0)
    assert said(back, phase=Phase.UPDATED) == "gate-cam: still: temperature 0.5 °C, against the limit of 0 °C"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.6, "1 min"), (90, "1 min 30 s"), (3600, "1 h"), (7325, "2 h 2 min"), (200_000, "2 d 7 h")],
)
def test_a_span_has_two_units_at_most(seconds: float, words: str):
    assert span(seconds) == words


TOLD_BY_THE_BARE_VALUE = {"presence", "crossing", "switch"}


@pytest.mark.parametrize("test", get_args(Test))
def test_every_test_has_its_words_in_every_language(test: str):
    """What has no words of its own says the bare value; `chatter` is told as a state."""
    for tongue in TONGUES.values():
        assert test in tongue.tests or test in TOLD_BY_THE_BARE_VALUE | {"chatter"}


@pytest.mark.parametrize("table", ["tests", "states", "faults", "stays", "ends", "scene"])
def test_italian_has_a_word_for_whatever_english_has(table: str):
    english, italian = (getattr(TONGUES[name], table) for name in ("en", "it"))
    assert set(english) == set(italian)
    for key in english:
        names = re.compile(r"\{(\w+)")
        assert set(names.findall(italian[key])) == set(names.findall(english[key]))


def test_every_label_of_the_contract_has_its_three_italian_forms():
    labels = {label for label in get_args(Label) if label}
    for table in (ITALIAN.ones, ITALIAN.singulars, ITALIAN.plurals):
        assert labels <= set(table)


@pytest.mark.parametrize(
    ("reason", "place", "expected"),
    [
        (Reason("temperature_c", "limit", 41.5, 40.0, 2.0), "", "temperatura 41,5 °C, oltre il limite di 40 °C"),
        (Reason("gate/person/count", "presence", 2.0, 0.0), "gate/person", "2 persone"),
        (
            Reason("gate/person/stay_s", "stay", 3725.0, 30.0),
            "gate/person",
            "una persona resta da 1 h 2 min, al massimo 30 s",
        ),
        (Reason("kerb/car/in", "crossing", 1.0), "kerb/car", "1 auto in entrata"),
        (Reason("camera/fps", "absence", 40.0, 30.0), "", "senza immagini da 40 s, al massimo 30 s"),
        (
            Reason("square/person/count", "baseline", 25.0, 2.1, 1.5, 3.0, "weeks"),
            "square/person",
            "25 persone, di solito 2,1 ± 1,5 (imparato da 3 settimane)",
        ),
        (Reason("camera/blocked", "health", 0.8, 0.0), "", "la vista è coperta per il 80%"),
        (Reason("gate/all/occupancy", "occupancy", 11.0, 10.0), "gate/", "11 presenti, al massimo 10"),
    ],
)
def test_italian_says_it_as_an_italian_would(reason: Reason, place: str, expected: str):
    zone, _, label = place.partition("/")
    told = Event("0" * 16, "r", "anomaly", Phase.OPENED, Severity.NOTICE, 0.0, "c", reason, zone=zone, label=label)
    assert sentence(told, ITALIAN).partition(": ")[2] == expected
