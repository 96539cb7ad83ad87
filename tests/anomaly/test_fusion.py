"""Cameras and sensors that confirm or contradict each other."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from agent.contract.sentences import sentence
from agent.errors import ConfigError
from agent.records import Event, Observation
from tests.anomaly.playing import Reading, lines, play, rules, series

UNSEEN = """
- kind: combined
  id: unseen
  all: [{source: pir, quantity: motion}]
  none: [{source: gate-cam, quantity: yard/person/count}]
  within_s: 20
  dwell_s: 10
"""
TAMPERED = """
- kind: combined
  id: tampered
  event: tamper
  all: [{source: lid, quantity: tampered}, {source: gate-cam, quantity: camera/moved_by, at_least: 0.02}]
  within_s: 60
"""
EITHER = """
- kind: combined
  id: either
  any: [{source: a, quantity: open}, {source: b, quantity: temperature_c, below: 4}]
"""


def seen(*counts: Reading, until: float = 120.0) -> list[Observation]:
    """A camera that counts the yard every second: each count holds until the next."""
    told = dict(counts)
    values, value = [], 0.0
    for second in range(int(until) + 1):
        value = told.get(float(second), value)
        values.append((float(second), value))
    return series("yard/person/count", values)


def felt(*moments: float) -> list[Observation]:
    """A movement sensor that feels something for two seconds."""
    return series("motion", [(0, 0), *((at + d, v) for at in moments for d, v in ((0, 1), (2, 0)))], source="pir")


def played(text: str, *streams: Iterable[Observation], until: float = 120.0) -> list[Event]:
    return play(text, [one for stream in streams for one in stream], until=until)


def test_movement_that_no_camera_sees_is_told_after_the_dwell_with_both_reasons():
    opened, closed = played(UNSEEN, seen(), felt(30))
    assert lines([opened, closed]) == ["40 opened 1", "52 closed 1"]
    assert [(reason.quantity, reason.test) for reason in (opened.reason, *opened.also)] == [
        ("motion", "combined"),
        ("yard/person/count", "absence"),
    ]
    assert sentence(opened) == "pir: movement, no person for 40 s"
    assert sentence(closed) == "pir: over after 22 s: movement, no person for 51 s"


@pytest.mark.parametrize("at", [15.0, 31.0, 39.0])
def test_somebody_who_is_seen_soon_before_or_after_explains_the_movement(at: float):
    assert not played(UNSEEN, seen((at, 1), (at + 1, 0)), felt(30))


def test_a_camera_that_is_silent_does_not_say_that_nobody_is_there():
    assert not played(UNSEEN, felt(30))


def test_a_camera_that_has_only_just_begun_to_look_excludes_nobody():
    began_late = [one for one in seen() if one.at >= seen()[25].at]
    (opened, *_) = played(UNSEEN, began_late, felt(30, 36, 42))
    assert lines([opened]) == ["55 opened 1"]


def test_a_switch_and_a_moved_view_within_a_minute_are_one_event():
    lid = series("tampered", [(0, 0), (10, 1), (12, 0), (100, 0)], source="lid")
    view = series("camera/moved_by", [(float(t), 0.08 if t >= 50 else 0.0) for t in range(0, 101, 5)])
    opened, closed = played(TAMPERED, lid, view)
    assert lines([opened, closed]) == ["50 opened 1", "72 closed 1"]
    assert sentence(opened) == "lid: tampered with, the camera was moved, by 8% of the picture"


def test_a_switch_long_before_a_moved_view_is_not():
    lid = series("tampered", [(0, 0), (10, 1), (12, 0)], source="lid")
    view = series("camera/moved_by", [(float(t), 0.08 if t >= 80 else 0.0) for t in range(0, 101, 5)])
    assert not played(TAMPERED, lid, view)


def test_any_one_condition_is_enough_and_is_the_one_that_is_named():
    cold = series("temperature_c", [(0, 6), (50, 3), (60, 6)], source="b")
    (opened, *_) = played(EITHER, cold)
    assert (opened.reason.quantity, opened.reason.observed, opened.reason.expected) == ("temperature_c", 3.0, 4.0)


def test_the_order_in_which_two_sources_come_in_does_not_matter():
    """Each source has its own present: the slow one is waited for until the tick."""
    streams = seen((31.0, 1)), felt(30)
    one = played(UNSEEN, *streams)
    other = played(UNSEEN, *reversed(streams))
    assert one == other == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[{kind: combined, id: x, none: [{source: a, quantity: open}]}]", "needs `all` or `any`"),
        ("[{kind: combined, id: x, quantity: open, all: [{source: a, quantity: open}]}]", "in its conditions"),
    ],
)
def test_a_combination_that_can_say_nothing_is_refused(text: str, hint: str):
    with pytest.raises(ConfigError, match=hint):
        rules(text)
