"""Every folder of tests/worlds: what a node would tell of it, line by line as a person expects.

After a change that is meant to tell something else, `ACCEPT=1 pytest tests/test_worlds.py` writes what is
told now into events.jsonl; read the difference before it is committed.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from agent.commands.replay import as_json, replay
from agent.config import load
from agent.contract.sentences import sentence
from agent.contract.topics import Class
from agent.contract.types import EventData
from agent.records import Phase
from agent.world import load as load_world

WORLDS = sorted(path.parent for path in (Path(__file__).parent / "worlds").glob("*/world.yaml"))
LEAST = 25
QUICK = 150
"""A world that costs more than so many pictures is left to the long run."""
S_PER_PICTURE = 200.0
"""So much simulated time, without any picture, is worked through in the time that one takes."""


def cost(folder: Path) -> float:
    return frames(folder) + sum(numbers(folder / "world.yaml", "duration_s")) / S_PER_PICTURE


def frames(folder: Path) -> float:
    """How many pictures a world draws, by its two lines that say so: to load every world would keep every run waiting."""
    (duration_s,) = numbers(folder / "world.yaml", "duration_s")
    return duration_s * sum(numbers(folder / "config.yaml", "fps"))


def numbers(path: Path, option: str) -> list[float]:
    return [float(found) for found in re.findall(rf"\b{option}: ([\d.]+)", path.read_text())]


@pytest.mark.parametrize(
    "folder",
    [pytest.param(one, id=one.name, marks=[pytest.mark.slow] if cost(one) > QUICK else []) for one in WORLDS],
)
def test_a_world_is_told_as_expected(folder: Path):
    told = [as_json(passed) for passed in replay(folder) if passed.klass == Class.EVT]
    expectation = folder / "events.jsonl"
    if os.environ.get("ACCEPT"):
        expectation.write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
    expected = expectation.read_text(encoding="utf-8").splitlines()
    assert told == expected, difference(expected, told)


@pytest.mark.parametrize("folder", WORLDS, ids=lambda folder: folder.name)
def test_an_expectation_is_one_that_can_be_true(folder: Path):
    """Whatever a world tells: every event is of a rule of its configuration and lives in the right order."""
    rules = {rule.id: rule for rule in load(folder / "config.yaml").rules}
    phases: dict[str, list[str]] = {}
    for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        assert event["kind"] == rules[event["rule"]].event
        assert event["severity"] == rules[event["rule"]].severity
        phases.setdefault(event["id"], []).append(event["phase"])
    for order in phases.values():
        assert order[0] == Phase.OPENED
        assert set(order[1:-1]) <= {Phase.UPDATED}
        assert order.count(Phase.CLOSED) == (order[-1] == Phase.CLOSED)


def test_a_world_says_what_it_is_about():
    assert not [
        folder.name for folder in WORLDS if not (folder / "world.yaml").read_text(encoding="utf-8").startswith("# ")
    ]


@pytest.mark.slow
def test_the_pictures_of_a_world_are_counted_as_its_documents_are_read():
    for folder in WORLDS:
        cameras = load(folder / "config.yaml").cameras
        drawn = load_world(folder / "world.yaml").duration_s * sum(camera.input.fps or 0.0 for camera in cameras)
        assert frames(folder) == drawn, folder.name


def test_there_are_enough_worlds():
    assert len(WORLDS) >= LEAST


def difference(expected: Sequence[str], told: Sequence[str]) -> str:
    """What changed, as sentences where they differ and else as the lines themselves."""
    before, after = [readable(line) for line in expected], [readable(line) for line in told]
    if before == after:
        before, after = list(expected), list(told)
    changes = difflib.unified_diff(before, after, "expected", "told", lineterm="", n=1)
    return "\n".join(["", *changes, "accept it with ACCEPT=1 if that is what a person would expect"])


def readable(line: str) -> str:
    """An event as a person would be told of it."""
    event = json.loads(line)
    members = {name: event[name] for name in EventData.__struct_fields__ if name in event}
    said = sentence(msgspec.convert(members, EventData))
    return f"{event['time']} {event['severity']:8} {event['rule']:16} {event['phase']:8} {said}"
