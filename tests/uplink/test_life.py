"""Whether sense runs, as link sees it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agent.errors import UserError
from agent.uplink.life import Life, runs


def test_a_sense_runs_from_its_start_to_its_end(tmp_path: Path):
    assert not runs(tmp_path)
    life = Life(tmp_path)
    assert runs(tmp_path)
    life.close()
    assert not runs(tmp_path)


def test_a_second_sense_in_the_same_folder_is_refused(tmp_path: Path):
    life = Life(tmp_path)
    with pytest.raises(UserError, match="another 'piazza sense' works here"):
        Life(tmp_path)
    life.close()


def test_a_sense_that_was_killed_runs_no_more(tmp_path: Path):
    held, tell = os.pipe()
    child = os.fork()
    if child == 0:
        Life(tmp_path)
        os.write(tell, b"x")
        signal.pause()
    os.read(held, 1)
    assert runs(tmp_path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not runs(tmp_path)
    os.close(held)
    os.close(tell)


def test_a_look_at_the_wrong_moment_does_not_keep_sense_from_starting(tmp_path: Path):
    Life(tmp_path).close()
    for _ in range(200):
        runs(tmp_path)
        Life(tmp_path).close()
