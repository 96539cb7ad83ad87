"""What systemd hears, on a real datagram socket."""

from __future__ import annotations

import socket
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify import Notify, Pulse


@pytest.fixture
def manager():
    """A socket as systemd's; in a folder of its own because such addresses are at most 107 bytes long."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(Path(folder) / "notify"))
        listening.settimeout(5.0)
        yield listening


def heard(manager):
    return manager.recv(4096).decode().splitlines()


def test_ready_comes_with_what_it_does(manager):
    Notify(manager.getsockname()).ready("watching 1 camera")
    assert heard(manager) == ["READY=1", "STATUS=watching 1 camera"]


def test_each_word_is_one_datagram(manager):
    notify = Notify(manager.getsockname())
    notify.starting_for(12.5, "loading the model")
    notify.status("outbox 3")
    notify.alive()
    notify.stopping()
    assert heard(manager) == ["EXTEND_TIMEOUT_USEC=12500000", "STATUS=loading the model"]
    assert heard(manager) == ["STATUS=outbox 3"]
    assert heard(manager) == ["WATCHDOG=1"]
    assert heard(manager) == ["STOPPING=1"]


def test_a_status_cannot_smuggle_in_another_word(manager):
    Notify(manager.getsockname()).status("fine\nMAINPID=1")
    assert heard(manager) == ["STATUS=fine MAINPID=1"]


def test_an_abstract_address_works_too():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0piazza-test-notify")
        listening.settimeout(5.0)
        Notify("@piazza-test-notify").alive()
        assert heard(listening) == ["WATCHDOG=1"]


def test_without_a_manager_the_words_go_nowhere():
    Notify.of_service({}).ready("on a bench")


def test_an_address_that_leads_nowhere_ends_the_process_rather_than_be_killed_later(tmp_path):
    with pytest.raises(OSError):
        Notify(str(tmp_path / "gone")).alive()


@pytest.mark.parametrize(
    ("environment", "limit_s"),
    [
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "42"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_s_limit_is_read_as_systemd_gives_it(environment, limit_s):
    assert Notify.of_service(environment, pid=42).watchdog_s == limit_s


def test_the_pulse_waits_for_every_part(manager):
    pulse = Pulse.of(Notify(manager.getsockname(), 20.0), ["gate", "outbox"])
    pulse.beat("gate", 100.0)
    pulse.beat("gate", 130.0)
    assert pulse.missing() == ("outbox",)
    pulse.beat("outbox", 131.0)
    assert heard(manager) == ["WATCHDOG=1"]


def test_a_part_is_said_to_stand_still_before_the_manager_loses_patience(manager):
    """With a limit of 20 s the manager is told every 5 s; a part may miss that once."""
    pulse = Pulse.of(Notify(manager.getsockname(), 20.0), ["gate", "outbox"])
    assert pulse.still(99.0) == ("gate", "outbox")
    pulse.beat("gate", 100.0)
    pulse.beat("outbox", 100.0)
    pulse.beat("outbox", 109.0)
    assert (pulse.still(109.0), pulse.still(111.0)) == ((), ("gate",))
    pulse.beat("gate", 112.0)
    assert pulse.still(112.0) == ()


def test_a_part_that_stands_still_ends_the_pulse(manager):
    pulse = Pulse.of(Notify(manager.getsockname(), 20.0), ["gate", "outbox"])
    pulse.beat("gate", 0.0)
    pulse.beat("outbox", 0.0)
    heard(manager)
    for second in range(1, 100):
        pulse.beat("outbox", float(second))
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


@given(st.lists(st.tuples(st.sampled_from(["gate", "yard", "outbox"]), st.floats(0.0, 3.0)), max_size=200))
def test_the_manager_hears_nothing_that_the_parts_did_not_do(beats):
    """Each word to the manager stands for a beat of every part since the word before it."""
    told, since, at = [], set(), 0.0

    class Heard(Notify):
        def alive(self):
            told.append(at)

    pulse = Pulse.of(Heard("", 20.0), ["gate", "yard", "outbox"])
    for part, gap in beats:
        at, before = at + gap, len(told)
        since.add(part)
        pulse.beat(part, at)
        if len(told) > before:
            assert since == {"gate", "yard", "outbox"}
            since.clear()
    assert all(later - earlier >= 5.0 for earlier, later in pairwise(told))
