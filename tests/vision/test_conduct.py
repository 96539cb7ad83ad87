"""What people and vehicles in a zone do: lying, standing still, going against the arrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from agent.pixels import Box, Track, Tracks
from agent.records import Observation
from agent.vision.conduct import LOST_S, Rests, Stand, Way, is_lying
from agent.vision.settings import View, Zone
from agent.vision.zones import Zones

STEP_S = 0.5
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def track(
    x: float, y: float, *, wide: float, tall: float, number: int = 1, label: str = "person", coasting_s: float = 0.0
) -> Track:
    box = Box(x - wide / 2, y - tall, x + wide / 2, y)
    return Track(number, label, box, since=0.0, score=0.9, coasting_s=coasting_s)


def lying(x: float = 0.5, *, number: int = 1) -> Track:
    return track(x, 0.8, wide=0.2, tall=0.08, number=number)


def upright(x: float = 0.5, *, number: int = 1) -> Track:
    return track(x, 0.8, wide=0.06, tall=0.2, number=number)


def car(x: float, *, number: int = 1, label: str = "car") -> Track:
    return track(x, 0.8, wide=0.3, tall=0.15, number=number, label=label)


def told(
    frames: Iterable[Sequence[Track]], *labels: str, way: tuple[tuple[float, float], ...] = ()
) -> list[Observation]:
    arrow = (way[0], way[1]) if way else None
    zones = Zones(
        View(masks=(), zones=(Zone("yard", WHOLE, labels=labels or ("person",), way=arrow),)), report_s=STEP_S
    )
    return [
        one for number, tracks in enumerate(frames) for one in zones.observe(Tracks("cam", number * STEP_S, (*tracks,)))
    ]


def values(observations: Iterable[Observation], measure: str) -> list[float]:
    return [one.value for one in observations if one.quantity.endswith(f"/{measure}")]


def test_who_lies_is_told_for_how_long():
    assert values(told([[upright()]] * 4 + [[lying()]] * 21), "fallen_s")[-1] == 10.0


def test_who_stands_or_walks_does_not_lie():
    walk = [[upright(0.1 + 0.02 * step)] for step in range(40)]
    assert max(values(told(walk), "fallen_s")) == 0.0


def test_who_is_cut_off_by_the_frame_is_not_taken_for_lying():
    """Only the shoulders of somebody at the lower rim can be seen: wide and low, and no fall."""
    shoulders = track(0.5, 1.0, wide=0.2, tall=0.08)
    assert max(values(told([[shoulders]] * 20), "fallen_s")) == 0.0


def test_who_crawls_away_is_not_said_to_lie_where_they_were():
    crawl = [[lying(0.2 + 0.06 * step)] for step in range(10)]
    assert max(values(told(crawl), "fallen_s")) <= 2 * STEP_S


def test_who_gets_up_is_up_at_once():
    assert values(told([[lying()]] * 20 + [[upright()]]), "fallen_s")[-1] == 0.0


def test_who_is_lost_for_a_moment_and_found_under_another_number_goes_on_lying():
    frames = [[lying(number=1)]] * 10 + [[]] * 4 + [[lying(number=2)]] * 7
    assert values(told(frames), "fallen_s")[-1] == 10.0


def test_who_is_not_found_again_is_forgotten():
    frames = [[lying()]] * 10 + [[]] * round(LOST_S / STEP_S + 2)
    assert values(told(frames), "fallen_s")[-1] == 0.0


def test_a_vehicle_that_stops_is_told_for_how_long_and_one_that_goes_on_is_not():
    drives = [[car(0.1 + 0.05 * step)] for step in range(8)]
    seen = values(told([*drives, *[[car(0.5)]] * 20, [car(0.65)]], "vehicle"), "stopped_s")
    assert seen[-2] == pytest.approx(10.0, abs=1.0)
    assert seen[-1] == 0.0


def test_a_vehicle_is_one_whatever_kind_it_is_read_as():
    frames = [[car(0.5, label=label)] for label in ("car", "truck", "car", "bus")]
    seen = told(frames, "vehicle", "person")
    assert values(seen, "entered") == [1.0]
    assert values(seen, "occupancy") == [1.0] * 4
    assert values(seen, "stopped_s")[-1] == 3 * STEP_S


def test_numbers_that_were_confused_go_on_resting_under_the_right_ones():
    rests = Rests()
    stand = Stand(1, "car", (0.5, 0.8), 0.2, 0.0)
    rests.observe([stand], {1}, 0.0)
    rests.exchange([(1, 2)])
    rests.observe([stand._replace(number=2)], {2}, 8.0)
    assert rests.longest(8.0) == 8.0


def walk(*xs: float) -> list[list[Track]]:
    return [[upright(x)] for x in xs]


RIGHT = ((0.0, 0.5), (1.0, 0.5))


def test_who_goes_against_the_arrow_is_told_once():
    assert len(values(told(walk(*[0.9 - 0.02 * step for step in range(40)]), way=RIGHT), "wrong_way")) == 1


def test_who_goes_with_the_arrow_is_not_told():
    assert values(told(walk(*[0.1 + 0.02 * step for step in range(40)]), way=RIGHT), "wrong_way") == []


def test_who_only_turns_round_is_not_told():
    path = [0.2, 0.3, 0.4, 0.5, 0.45, 0.4, 0.35, 0.4, 0.5, 0.6]
    assert values(told(walk(*path), way=RIGHT), "wrong_way") == []


def test_who_comes_back_against_the_arrow_later_is_told_again():
    way = Way((0.0, 0.5), (1.0, 0.5))
    back = [Stand(1, "person", (0.9 - 0.1 * step, 0.8), 0.2, 0.0) for step in range(6)]
    assert [len([*way.observe([one])]) for one in back].count(1) == 1
    assert [*way.observe([])] == []
    assert sum(len([*way.observe([one])]) for one in back) == 1


def test_lying_is_a_matter_of_shape():
    assert is_lying(Stand(1, "person", (0.5, 0.5), 0.1, 0.0, width=0.15))
    assert not is_lying(Stand(1, "person", (0.5, 0.5), 0.1, 0.0, width=0.11))
