"""Worlds read from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.camera.world import Drop, Fault, Go
from agent.errors import ConfigError
from agent.world import load

GOOD = """
start: 2026-06-01T10:00:00+02:00
duration_s: 60
actors:
  - label: person
    at: [0.1, 0.8]
    does: [{do: go, to: [0.5, 0.8]}, {do: drop, s: 30}]
faults: [{kind: black, at_s: 10, for_s: 5}]
sensors:
  door: [[0, 0], [4.5, 1]]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "world.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_world_is_read_whole(tmp_path: Path):
    world = load(written(tmp_path, GOOD))
    assert world.until - world.since == 60.0
    assert world.since == 1_780_300_800.0
    assert world.actors[0].does == (Go(to=(0.5, 0.8)), Drop(s=30.0))
    assert world.faults == (Fault(kind="black", at_s=10.0, for_s=5.0),)
    assert world.sensors["door"] == ((0.0, 0.0), (4.5, 1.0))


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("+02:00", "", "start"),
        ("do: go", "do: fly", "actors[0].does[0]"),
        ("s: 30", "s: -1", "actors[0].does[1].s"),
        ("kind: black", "kind: green", "faults[0].kind"),
        ("label: person", "label: ghost", "actors[0].label"),
        ("duration_s: 60", "duration_s: 0", "duration_s"),
        ("door:", "Door 1:", "sensors"),
    ],
)
def test_a_mistake_is_named_with_its_path(tmp_path: Path, old: str, new: str, path: str):
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, GOOD.replace(old, new)))
    assert path in caught.value.message
