"""What leaves the part that sees are names and numbers: no type that does can hold anything else."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from agent import pixels, records
from agent.camera import Surroundings, open_camera
from agent.camera.settings import VideoSettings
from agent.clock import SimulatedClock
from agent.pipeline import Observer, watch
from agent.records import Observation, Reason
from agent.vision.chroma import ChromaDetector
from agent.vision.detector import TfliteDetector
from agent.vision.eye import Eye
from agent.vision.settings import View, VisionSettings, Zone
from tests.camera.drawn import camera, scene, walker

PLAIN = (str, float, int, bool, type(None))
RECORDS = [kind for kind in vars(records).values() if dataclasses.is_dataclass(kind) and isinstance(kind, type)]
FORBIDDEN = {
    field.name for kind in (pixels.Frame, pixels.Track, pixels.Detection) for field in dataclasses.fields(kind)
} - {"camera", "at", "since", "label"}
VIEW = View(masks=(), zones=(Zone("yard", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))),))


def strangers(kind: Any) -> Iterator[Any]:
    """Types within a type that could hold more than a name, a number or a few of them in a tuple."""
    if kind in PLAIN or kind in RECORDS or (isinstance(kind, type) and issubclass(kind, StrEnum)):
        return
    if get_origin(kind) in (Union, types.UnionType):
        for inner in get_args(kind):
            yield from strangers(inner)
    elif get_origin(kind) is tuple:
        for inner in get_args(kind):
            yield from () if inner is Ellipsis else strangers(inner)
    else:
        yield kind


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_a_record_holds_names_and_numbers_only(kind: type):
    hints = get_type_hints(kind)
    assert {name: found for name, hint in hints.items() if (found := list(strangers(hint)))} == {}


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_a_record_takes_nothing_more_and_is_not_changed(kind: Any):
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)


def test_no_record_has_a_field_that_a_picture_or_a_track_has():
    assert {"pixels", "box", "number", "velocity", "scores"} <= FORBIDDEN
    named = {field.name for kind in RECORDS for field in dataclasses.fields(kind)}
    assert not named & FORBIDDEN


def test_there_is_one_way_out_of_seeing_and_it_gives_observations():
    """The pipeline knows the eye by one method, and what that gives are observations."""
    ways = [name for name in vars(Observer) if not name.startswith("_")]
    assert ways == ["observe"]
    public = [name for name, _ in inspect.getmembers(Eye, inspect.isfunction) if not name.startswith("_")]
    assert public == ["observe"]
    assert get_args(get_type_hints(Eye.observe)["return"]) == (Observation,)


@pytest.mark.parametrize("held", [list[float], dict[str, float], Any, object, bytes, pixels.Box, tuple[object, ...]])
def test_the_proof_sees_what_it_must(held: Any):
    assert list(strangers(held))


def is_plain(one: Observation) -> bool:
    """An array's scalar would pass for a float and carry its array along; what a score rests on is looked into as well."""
    *named, reasons = types_of(one)
    numbers = [kind for reason in one.reasons for kind in types_of(reason)]
    return (
        type(one) is Observation
        and (named, reasons) == ([str, str, float, float], tuple)
        and set(numbers) <= {str, float, type(None)}
    )


def types_of(record: Observation | Reason) -> list[type]:
    return [type(getattr(record, field.name)) for field in dataclasses.fields(record)]


def test_what_leaves_for_drawn_frames_are_plain_numbers():
    sight = ChromaDetector(labels=("person",), timer=lambda: 0.0)
    eye = Eye(camera="gate", view=VIEW, settings=VisionSettings(detector="chroma"), detector=sight)
    seen = [one for frame in camera(scene(walker())).frames() for one in eye.observe(frame)]
    assert {one.quantity for one in seen} >= {"yard/person/entered", "yard/person/speed", "camera/motion"}
    assert all(is_plain(one) for one in seen)


@pytest.mark.slow
def test_what_leaves_for_real_frames_are_plain_numbers(clip: Path):
    clock = SimulatedClock(0.0)
    settings = VisionSettings()
    detector = TfliteDetector.from_settings(settings, timer=clock.monotonic)
    eye = Eye(camera="gate", view=VIEW, settings=settings, detector=detector)
    source = open_camera("gate", VideoSettings(source=str(clip), pace="fast"), Surroundings(clock, 0.0, None))
    seen = list(islice(watch("gate", source, (), eye), 40))
    source.close()
    assert max(one.value for one in seen if one.quantity == "yard/person/count") > 0
    assert all(is_plain(one) for one in seen)
