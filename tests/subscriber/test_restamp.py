"""What was told under a wrong clock gets its true time from the monotonic clock of the same boot."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.contract.envelope import Envelope, open_envelope, spell
from agent.contract.times import instant
from agent.contract.topics import Class
from agent.contract.types import HeadData
from agent.records import ClockQuality
from agent.subscriber.restamp import BOOTS, Restamp
from tests.contract.makers import AT, Chain, payload, signer


def made(at: float, mono: float, clock: ClockQuality, boot: str = "0000beef", **more: Any) -> Envelope:
    """A head that a node made when its clock showed `at`, `mono` seconds after its boot."""
    told = payload(
        Class.HEAD,
        HeadData(seq=1, digest="0" * 64),
        time=instant(at),
        recordedtime=instant(at),
        mono=mono,
        clock=clock,
        boot=boot,
        **more,
    )
    return open_envelope(signer("node").seal(spell(told))[0], Chain().ring)


def test_what_came_before_the_time_server_is_put_where_it_belongs():
    """A node begins in 1970, tells something after ten seconds, and has its time after sixty."""
    restamp, early = Restamp(), made(10.0, 10.0, ClockQuality.UNSYNCED)
    assert restamp.at(early) is None
    restamp.see(early)
    assert restamp.at(early) is None
    restamp.see(made(AT + 60.0, 60.0, ClockQuality.NTP))
    assert restamp.at(early) == AT + 10.0
    assert restamp.error_s(early) == -AT


def test_another_boot_tells_nothing_about_this_one():
    restamp = Restamp()
    restamp.see(made(AT, 60.0, ClockQuality.NTP, boot="00000001"))
    assert restamp.at(made(10.0, 10.0, ClockQuality.UNSYNCED, boot="00000002")) is None


def test_what_a_good_clock_told_is_left_as_it_is():
    restamp = Restamp()
    restamp.see(made(AT, 60.0, ClockQuality.NTP))
    assert restamp.at(made(AT + 7.0, 61.0, ClockQuality.NTP)) == AT + 7.0


def test_the_memory_is_bounded():
    restamp = Restamp()
    for number in range(BOOTS + 1):
        restamp._began["n", f"{number:08x}"] = 0.0
    restamp.see(made(AT, 60.0, ClockQuality.NTP))
    assert len(restamp._began) == BOOTS


@given(st.floats(-1e9, 1e9), st.floats(1.0, 1e6), st.floats(0.0, 1e6))
def test_any_offset_is_found_to_the_millisecond(offset: float, mono: float, later: float):
    """The clock of the node is `offset` wrong until the time server comes."""
    restamp = Restamp()
    wrong = made(AT + mono + offset, round(mono, 3), ClockQuality.RTC)
    restamp.see(made(AT + mono + later, round(mono + later, 3), ClockQuality.NTP))
    found = restamp.at(wrong)
    assert found is not None
    assert abs(found - (AT + mono)) <= 0.003
