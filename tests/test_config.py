"""What no section of a configuration can see alone, all problems at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import load
from agent.errors import ConfigError

GOOD = """
version: 1
node: {union: romagna-faentina, comune: brisighella, id: n-0017}
uplink: {broker: {host: localhost}}
cameras:
  - id: square
    input: {driver: synthetic}
    view: {masks: [], zones: [{id: gate, polygon: [[0, 0], [1, 0], [1, 1]]}], lines: [{id: kerb, start: [0, 0], end: [1, 1]}]}
sensors:
  - {driver: host, id: machine}
rules:
  - {kind: presence, id: somebody, quantity: gate/person/count}
  - {kind: absence, id: blind, quantity: camera/fps, source: square, longer_s: 30}
"""


def problems(folder: Path, *changes: tuple[str, str]) -> tuple[str, ...]:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "node.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(path)
    return refused.value.problems


def test_a_good_configuration_is_taken(tmp_path: Path):
    path = tmp_path / "node.yaml"
    path.write_text(GOOD)
    assert load(path).cameras[0].id == "square"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: machine", "id: square", "cameras and sensors: the id 'square' is taken"),
        ("id: machine", "id: clock", "cameras and sensors: the id 'clock' is taken"),
        ("id: blind", "id: somebody", "rules: the id 'somebody' is taken"),
        ("id: blind", "id: camera-lost", "rules: the id 'camera-lost' is taken"),
        ("id: kerb", "id: gate", "cameras[0].view: the id 'gate' is taken"),
        ("quantity: gate/", "quantity: gait/", "rules[0].quantity: 'gait' is no zone or line of this node"),
        ("source: square", "source: sqare", "rules[1].source: 'sqare' is no camera or sensor of this node"),
        ("version: 1", "version: 1\ntimezone: Rome", "timezone: 'Rome' is no zone of the IANA database"),
        ("version: 1", "version: 1\ntimezone: ../../etc/passwd", "timezone: '../../etc/passwd' is no zone"),
    ],
)
def test_what_the_sections_say_must_fit_together(tmp_path: Path, old: str, new: str, said: str):
    (problem,) = problems(tmp_path, (old, new))
    assert said in problem


def test_all_problems_are_told_at_once(tmp_path: Path):
    found = problems(
        tmp_path, ("id: machine", "id: square"), ("quantity: gate/", "quantity: gait/"), ("source: square", "source: x")
    )
    assert len(found) == 3
