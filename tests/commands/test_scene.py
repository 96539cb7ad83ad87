"""`piazza scene` shows what was learned, without a picture of anybody, and asks for a new beginning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from agent.anomaly.settings import NormalityRule
from agent.cli import main
from agent.commands import assembly
from agent.config import load
from agent.vision.learned import Learned
from agent.vision.memory import SceneFile
from agent.vision.places import cell

CONFIG = """
version: 1
node: {{union: romagna-faentina, comune: brisighella, id: n-0017}}
uplink: {{broker: {{host: localhost}}}}
state_dir: {state}
cameras:
  - {{id: gate-cam, input: {{driver: synthetic}}, view: {{masks: []}}}}
vision: {{detector: chroma, normality: {{enabled: true, learn_s: 100, learn_tracks: 80}}}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "node.yaml"
    path.write_text(CONFIG.format(state=tmp_path))
    return path


def learn(folder: Path, *, tracks: int = 60, odd: float = 0.1) -> None:
    learned = Learned(2, seconds=200.0, tracks=tracks, odd=odd)
    for number in range(60):
        learned.looks.gather(number, np.zeros(2, np.float32))
        learned.places.begin()
        learned.places.visit(cell(0.5, 0.5, (1.0, 0.0)), 0.8, set())
        learned.hourly.begin(17 if number < 45 else 4)
        learned.hourly.visit(17 if number < 45 else 4, cell(0.25, 0.5, None), 1.2)
        learned.tails["speed"].add(0.8 + number / 100)
        learned.joint.add(number / 100)
    SceneFile(folder, "gate-cam").keep(learned)


def test_a_camera_that_has_learned_nothing_says_so(config: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["scene", "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert "stage: learning" in out
    assert "progress: 0%" in out


def test_what_was_learned_is_shown(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    learn(tmp_path)
    assert main(["scene", "--config", str(config), "--html", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "progress: 75%" in out
    assert "60 things" in out
    assert out.count("█") == 2, "one cell was passed"
    page = (tmp_path / "scene-gate-cam.html").read_text()
    assert "body heights a second" in page
    assert "http" not in page
    assert "<script" not in page


def test_while_it_watches_it_says_how_often_a_score_is_really_reached(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    learn(tmp_path, tracks=80, odd=0.14)
    assert main(["scene", "--config", str(config)]) == 0
    assert "score 1: stated of one thing in ten; 14% of the latest reached it" in capsys.readouterr().out


def test_an_hour_of_the_day_is_shown(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    learn(tmp_path)
    assert main(["scene", "--config", str(config), "--hour", "17"]) == 0
    assert "from 17:00: 45 things, 1.2 body heights a second on the mean" in (told := capsys.readouterr().out)
    assert told.count("█") == 2


def test_an_hour_in_which_few_passed_shows_nobody(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Fifteen things at four in the morning could be one person's habit."""
    learn(tmp_path)
    assert main(["scene", "--config", str(config), "--hour", "4", "--html", str(tmp_path)]) == 0
    assert "from 04:00: fewer than 20 things" in (told := capsys.readouterr().out)
    assert "█" not in told
    page = (tmp_path / "scene-gate-cam.html").read_text()
    assert 'for="h17"' in page
    assert 'for="h04"' not in page


def test_each_hour_of_the_page_can_be_chosen_without_a_script(config: Path, tmp_path: Path):
    learn(tmp_path)
    main(["scene", "--config", str(config), "--html", str(tmp_path)])
    page = (tmp_path / "scene-gate-cam.html").read_text()
    assert page.count('type="radio"') == 2
    assert "#h17:checked~main .h17{display:block}" in page
    assert page.count('<g class="hour h17"><path') == 2, "places and speeds"
    assert "<script" not in page


def test_the_empty_place_lies_under_the_map(config: Path, tmp_path: Path):
    learn(tmp_path)
    (tmp_path / "backdrop-gate-cam.png").write_bytes(b"empty place")
    main(["scene", "--config", str(config), "--html", str(tmp_path), "--backdrops", str(tmp_path)])
    assert "data:image/png;base64,ZW1wdHkgcGxhY2U=" in (tmp_path / "scene-gate-cam.html").read_text()


def test_a_new_beginning_is_asked_for(config: Path, tmp_path: Path):
    assert main(["scene", "--config", str(config), "--reset", "gate-cam"]) == 0
    assert SceneFile(tmp_path, "gate-cam").forgotten()


def test_a_rule_that_is_learned_anew_takes_its_cameras_along(config: Path, tmp_path: Path):
    known = load(config)
    rules = (NormalityRule(id="unusual"), NormalityRule(id="elsewhere", source="other-cam"))
    file = SceneFile(tmp_path, "gate-cam")
    asked = []
    for rule in ("unusual", "elsewhere", "unheard-of", ""):
        assembly.forget_scenes(replace(known, rules=rules), rule)
        asked.append(file.forgotten())
    assert asked == [True, False, False, True]


def test_a_camera_that_is_none_is_the_users_fault(config: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["scene", "--config", str(config), "--reset", "nobody"]) == 2
    assert "no camera is called nobody" in capsys.readouterr().err
