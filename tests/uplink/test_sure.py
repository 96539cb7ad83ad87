"""The word about how far the outbox is surely on the disk, in a folder that link may write to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.uplink.sure import Word


@pytest.fixture
def word(tmp_path: Path) -> Word:
    (tmp_path / "inbox").mkdir()
    return Word(tmp_path / "outbox.sqlite")


def test_the_last_word_is_heard(word: Word, tmp_path: Path):
    word.say(7)
    word.say(8)
    assert Word(tmp_path / "outbox.sqlite").heard() == 8


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_what_link_lays_in_the_way_neither_ends_the_writer_nor_is_a_word(word: Word, tmp_path: Path, kind: str):
    """Nor is anything written where a link points."""
    other, place = tmp_path / "other", Path(word.file)
    other.write_bytes(bytes(8))
    if kind == "folder":
        (place / "full").mkdir(parents=True)
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(other)
    word.say(9)
    assert word.heard() is None
    assert other.read_bytes() == bytes(8)
