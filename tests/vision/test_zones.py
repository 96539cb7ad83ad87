"""Zones and lines: who enters enters once, who crosses crosses once, who is not seen is soon not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from agent.pixels import Box, Track, Tracks
from agent.records import Observation
from agent.vision import drawn
from agent.vision.settings import Line, View, Zone
from agent.vision.zones import BELIEVED_S, Zones

TALL = 0.2
STEP_S = 0.2
VIEW = View(
    masks=(),
    zones=(Zone("gate", ((0.4, 0.0), (0.6, 0.0), (0.6, 1.0), (0.4, 1.0)), labels=("person", "bicycle")),),
    lines=(Line("kerb", (0.5, 0.0), (0.5, 1.0)),),
)


def somebody(x: float, y: float = 0.5, *, number: int = 1, label: str = "person", coasting_s: float = 0.0) -> Track:
    box = Box(x - 0.04, y - TALL, x + 0.04, y)
    return Track(number, label, box, since=0.0, score=0.9, coasting_s=coasting_s)


def told(frames: Iterable[Sequence[Track]], *, view: View = VIEW) -> list[Observation]:
    """Everything that zones say of frames that come every STEP_S."""
    zones = Zones(view, report_s=1.0)
    return [
        one
        for number, tracks in enumerate(frames)
        for one in zones.observe(Tracks("yard", number * STEP_S, tuple(tracks)))
    ]


def happened(observations: Iterable[Observation]) -> Counter[str]:
    """How often each of the things that happen did."""
    names = (one.quantity for one in observations)
    return Counter(name for name in names if name.rpartition("/")[2] in ("entered", "left", "in", "out"))


def path(*xs: float, steps: int = 10) -> list[list[Track]]:
    """Somebody who goes from place to place in straight lines."""
    legs = pairwise(xs)
    return [[somebody(a + (b - a) * step / steps)] for a, b in legs for step in range(steps)] + [[somebody(xs[-1])]]


def test_who_passes_enters_leaves_and_crosses_once():
    assert happened(told(path(0.1, 0.9))) == {"gate/person/entered": 1, "gate/person/left": 1, "kerb/person/out": 1}


def test_who_comes_back_crosses_the_other_way():
    found = happened(told(path(0.1, 0.9, 0.1)))
    assert (found["kerb/person/out"], found["kerb/person/in"]) == (1, 1)


def test_a_box_that_trembles_at_the_edge_enters_once():
    trembling = [[somebody(0.4 + 0.01 * (-1) ** number)] for number in range(50)]
    assert happened(told(trembling)) == {"gate/person/entered": 1}


def test_a_box_that_trembles_on_the_line_has_not_crossed_it():
    trembling = [[somebody(0.5 + 0.015 * (-1) ** number)] for number in range(50)]
    assert not [name for name in happened(told(trembling)) if name.startswith("kerb")]


def test_who_trembles_on_the_line_and_goes_on_crosses_once():
    trembling = [[somebody(0.5 + 0.015 * (-1) ** number)] for number in range(20)]
    found = happened(told([*path(0.1, 0.5), *trembling, *path(0.5, 0.9)]))
    assert found["kerb/person/out"] == 1
    assert found["kerb/person/in"] == 0


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=60))
def test_however_somebody_moves_nobody_leaves_who_has_not_entered_nor_crosses_one_way_twice(xs: list[float]):
    inside = across = 0
    ways = set()
    for one in told([[somebody(x)] for x in xs]):
        measure = one.quantity.rpartition("/")[2]
        inside += (measure == "entered") - (measure == "left")
        across += (measure == "in") - (measure == "out")
        ways.add(across)
        assert inside in (0, 1)
    assert len(ways) <= 2, "in and out take turns"


def test_a_stay_lasts_from_the_arrival_to_the_departure():
    (stay,) = [one for one in told(path(0.1, 0.5, 0.5, 0.9)) if one.quantity == "gate/person/stayed_s"]
    entered, left = (0.4 - 0.1) / 0.4 * 10, 20 + (0.6 + 0.12 * TALL - 0.5) / 0.4 * 10
    assert stay.value == pytest.approx((left - entered) * STEP_S, abs=2 * STEP_S)


def counts(observations: Iterable[Observation]) -> dict[float, float]:
    """When -> how many people are in the gate."""
    return {one.at: one.value for one in observations if one.quantity == "gate/person/count"}


def unseen(x: float, seconds: float) -> list[list[Track]]:
    """Somebody whom nobody sees for so long, coasting at the same place."""
    return [[somebody(x, coasting_s=number * STEP_S)] for number in range(1, round(seconds / STEP_S) + 1)]


def test_who_is_not_seen_counts_for_a_moment_longer_and_then_no_more():
    found = counts(told([[somebody(0.5)], *unseen(0.5, 4.0)]))
    assert {at for at, count in found.items() if count} == {at for at in found if at <= BELIEVED_S}


def test_who_is_found_again_has_not_left_and_has_stayed_all_the_time():
    found = told([*path(0.5, 0.5), *unseen(0.5, 4.0), *path(0.5, 0.5)])
    assert happened(found) == {"gate/person/entered": 1}
    assert max(one.value for one in found if one.quantity == "gate/person/stay_s") > 6.0


def test_who_is_not_found_again_stayed_as_long_as_was_believed():
    found = told([*path(0.5, 0.5), *unseen(0.5, 4.0), []])
    (stayed,) = [one.value for one in found if one.quantity == "gate/person/stayed_s"]
    assert stayed == pytest.approx(10 * STEP_S + BELIEVED_S, abs=2 * STEP_S)


def test_who_crosses_unseen_has_crossed_when_found_again():
    found = happened(told([*path(0.1, 0.45), *unseen(0.45, 4.0), [somebody(0.55)]]))
    assert found["kerb/person/out"] == 1


def test_a_track_that_ended_inside_has_left():
    assert happened(told([[somebody(0.5)], []]))["gate/person/left"] == 1


def test_who_is_cut_off_by_the_lower_rim_of_the_frame_is_in_a_zone_that_reaches_it():
    assert happened(told([[somebody(0.5, y=1.0)]])) == {"gate/person/entered": 1}


def test_two_that_were_confused_have_not_jumped_over_the_line_when_that_is_noticed():
    apart = [somebody(0.3, number=1), somebody(0.7, number=2)]
    right = [somebody(0.7, number=1), somebody(0.3, number=2)]
    zones = Zones(VIEW, report_s=1.0)
    zones.observe(Tracks("yard", 0.0, tuple(apart)))
    found = zones.observe(Tracks("yard", STEP_S, tuple(right), exchanged=((1, 2),)))
    assert not happened(found)


def test_two_that_were_confused_have_not_left_and_entered_when_that_is_noticed():
    zones = Zones(VIEW, report_s=1.0)
    zones.observe(Tracks("yard", 0.0, (somebody(0.5, number=1), somebody(0.9, number=2))))
    found = zones.observe(Tracks("yard", STEP_S, (somebody(0.5, number=2), somebody(0.9, number=1)), ((1, 2),)))
    assert not happened(found)


def test_how_far_is_clear_does_not_depend_on_the_shape_of_the_frame():
    """A foot 0.02 of the width beyond the edge is nearer in a tall frame than in a wide one."""
    step = [[somebody(0.59)], [somebody(0.62)]]
    for aspect, left in ((0.75, 0), (16 / 9, 1)):
        zones = Zones(VIEW, report_s=1.0, aspect=aspect)
        found = [one for at, tracks in enumerate(step) for one in zones.observe(Tracks("yard", at, tuple(tracks)))]
        assert happened(found)["gate/person/left"] == left


def test_speed_is_in_body_heights_in_either_direction():
    def fastest(velocity: tuple[float, float]) -> float:
        track = replace(somebody(0.5), velocity=velocity)
        found = Zones(VIEW, report_s=1.0, aspect=1.5).observe(Tracks("yard", 0.0, (track,)))
        return next(one.value for one in found if one.quantity == "gate/person/speed")

    assert fastest((0.1, 0.0)) == pytest.approx(0.1 * 1.5 / TALL)
    assert fastest((0.0, 0.1)) == pytest.approx(0.1 / TALL)


def test_a_label_that_the_zone_does_not_count_is_not_there():
    found = told([[somebody(0.5, label="car")]])
    assert {one.value for one in found} == {0.0}
    assert not [one for one in found if "car" in one.quantity]


def test_every_label_is_counted_for_itself_and_all_together():
    frame = [somebody(0.45), somebody(0.55, number=2), somebody(0.5, number=3, label="bicycle")]
    counts = {one.quantity: one.value for one in told([frame])}
    assert (counts["gate/person/count"], counts["gate/bicycle/count"], counts["gate/all/occupancy"]) == (2.0, 1.0, 3.0)


def test_what_there_is_is_reported_every_second_though_nothing_happens():
    found = [one.at for one in told([[]] * 26) if one.quantity == "gate/person/count"]
    assert found == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_what_zones_and_lines_tell_is_what_was_said_of_them_before():
    """Somebody of each label goes against the arrow and comes back: every quantity that is told was foretold, and comes."""
    wide = ((0.2, 0.0), (0.8, 0.0), (0.8, 1.0), (0.2, 1.0))
    zone = Zone("gate", wide, labels=("person", "car", "vehicle"), way=((0.6, 0.5), (0.4, 0.5)))
    view = View(masks=(), zones=(zone,), lines=(structs.replace(VIEW.lines[0], labels=("person", "car")),))
    labels = ("person", "car")
    frames = [
        [replace(one, label=label, number=number) for one in tracks for number, label in enumerate(labels)]
        for tracks in path(0.1, 0.9, 0.1, steps=40)
    ]
    assert {one.quantity for one in told(frames, view=view)} == drawn.told(view)


@pytest.mark.parametrize(
    ("corners", "fault"),
    [
        ("00 90 99 09", ""),
        ("00 90 95 55 59 09", ""),  # an L
        ("00 90 09 99", "edges 2-3 and 4-1 cross"),
        ("00 99 90 09", "edges 1-2 and 3-4 cross"),
        ("00 55 99", "lie on one line"),
        ("55 55 55", "lie on one line"),
        ("00 90 90 99 09", ""),  # a corner twice
        ("00 50 55 50 90 99 09", ""),  # a spike that touches itself
    ],
)
def test_a_shape_that_cannot_be_meant_is_told(corners: str, fault: str):
    """Two digits are a corner, in tenths of the picture."""
    polygon = tuple((int(one[0]) / 10, int(one[1]) / 10) for one in corners.split())
    found = list(drawn.problems(View(masks=(polygon,)), ["person"]))
    assert [fault in one for one in found] == [True] * bool(fault)


def test_a_zone_for_vehicles_needs_one_label_of_a_vehicle():
    view = View(masks=(), zones=(structs.replace(VIEW.zones[0], labels=("vehicle",)),))
    assert not list(drawn.problems(view, ["person", "bus"]))
    (problem,) = drawn.problems(view, ["person", "bicycle"])
    assert problem.startswith("zones[0].labels: zone 'gate' waits for 'vehicle'")
