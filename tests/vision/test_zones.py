"""Zones and lines: who enters enters once, who crosses crosses once, who is not seen is soon not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pixels import Box, Track, Tracks
from agent.records import Observation
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
    trembling = [[somebody(0.5 + 0.02 * (-1) ** number)] for number in range(50)]
    assert not [name for name in happened(told(trembling)) if name.startswith("kerb")]


def test_who_trembles_on_the_line_and_goes_on_crosses_once():
    trembling = [[somebody(0.5 + 0.02 * (-1) ** number)] for number in range(20)]
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


def test_who_is_not_seen_for_a_moment_is_still_there_and_then_no_more():
    def hidden(seconds: float) -> list[Track]:
        return [somebody(0.5, coasting_s=seconds)]

    frames = [[somebody(0.5)], *(hidden(number * STEP_S) for number in range(1, 20))]
    (left,) = [one for one in told(frames) if one.quantity == "gate/person/left"]
    assert BELIEVED_S < left.at <= BELIEVED_S + 2 * STEP_S


def test_a_track_that_ended_inside_has_left():
    assert happened(told([[somebody(0.5)], []]))["gate/person/left"] == 1


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
