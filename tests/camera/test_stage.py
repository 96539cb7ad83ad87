"""Who stands where: the truth that pictures are drawn from."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.camera.stage import Stage
from agent.camera.world import Actor, Crowd, Drop, Fall, Go, Hide, Label, Wait
from agent.pixels import ACTOR_COLOURS
from tests.camera.drawn import bystander, scene, walker


def test_a_walker_is_where_its_path_says():
    """Half-way through the time it stands half-way along the line."""
    (figure,) = Stage(scene(walker())).figures(5.0)
    assert (figure.box.left + figure.box.right) / 2 == pytest.approx(0.5)
    assert figure.box.bottom == pytest.approx(0.8)


def test_an_actor_is_absent_before_it_appears_and_after_its_last_step():
    stage = Stage(scene(walker(at_s=2.0)))
    assert [len(stage.figures(t)) for t in (1.9, 2.0, 11.9, 12.0)] == [0, 1, 1, 0]


def test_people_farther_away_are_smaller():
    far, near = Stage(scene(bystander(at=(0.2, 0.3)), bystander(at=(0.8, 0.9)))).figures(1.0)
    assert far.box.bottom - far.box.top < near.box.bottom - near.box.top


def test_speed_is_in_body_heights_per_second():
    """A person half as tall as the frame crosses one frame height in two body heights."""
    actor = Actor(at=(0.0, 1.0), does=(Go(to=(1.0, 1.0), speed=1.0), Wait(s=1.0)))
    stage = Stage(scene(actor, height=0.5), aspect=1.0)
    assert stage.figures(1.999)[0].box.right < 1.2
    assert stage.figures(2.0)[0].box == stage.figures(2.5)[0].box


def test_somebody_who_falls_is_long_and_low():
    actor = bystander(does=(Wait(s=1.0), Fall(s=2.0), Wait(s=1.0)))
    stage = Stage(scene(actor), aspect=1.0)
    standing, lying, up = (stage.figures(t)[0].box for t in (0.5, 2.0, 3.5))
    assert lying.right - lying.left > lying.bottom - lying.top
    assert standing == up


def test_a_hidden_actor_comes_back_where_it_was():
    stage = Stage(scene(bystander(does=(Wait(s=1.0), Hide(s=2.0), Wait(s=1.0)))))
    assert [len(stage.figures(t)) for t in (0.5, 2.0, 3.5)] == [1, 0, 1]


def test_a_dropped_thing_stays_when_its_owner_has_gone():
    actor = walker(does=(Go(to=(0.5, 0.8), s=2.0), Drop(s=60.0), Go(to=(1.5, 0.8), s=4.0)))
    (thing,) = Stage(scene(actor, duration_s=100.0)).figures(50.0)
    assert (thing.label, thing.box.bottom) == ("object", 0.8)


def test_two_actors_never_share_a_number():
    dropper = bystander(does=(Drop(s=9.0), Wait(s=9.0)))
    numbers = [figure.number for figure in Stage(scene(dropper, bystander(), dropper)).figures(1.0)]
    assert len(set(numbers)) == 5


def test_the_nearer_of_two_hides_the_other():
    """Drawn last means seen whole; the one behind keeps the share that sticks out."""
    behind, before = Stage(scene(bystander(), bystander(at=(0.5, 0.85)))).figures(1.0)
    assert before.visible == 1.0
    assert 0.0 < behind.visible < 0.5


def test_half_a_person_at_the_edge_is_half_visible():
    (figure,) = Stage(scene(bystander(at=(0.0, 0.9)))).figures(1.0)
    assert figure.visible == pytest.approx(0.5)


def test_an_actor_of_another_camera_is_not_drawn():
    stage = Stage(scene(bystander(camera="square"), bystander()), camera="gate")
    assert len(stage.figures(1.0)) == 1


def test_a_crowd_arrives_at_its_rate():
    """3 a minute for 10 hours is 1800 people, give or take four standard deviations."""
    crowd = Crowd(rate_per_min=3.0, path=((-0.1, 0.8), (1.1, 0.8)))
    arrivals = Stage(scene(crowds=(crowd,), duration_s=36_000.0))
    numbers = {one.number for t in range(0, 36_000, 4) for one in arrivals.figures(float(t))}
    assert 1800 - 170 < len(numbers) < 1800 + 170


def test_a_crowd_keeps_to_its_hours():
    crowd = Crowd(rate_per_min=60.0, path=((0.0, 0.8), (1.0, 0.8)), from_s=100.0, until_s=200.0)
    stage = Stage(scene(crowds=(crowd,), duration_s=400.0))
    busy = [bool(stage.figures(float(t))) for t in (90, 150, 300)]
    assert busy == [False, True, False]


def test_the_same_seed_makes_the_same_crowd():
    crowd = Crowd(rate_per_min=30.0, path=((0.1, 0.8), (0.5, 0.6), (0.9, 0.8)), wait_s=(1.0, 5.0))
    first, second, other = (
        Stage(scene(crowds=(crowd,), duration_s=100.0, seed=seed)).figures(60.0) for seed in (7, 7, 8)
    )
    assert first == second != other


def test_every_label_has_a_shape_and_a_colour():
    assert set(Label.__args__) == set(ACTOR_COLOURS)  # type: ignore[attr-defined]


@given(st.integers(0, 10_000), st.integers(2, 6))
def test_the_visible_share_is_what_sampling_says(seed: int, count: int):
    """The exact share agrees with throwing points at the box."""
    chance = random.Random(seed)
    actors = [bystander(at=(chance.uniform(0.0, 1.0), chance.uniform(0.5, 1.2))) for _ in range(count)]
    figures = Stage(scene(*actors)).figures(1.0)
    box, nearer = figures[0].box, [one.box for one in figures[1:]]
    points = [
        (box.left + (i + 0.5) / 40 * (box.right - box.left), box.top + (j + 0.5) / 40 * (box.bottom - box.top))
        for i in range(40)
        for j in range(40)
    ]
    seen = sum(
        0 <= x <= 1 and 0 <= y <= 1 and not any(b.left <= x <= b.right and b.top <= y <= b.bottom for b in nearer)
        for x, y in points
    )
    assert figures[0].visible == pytest.approx(seen / len(points), abs=0.08)
