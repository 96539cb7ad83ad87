"""Processes that belong together."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from agent.clock import SimulatedClock
from agent.crew import BACK_OFF_S, GUARDED, PATIENCE_S, STEADY_S, Crew, Member

FOREVER = ["sleep", "1000"]


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock()


@pytest.fixture
def crew(clock: SimulatedClock):
    made = Crew(clock)
    yield made
    made.end_all()


def kill(member: Member) -> None:
    assert member.process
    member.process.kill()
    member.process.wait()


def test_a_member_that_dies_is_started_again_after_a_pause(crew: Crew, clock: SimulatedClock):
    member = crew.add("one", FOREVER)
    kill(member)
    assert crew.look() == [member]
    assert member.state == "waiting"
    clock.sleep(BACK_OFF_S[0])
    assert crew.look() == []
    assert (member.state, member.starts) == ("running", 2)


def test_one_that_dies_again_and_again_waits_longer_each_time(crew: Crew, clock: SimulatedClock):
    member = crew.add("one", FOREVER)
    for pause_s in (*BACK_OFF_S, BACK_OFF_S[-1]):
        kill(member)
        crew.look()
        assert member.due == clock.monotonic() + pause_s
        clock.sleep(pause_s)
        crew.look()


def test_one_that_ran_for_long_begins_with_the_shortest_pause_again(crew: Crew, clock: SimulatedClock):
    member = crew.add("one", FOREVER)
    for _ in range(3):
        kill(member)
        crew.look()
        clock.sleep(60.0)
        crew.look()
    clock.sleep(STEADY_S)
    kill(member)
    crew.look()
    assert member.due == clock.monotonic() + BACK_OFF_S[0]


def test_one_that_may_end_is_done_and_not_started_again(crew: Crew):
    member = crew.add("one", ["true"], ends=True)
    assert member.process
    member.process.wait()
    assert crew.look() == []
    assert (member.state, member.starts) == ("done", 1)


def test_one_that_may_end_but_fails_is_started_again(crew: Crew):
    member = crew.add("one", ["false"], ends=True)
    assert member.process
    member.process.wait()
    assert crew.look() == [member]


def test_the_last_one_ends_first(crew: Crew, tmp_path: Path):
    told = tmp_path / "told"
    tell = f'trap "echo $0 >> {told}; exit 0" TERM; echo >&2; sleep 1000 & wait'
    for name in ("one", "two"):
        member = crew.add(name, ["bash", "-c", tell, name], log=tmp_path / name)
        while not (tmp_path / name).read_bytes():
            assert member.state == "running"
    crew.end_all()
    assert told.read_text().split() == ["two", "one"]


def test_who_was_orphaned_before_it_began_does_not_begin(tmp_path: Path):
    """The kernel reports a parent's end only to who had asked before; in between lies a moment."""
    began = tmp_path / "began"
    orphan = ["sh", "-c", GUARDED, "1", "touch", str(began)]
    assert subprocess.run(orphan, check=False).returncode != 0
    assert not began.exists()


def test_ending_twice_is_ending_once(crew: Crew):
    member = crew.add("one", FOREVER)
    crew.end(member)
    crew.end(member)
    assert member.process
    assert member.process.returncode == -signal.SIGTERM
    assert PATIENCE_S > 0


def test_what_a_member_prints_goes_to_its_log_over_restarts(crew: Crew, clock: SimulatedClock, tmp_path: Path):
    log = tmp_path / "log"
    member = crew.add("one", ["echo", "hello"], log=log)
    assert member.process
    member.process.wait()
    crew.look()
    clock.sleep(BACK_OFF_S[0])
    crew.look()
    member.process.wait()
    assert log.read_text() == "hello\nhello\n"
