"""Commissioning is open while somebody stands before the node, and not much longer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.commissioning import LASTS_S, Commissioning

AT = 1_780_300_800.0


@pytest.fixture
def opened(tmp_path: Path) -> Commissioning:
    commissioning = Commissioning(tmp_path)
    commissioning.open()
    os.utime(commissioning.marker, (AT, AT))
    return commissioning


def test_it_is_closed_where_nobody_opened_it(tmp_path: Path):
    assert not Commissioning(tmp_path).is_open(AT)


def test_it_is_closed_where_there_is_no_run_folder(tmp_path: Path):
    assert not Commissioning(tmp_path / "absent").is_open(AT)


def test_it_is_open_for_half_an_hour(opened: Commissioning):
    assert opened.is_open(AT)
    assert opened.is_open(AT + LASTS_S - 2.0)
    assert not opened.is_open(AT + LASTS_S + 2.0)


def test_a_marker_from_the_future_opens_nothing(opened: Commissioning):
    """A clock that was set back must not keep it open for days."""
    assert not opened.is_open(AT - 60.0)


def test_it_can_be_closed_at_once_and_twice(opened: Commissioning):
    opened.close()
    opened.close()
    assert not opened.is_open(AT)


def test_opening_it_again_gives_another_half_hour(opened: Commissioning):
    opened.open()
    since = opened.marker.stat().st_mtime
    assert opened.is_open(since + LASTS_S - 2.0)
