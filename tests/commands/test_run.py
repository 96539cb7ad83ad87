"""`piazza run`: two processes under one command."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.uplink.life import runs
from agent.uplink.outbox import OutboxReader
from tests.commands.places import MISSING, Place, alive, children, wait

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, duration_s=600.0)
    yield made
    made.close()


def test_it_runs_sense_and_link_and_ends_when_the_picture_ends(place: Place):
    place.ends_after(3.0)
    run = place.start("run", "--config", str(place.config()))
    assert wait(lambda: len(found := children(run.pid)) == 2 and found)
    assert run.wait(120) == 0
    kinds = [row.topic.rpartition("/")[2] for row in OutboxReader(place.state / "outbox.sqlite").after(0, limit=99)]
    assert "anomaly" in kinds


def test_a_process_that_is_killed_is_started_again(place: Place):
    run = place.start("run", "--config", str(place.config()))
    for verb in ("sense", "link"):
        first = wait(lambda verb=verb: children(run.pid).get(verb))
        os.kill(first, signal.SIGKILL)
        assert wait(lambda verb=verb, first=first: children(run.pid).get(verb, first) != first)
    run.terminate()
    assert run.wait(120) == 0
    assert place.log("run").count("is started again") == 2


def test_a_signal_ends_all_of_it_cleanly(place: Place):
    run = place.start("run", "--config", str(place.config()))
    members = wait(lambda: len(found := children(run.pid)) == 2 and found)
    wait(lambda: runs(place.state))
    run.send_signal(signal.SIGINT)
    assert run.wait(120) == 0
    assert not [verb for verb, pid in members.items() if alive(pid)]


def test_nothing_outlives_it_when_it_is_killed(place: Place):
    run = place.start("run", "--config", str(place.config()))
    members = wait(lambda: len(found := children(run.pid)) == 2 and found)
    run.kill()
    run.wait()
    wait(lambda: not [pid for pid in members.values() if alive(pid)])


def test_a_camera_that_is_not_there_is_said_once_and_is_the_users_to_mend(place: Place):
    place.input = MISSING
    run = place.start("run", "--config", str(place.config()))
    assert run.wait(120) == 2
    assert place.log("run").count("piazza: ") == 1


def test_a_configuration_that_is_wrong_starts_nothing(place: Place):
    run = place.start("run", "--config", str(place.config(rules=[{"kind": "wish"}])))
    assert run.wait(120) == 2
    assert place.log("run").count("piazza: ") == 1
    assert not place.state.exists()
