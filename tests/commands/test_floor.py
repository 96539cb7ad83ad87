"""The latest time that a node surely saw outlasts a power cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.commands import floor
from agent.records import ClockQuality
from tests.contract.makers import AT


def test_a_time_that_a_server_vouched_for_is_kept(tmp_path: Path):
    floor.keep(tmp_path, AT, ClockQuality.NTP)
    assert floor.read(tmp_path) == int(AT)


@pytest.mark.parametrize("quality", [ClockQuality.RTC, ClockQuality.UNSYNCED])
def test_a_clock_that_ran_wild_does_not_hold_the_node_in_the_future(tmp_path: Path, quality: ClockQuality):
    floor.keep(tmp_path, AT + 1e8, quality)
    assert floor.read(tmp_path) == 0.0


def test_an_earlier_time_does_not_replace_a_later_one(tmp_path: Path):
    floor.keep(tmp_path, AT, ClockQuality.NTP)
    floor.keep(tmp_path, AT - 86_400, ClockQuality.NTP)
    assert floor.read(tmp_path) == int(AT)


@pytest.mark.parametrize("content", [b"", b"yesterday", b"nan", b"inf", b"\xff"])
def test_what_cannot_be_read_is_no_time(tmp_path: Path, content: bytes):
    (tmp_path / floor.FILE).write_bytes(content)
    assert floor.read(tmp_path) == 0.0


def test_a_file_that_was_spoiled_is_whole_again_with_the_next_time(tmp_path: Path):
    (tmp_path / floor.FILE).write_bytes(b"x" * 100)
    floor.keep(tmp_path, AT, ClockQuality.NTP)
    assert floor.read(tmp_path) == int(AT)


def test_a_later_time_takes_the_same_place(tmp_path: Path):
    floor.keep(tmp_path, AT, ClockQuality.NTP)
    first = (tmp_path / floor.FILE).stat()
    floor.keep(tmp_path, 10 * AT, ClockQuality.NTP)
    second = (tmp_path / floor.FILE).stat()
    assert (first.st_ino, first.st_size) == (second.st_ino, second.st_size)
