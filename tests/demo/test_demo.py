"""`piazza demo` as a person starts it: whole processes, a broker, a drawn square."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.demo.stage import MARK, set_up
from agent.errors import UserError
from tests.commands.places import children, wait
from tests.conftest import CHECKOUT

WORLD = str(CHECKOUT / "tests" / "worlds" / "square-fills-up")
SUMMARY = re.compile(r"^demo: (\d+) events, (\d+) verified, (\d+) gaps, (\d+) bytes sent$", re.MULTILINE)


def start(folder: Path, *options: str, camera: str = WORLD, seconds: int = 12) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "agent", "demo", "--camera", camera, "--seconds", str(seconds)]
    return subprocess.Popen(
        [*command, "--folder", str(folder / "demo"), "--plain", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip


def counted(printed: str) -> tuple[int, ...]:
    found = SUMMARY.search(printed)
    assert found, printed
    return tuple(int(number) for number in found.groups())


@pytest.mark.slow
def test_it_counts_what_the_store_holds_and_leaves_a_report(tmp_path: Path):
    done = start(tmp_path, "--picture", str(tmp_path / "screen.svg"), seconds=25)
    printed, complaints = done.communicate(timeout=300)
    assert (done.returncode, complaints) == (0, "")
    events, verified, gaps, sent = counted(printed)
    assert events == verified >= 3
    assert gaps == 0
    assert sent > 1000
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "passage (square): 1 person in" in page
    assert not re.search(r"(?:src|href)=\"http", page)
    assert "http://www.w3.org" in (tmp_path / "screen.svg").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo", "screen.svg"]


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["sense", "link", "store"])
def test_whatever_is_killed_shows_and_heals_without_a_gap(tmp_path: Path, verb: str):
    done = start(tmp_path, seconds=16)
    victim = wait(lambda: children(done.pid).get(verb))
    wait((tmp_path / "demo" / "runtime" / "numbers.json").exists)
    os.kill(victim, signal.SIGKILL)
    printed, complaints = done.communicate(timeout=300)
    assert complaints == f"demo: {verb} has died and is started again\n"
    assert done.returncode == 0, printed
    assert counted(printed)[2] == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_a_kill_ends_it_cleanly_with_its_summary(tmp_path: Path, number: signal.Signals):
    done = start(tmp_path, seconds=600)
    wait((tmp_path / "demo" / "runtime" / "numbers.json").exists)
    members = children(done.pid)
    done.send_signal(number)
    printed, complaints = done.communicate(timeout=300)
    assert "demo: ended before its time" in printed
    assert counted(printed)[2] == 0
    assert complaints == ""
    assert not [pid for pid in members.values() if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_a_camera_that_is_not_there_is_one_message(tmp_path: Path):
    done = start(tmp_path, camera="nowhere.avi")
    _, complaints = done.communicate(timeout=300)
    assert done.returncode == 2
    assert complaints == "piazza: nowhere.avi: this file does not exist\n  -> give the path of a video file\n"


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path):
    (tmp_path / "node.yaml").write_text("precious")
    with pytest.raises(UserError, match="not a demonstration"):
        set_up(tmp_path, WORLD, at=0.0)
    assert (tmp_path / "node.yaml").read_text() == "precious"


def test_the_folder_of_an_earlier_demonstration_is_made_anew(tmp_path: Path):
    set_up(tmp_path, WORLD, at=1_780_300_800.0)
    (tmp_path / "report.html").write_text("old")
    set_up(tmp_path, WORLD, at=1_780_300_800.0)
    assert (tmp_path / MARK).exists()
    assert not (tmp_path / "report.html").exists()
