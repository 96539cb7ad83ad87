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
        (
            "id: somebody, quantity: gate/person/count",
            "id: somebody, source: kerb, quantity: open",
            "rules[0].source: 'kerb' is no",
        ),
        (
            "gate/person/count",
            "gate/person/cuont",
            "rules[0].quantity: 'cuont' is nothing that a node tells (did you mean 'count'?)",
        ),
        ("gate/person/count", "gate/car/count", "rules[0].quantity: no zone or line tells 'gate/car/count'"),
        ("gate/person/count", "kerb/person/count", "rules[0].quantity: no zone or line tells 'kerb/person/count'"),
        ("gate/person/count", "gate/person/in", "rules[0].quantity: no zone or line tells 'gate/person/in'"),
        (
            "{kind: presence, id: somebody, quantity: gate/person/count}",
            "{kind: loitering, id: somebody, stay_s: 9, source: machine}",
            "rules[0].quantity: no zone or line tells '*/person/stay_s'",
        ),
        (
            "{kind: presence, id: somebody, quantity: gate/person/count}",
            "{kind: combined, id: somebody, all: [{source: square, quantity: gate/person/fallen}]}",
            "rules[0].all[0].quantity: 'fallen' is nothing",
        ),
        (
            "{kind: presence, id: somebody, quantity: gate/person/count}",
            "{kind: limit, id: hot, quantity: temperature_c, above: 300}",
            "rules[0].above: 300 is out of the range of temperature_c, -60 to 100",
        ),
        (
            "quantity: gate/person/count",
            "quantity: open, at_least: 100",
            "rules[0].at_least: 100 is out of the range of open, 0 to 1",
        ),
        (
            "masks: []",
            "masks: [[[0, 0], [1, 1], [1, 0], [0, 1]]]",
            "cameras[0].view.masks[0]: its edges 1-2 and 3-4 cross",
        ),
        (
            "[[0, 0], [1, 0], [1, 1]]",
            "[[0, 0], [1, 1], [1, 0], [0, 1]]",
            "cameras[0].view.zones[0].polygon: its edges 1-2 and 3-4 cross",
        ),
        (
            "[[0, 0], [1, 0], [1, 1]]",
            "[[0, 0], [0.5, 0.5], [1, 1]]",
            "cameras[0].view.zones[0].polygon: its corners lie on one line",
        ),
        ("start: [0, 0]", "start: [1, 1]", "cameras[0].view.lines[0]: start and end are the same point"),
        (
            "id: kerb",
            "id: kerb, labels: [person, tram]",
            "cameras[0].view.lines[0].labels: line 'kerb' waits for 'tram'",
        ),
        ("id: n-0017", "id: N-0017", "node.id: Expected a-z, 0-9 and '-', 1 to 32 characters"),
        (
            "[1, 1]]}]",
            "[640, 1]]}]",
            "cameras[0].view.zones[0].polygon[2][0]: Expected `float` <= 1.0: a share of the picture's",
        ),
        (
            "longer_s: 30",
            "longer_s: 5min",
            "rules[1].longer_s: Expected `float`, got `str` (a number without quotes and without its unit)",
        ),
        (
            "longer_s: 30",
            'longer_s: 30, during: [{from: "8:00", to: "20:00"}]',
            "rules[1].during[0].from: Expected HH:MM, local time",
        ),
        ("version: 1", "version: 1\ntimezone: Rome", "timezone: 'Rome' is no zone of the IANA database"),
        ("version: 1", "version: 1\ntimezone: ../../etc/passwd", "timezone: '../../etc/passwd' is no zone"),
    ],
)
def test_what_the_sections_say_must_fit_together(tmp_path: Path, old: str, new: str, said: str):
    (problem,) = problems(tmp_path, (old, new))
    assert said in problem


def test_every_problem_names_its_line(tmp_path: Path):
    """Of the value itself, or of what lacks something or should be the only one; the path stays the same for programs."""
    path = tmp_path / "node.yaml"
    path.write_text(GOOD.replace("id: blind", "id: somebody").replace("quantity: gate/", "quantity: gait/"))
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert refused.value.message.splitlines()[1:] == [
        "  line 11: rules: the id 'somebody' is taken",
        "  line 12: rules[0].quantity: 'gait' is no zone or line of this node (did you mean 'gate'?)",
    ]


def test_what_is_missing_is_told_with_the_line_of_what_lacks_it(tmp_path: Path):
    path = tmp_path / "node.yaml"
    path.write_text(GOOD.replace("quantity: camera/fps, ", ""))
    with pytest.raises(ConfigError, match=r"(?m)^  line 13: rules\[1\]\.quantity: missing$"):
        load(path)


def test_all_problems_are_told_at_once(tmp_path: Path):
    found = problems(
        tmp_path, ("id: machine", "id: square"), ("quantity: gate/", "quantity: gait/"), ("source: square", "source: x")
    )
    assert len(found) == 3
