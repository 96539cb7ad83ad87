"""Rules on time that passes: nothing for too long, or the same for too long."""

from __future__ import annotations

from tests.anomaly.playing import lines, play, series


def test_a_sensor_that_stops_is_told_and_when_it_comes_back_how_long_it_was():
    text = "- {kind: absence, id: dead, quantity: temperature_c, longer_s: 60}"
    opened, closed = play(text, series("temperature_c", [(0, 20), (30, 20), (200, 21)]))
    assert lines([opened, closed]) == ["90 opened 60", "200 closed 170"]
    assert closed.duration_s == 170.0


def test_a_sensor_that_never_says_anything_is_missed_from_the_start():
    text = "- {kind: absence, id: dead, quantity: temperature_c, source: t1, longer_s: 60}"
    events = play(text, series("open", [(0, 1)], source="door"), until=100)
    assert [(event.source, line) for event, line in zip(events, lines(events), strict=True)] == [("t1", "60 opened 60")]


def test_a_place_where_nobody_is_seen_for_too_long():
    text = "- {kind: absence, id: empty, quantity: desk/person/count, of: presence, longer_s: 60}"
    counts = [(t, 1 if t in (0, 100) else 0) for t in range(0, 120, 5)]
    assert lines(play(text, series("desk/person/count", counts))) == ["60 opened 60", "100 closed 100"]


def test_a_camera_that_sees_nothing_is_no_empty_place():
    """Where the camera is silent nobody knows whether somebody was there."""
    text = "- {kind: absence, id: empty, quantity: desk/person/count, of: presence, longer_s: 600, stale_s: 60}"
    counts = [(0, 1), (10, 1), (500, 0), (1090, 0), (1095, 0), (1105, 0)]
    counts += [(t, 0) for t in range(520, 1100, 30)]
    assert lines(play(text, series("desk/person/count", counts))) == ["1100 opened 600"]


def test_nobody_is_missed_outside_the_hours():
    text = """
    - {kind: absence, id: empty, quantity: desk/person/count, of: presence, longer_s: 600,
       during: [{from: "00:30", to: "01:00"}]}
    """
    counts = [(t, 0) for t in range(0, 4000, 60)]
    assert lines(play(text, series("desk/person/count", counts))) == ["2400 opened 600", "3600 closed 1800"]


def test_a_movement_sensor_that_is_stuck_on():
    text = "- {kind: stuck, id: pir-stuck, quantity: motion, value: 1, longer_s: 300}"
    level = [(t, 0 if t < 10 or t >= 400 else 1) for t in range(0, 420, 5)]
    opened, closed = play(text, series("motion", level))
    assert lines([opened, closed]) == ["310 opened 300", "400 closed 390"]
    assert closed.duration_s == 390.0


def test_a_movement_sensor_that_sees_nothing_all_night_is_well():
    text = "- {kind: stuck, id: pir-stuck, quantity: motion, value: 1, longer_s: 300}"
    assert play(text, series("motion", [(t, 0) for t in range(0, 4000, 5)])) == []


def test_a_thermometer_that_shows_the_same_for_hours():
    text = "- {kind: stuck, id: frozen, quantity: temperature_c, band: 0.05, longer_s: 7200}"
    alive = [(t, 20 + 0.1 * (t // 600 % 2)) for t in range(0, 7200, 300)]
    frozen = [(t, 20.52) for t in range(7200, 15000, 300)]
    assert lines(play(text, series("temperature_c", alive + frozen))) == ["14400 opened 7200"]


def test_silence_is_not_sameness():
    text = "- {kind: stuck, id: frozen, quantity: temperature_c, longer_s: 300, stale_s: 100}"
    assert play(text, series("temperature_c", [(0, 20), (290, 20), (310, 20)])) == []
