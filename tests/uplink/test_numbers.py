"""The few numbers that link tells sense, as from a stranger."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.contract.topics import Class
from agent.contract.types import HealthData
from agent.uplink import numbers
from tests.contract.makers import AT
from tests.uplink.nodes import Node, health


def test_what_was_written_is_read(tmp_path: Path):
    numbers.write(tmp_path, {"link_connected": 1.0, "link_evt_kb_h": 12.5}, at=1e9)
    assert numbers.read(tmp_path) == {"at": 1e9, "link_connected": 1.0, "link_evt_kb_h": 12.5}


def test_nothing_is_read_where_nothing_lies(tmp_path: Path):
    assert numbers.read(tmp_path) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{",
        "[" * 5000,
        '{"link_connected": "a word"}',
        '{"link_connected": NaN}',
        '{"link_connected": 1e400}',
        '{"link_connected": true}',
        '{"name_of_a_person": 1}',
        '{"link_connected": [1, 2]}',
    ],
)
def test_nothing_else_than_our_numbers_gets_in(tmp_path: Path, text: str):
    (tmp_path / numbers.FILE).write_text(text)
    assert numbers.read(tmp_path) == {}


def test_a_pipe_a_link_or_a_folder_in_its_place_holds_nobody_up(tmp_path: Path):
    (tmp_path / "secret").write_text('{"link_connected": 1}')
    (tmp_path / numbers.FILE).symlink_to(tmp_path / "secret")
    assert numbers.read(tmp_path) == {}
    (tmp_path / numbers.FILE).unlink()
    os.mkfifo(tmp_path / numbers.FILE)
    assert numbers.read(tmp_path) == {}
    (tmp_path / numbers.FILE).unlink()
    (tmp_path / numbers.FILE).mkdir()
    assert numbers.read(tmp_path) == {}


def test_what_link_tells_stands_in_the_nodes_health(tmp_path: Path):
    node = Node(tmp_path)
    numbers.write(node.inbox.folder, {"link_connected": 1.0, "link_evt_kb_h": 12.6}, at=AT)
    node.spool.put(health(AT))
    node.spool.flush()
    (told,) = [envelope.data for envelope in node.seen(Class.HEALTH)]
    assert isinstance(told, HealthData)
    assert told.values == {"cpu_temp_c": 61.0, "gate-cam/fps": 5.0, "link_connected": 1.0, "link_evt_kb_h": 13.0}


def test_a_link_that_has_been_still_for_long_is_not_connected(tmp_path: Path):
    numbers.write(tmp_path, {"link_connected": 1.0, "link_evt_kb_h": 12.6}, at=AT)
    assert numbers.vitals(tmp_path, at=AT + numbers.STALE_S + 1.0) == (("link_connected", 0.0),)


def test_a_node_without_a_link_says_nothing_of_it(tmp_path: Path):
    assert numbers.vitals(tmp_path, at=AT) == ()
