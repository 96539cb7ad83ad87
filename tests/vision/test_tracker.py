"""Who is who, as the tracker tells it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.pixels import Box, Detection, Detections
from agent.vision.settings import TrackerSettings
from agent.vision.tracker import Tracker
from tests.vision.walkers import hidden, numbers, person, places, seen, tracked, walking

SETTINGS = TrackerSettings()
STEP_S = 0.2


def frames(*found):
    """Detections five times a second."""
    return [Detections("yard", number * STEP_S, tuple(items)) for number, items in enumerate(found)]


def test_somebody_who_walks_keeps_one_number():
    told = tracked(seen([walking(0.1, 0.1)], seconds=8.0))
    assert {number for tracks in told for number in numbers(tracks)} == {1}


def test_a_track_is_told_of_from_its_second_sight_on():
    told = tracked(seen([walking(0.5, 0.0)], seconds=0.6))
    assert [len(tracks.items) for tracks in told] == [0, 1, 1]


def test_what_is_seen_once_is_never_told_and_soon_forgotten():
    told = tracked(frames([person(0.5)], [], [], [], [person(0.5)], []))
    assert [len(tracks.items) for tracks in told] == [0] * 6


def test_two_who_walk_side_by_side_are_two():
    told = tracked(seen([walking(0.1, 0.1, 0.5), walking(0.1, 0.1, 0.8)], seconds=4.0))
    assert {tuple(numbers(tracks)) for tracks in told[1:]} == {(1, 2)}


@pytest.mark.parametrize("fps", [1.0, 2.0, 5.0, 15.0, 30.0])
def test_how_many_frames_there_are_makes_no_other_person(fps):
    told = tracked(seen([walking(0.1, 0.08)], seconds=10.0, fps=fps))
    assert {number for tracks in told for number in numbers(tracks)} == {1}


def test_who_is_hidden_for_a_moment_is_the_same_afterwards():
    told = tracked(seen([hidden(walking(0.1, 0.1), since=3.0, until=5.0)], seconds=8.0))
    assert {number for tracks in told for number in numbers(tracks)} == {1}


def test_who_is_not_seen_coasts_on_and_says_so():
    told = tracked(seen([hidden(walking(0.1, 0.1), since=3.0, until=9.0)], seconds=4.0))
    (last,) = told[-1].items
    assert last.coasting_s == pytest.approx(1.0)
    assert places(told[-1])[1] == pytest.approx(0.1 + 0.1 * 3.8, abs=0.03)


def test_who_was_away_for_long_is_somebody_else():
    told = tracked(seen([hidden(walking(0.1, 0.05), since=2.0, until=8.0)], seconds=10.0))
    assert {number for tracks in told for number in numbers(tracks)} == {1, 2}


def test_who_walks_out_of_the_picture_is_gone_within_a_second():
    told = tracked(seen([lambda at: (0.8 + 0.1 * at, 0.6) if at < 1.6 else None], seconds=3.0))
    assert numbers(told[int(1.6 / STEP_S) - 1]) == [1]
    assert numbers(told[int(2.6 / STEP_S)]) == []


def test_who_comes_back_to_where_another_left_is_somebody_else():
    """A track that has left the frame must not wait at its edge for the next person."""
    told = tracked(
        seen([lambda at: (0.8 + 0.1 * at, 0.6) if at < 1.6 else (1.2 - 0.1 * at, 0.6) if at > 3 else None], seconds=5.0)
    )
    assert {number for tracks in told for number in numbers(tracks)} == {1, 2}


def test_who_breaks_into_a_run_alone_on_the_square_keeps_the_number():
    """Between two frames a runner leaves the box behind; with nobody near there is no other explanation."""
    told = tracked(seen([lambda at: (0.2 if at < 2 else 0.2 + 0.35 * (at - 2), 0.6)], seconds=4.0))
    assert {number for tracks in told for number in numbers(tracks)} == {1}


@pytest.mark.parametrize("fps", [3.0, 5.0, 10.0])
def test_who_comes_running_is_followed_from_the_third_sight_on_at_the_latest(fps):
    """At six or seven widths of their body a second: in the next picture they are beside their own box."""
    told = tracked(seen([walking(0.02, 0.4)], seconds=1.2, fps=fps))
    assert len(told[2].items) == 1
    assert len({number for tracks in told for number in numbers(tracks)}) == 1


def test_two_far_sights_are_nobody_who_runs_while_no_third_agrees():
    told = tracked(frames([person(0.1)], [person(0.2)], [person(0.1)], [person(0.2)]))
    assert [len(tracks.items) for tracks in told] == [0] * 4


def test_in_a_crowd_a_far_sight_is_taken_for_somebody_else():
    """The one who vanished was before another, so may be hidden there still."""
    pair, leap = [person(0.3), person(0.32)], [person(0.32), person(0.42)]
    told = tracked(frames(*[pair] * 10, *[leap] * 3))
    assert set(numbers(told[-1])) - {1, 2}


def test_a_weak_sight_continues_a_track_and_begins_none():
    weak = SETTINGS.low + 0.01
    told = tracked(frames([person(0.5)], [person(0.5)], [person(0.5, score=weak)], [person(0.5, score=weak)]))
    assert [track.coasting_s for track in told[-1].items] == [0.0]
    assert not tracked(frames(*[[person(0.5, score=weak)]] * 5))[-1].items


def test_what_is_weaker_than_low_counts_for_nothing():
    feeble = SETTINGS.low - 0.01
    told = tracked(frames([person(0.5)], [person(0.5)], [person(0.5, score=feeble)]))
    assert told[-1].items[0].coasting_s == pytest.approx(STEP_S)


def test_a_second_box_of_the_same_person_is_nobody():
    """Detectors give a torso beside the whole; it would walk along as a ghost."""
    torso = Detection("person", 0.7, Box(0.47, 0.42, 0.53, 0.52))
    told = tracked(frames(*[[person(0.5)]] * 4, *[[person(0.5), torso]] * 6))
    assert numbers(told[-1]) == [1]


def test_a_person_is_never_taken_for_a_car_that_stood_there():
    told = tracked(frames(*[[person(0.5, label="car")]] * 4, *[[person(0.5)]] * 4))
    assert {track.label for track in told[-1].items if not track.coasting_s} == {"person"}


def test_readings_of_one_vehicle_are_one_track_with_the_label_that_was_seen_most():
    told = tracked(frames(*[[person(0.5, label=label)] for label in ("car", "truck", "car", "car", "truck")]))
    assert [(track.number, track.label) for track in told[-1].items] == [(1, "car")]


def test_a_box_that_swallows_a_neighbour_moves_a_track_only_a_little():
    both = Detection("person", 0.9, Box(0.47, 0.4, 0.65, 0.6))
    told = tracked(frames(*[[person(0.5)]] * 10, [both]))
    (track,) = told[-1].items
    assert track.box.right - track.box.left < 0.10
    assert places(told[-1])[1] == pytest.approx(0.5, abs=0.03)


def test_a_box_is_told_within_the_frame():
    (track,) = tracked(frames(*[[Detection("person", 0.8, Box(-0.02, 0.5, 0.06, 1.04))]] * 3))[-1].items
    assert min(track.box) >= 0.0
    assert max(track.box) <= 1.0


def test_at_rest_everything_stays_where_it_was():
    tracker = Tracker("yard", SETTINGS)
    for frame in frames([person(0.5)], [person(0.5)]):
        last = tracker.update(frame)
    rested = tracker.rest(9.0)
    assert (rested.at, rested.items) == (9.0, last.items)


def test_the_next_frame_is_worth_a_look_while_somebody_is_not_yet_sure():
    tracker = Tracker("yard", SETTINGS)
    curious = []
    for frame in frames([], [person(0.5)], [person(0.5)]):
        tracker.update(frame)
        curious.append(tracker.is_curious)
    assert curious == [False, True, False]


def test_a_clock_that_goes_back_takes_no_time():
    tracker = Tracker("yard", SETTINGS)
    for at in (10.0, 10.2, 5.0, 5.2):
        told = tracker.update(Detections("yard", at, (person(0.5),)))
    assert numbers(told) == [1]


def test_a_box_without_extent_harms_nobody():
    point = Detection("person", 0.9, Box(0.2, 0.2, 0.2, 0.2))
    told = tracked(frames(*[[person(0.5), point]] * 4))
    assert 0.5 in [pytest.approx(x) for x in places(told[-1]).values()]


coordinates = st.floats(0.0, 1.0)
boxes = st.builds(
    lambda x, y, w, h: Box(x, y, min(1.0, x + w), min(1.0, y + h)), coordinates, coordinates, coordinates, coordinates
)
items = st.lists(st.builds(Detection, st.sampled_from(["person", "car"]), coordinates, boxes), max_size=5)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0.0, 5.0), items), max_size=12))
def test_whatever_is_seen_numbers_are_given_once_and_boxes_are_in_the_frame(frames):
    tracker, at, last = Tracker("yard", SETTINGS), 0.0, 0
    for step, found in frames:
        at += step
        told = tracker.update(Detections("yard", at, tuple(found)))
        known = numbers(told)
        assert len(set(known)) == len(known)
        fresh = [number for number in known if number > last]
        last = max([last, *fresh])
        for track in told.items:
            assert 0.0 <= track.box.left <= track.box.right <= 1.0
            assert 0.0 <= track.box.top <= track.box.bottom <= 1.0
            assert track.coasting_s <= SETTINGS.coast_s


@settings(max_examples=20)
@given(st.lists(items, max_size=8))
def test_the_same_detections_give_the_same_tracks(found):
    assert tracked(frames(*found)) == tracked(frames(*found))


def test_a_crowd_of_boxes_is_matched_without_mixing_them_up():
    rows = [(0.1 + 0.08 * number, 0.3 + 0.3 * (number % 2)) for number in range(10)]
    told = tracked(seen([walking(x, 0.01, foot) for x, foot in rows], seconds=5.0))
    assert numbers(told[-1]) == list(range(1, 11))
    assert places(told[-1])[1] == pytest.approx(0.148, abs=0.01)
