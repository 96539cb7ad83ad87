"""Letters lie in a folder between link and sense."""

from __future__ import annotations

import os
import pathlib
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from agent.uplink.inbox import MAX_LETTER_BYTES, SOON_S, Inbox, Letter, Soon


def test_letters_are_taken_once_in_the_order_in_which_they_came(tmp_path: Path):
    inbox = Inbox(tmp_path)
    letters = [Letter(f"cmd/{n}", b"%d\nwith a second line" % n, retained=n == 1) for n in range(12)]
    assert all(inbox.put(letter) for letter in letters)
    assert inbox.take() == letters
    assert inbox.take() == []


def test_order_survives_a_restart_of_link(tmp_path: Path):
    Inbox(tmp_path).put(Letter("a", b"1"))
    Inbox(tmp_path).put(Letter("a", b"2"))
    assert [letter.payload for letter in Inbox(tmp_path).take()] == [b"1", b"2"]


def test_only_the_latest_receipt_of_a_topic_is_kept(tmp_path: Path):
    inbox = Inbox(tmp_path)
    for cum in range(50):
        inbox.put_latest(Letter("rcpt/store", b"%d" % cum))
    inbox.put_latest(Letter("rcpt/other", b"x"))
    assert {letter.payload for letter in inbox.take()} == {b"49", b"x"}


def test_of_many_receipts_the_first_is_put_at_once_and_then_the_latest_now_and_then(tmp_path: Path):
    """A link that carries a backlog hears hundreds a second, and each file might wait for the disk."""
    inbox = Inbox(tmp_path)
    soon = Soon(inbox)
    found: list[bytes] = []
    for cum in range(10):
        soon.put("rcpt/store", partial(Letter, "rcpt/store", b"%d" % cum))
        soon.look(cum * SOON_S / 4)
        found += [letter.payload for letter in inbox.take()]
    assert found == [b"0", b"4", b"8"]
    soon.look(9 * SOON_S / 4, now=True)
    assert [letter.payload for letter in inbox.take()] == [b"9"]


def test_a_full_inbox_takes_no_more_commands_but_still_the_latest_receipt(tmp_path: Path):
    inbox = Inbox(tmp_path, max_letters=3)
    assert [inbox.put(Letter("cmd", b"")) for _ in range(4)] == [True, True, True, False]
    assert inbox.put_latest(Letter("rcpt", b"7"))


def test_a_letter_larger_than_the_broker_allows_is_not_kept(tmp_path: Path):
    inbox = Inbox(tmp_path)
    assert not inbox.put(Letter("cmd", b"x" * (MAX_LETTER_BYTES + 1)))
    assert inbox.take() == []


def test_what_is_no_letter_is_thrown_away(tmp_path: Path):
    """Link may be taken over: links to secrets and pipes that never end must not hold sense up."""
    inbox = Inbox(tmp_path / "inbox")
    (tmp_path / "secret").write_bytes(b"live secret\nof sense")
    (tmp_path / "inbox" / "0000000000000001").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "inbox" / "0000000000000002")
    (tmp_path / "inbox" / "0000000000000003").write_bytes(b"no head at all")
    (tmp_path / "inbox" / "0000000000000004").mkdir()
    assert inbox.take() == []
    assert [path.name for path in (tmp_path / "inbox").iterdir()] == ["0000000000000004"]
    assert (tmp_path / "secret").exists()


@pytest.mark.parametrize(
    "name", ["²²²²²²²²²²²²²²²²", "٣" * 16, "9" * 16, "9" * 255, "\udcff", "a" * 255, "latest-", " ", "\n"]
)
def test_a_name_that_no_letter_has_holds_nobody_up(tmp_path: Path, name: str):
    """Not at the start, where numbers are counted on, nor when letters are taken: sense goes on seeing."""
    (tmp_path / name).write_bytes(b"no letter")
    inbox = Inbox(tmp_path)
    assert inbox.put(letter := Letter("cmd", b"1"))
    assert inbox.take() == [letter]
    assert not list(tmp_path.iterdir())


def test_a_folder_where_letters_are_taken_to_costs_no_letter(tmp_path: Path):
    inbox, letter = Inbox(tmp_path), Letter("rcpt/store", b"7")
    for _ in range(2):
        inbox.put_latest(letter)
        (name,) = (path.name for path in tmp_path.iterdir() if path.is_file())
        (tmp_path / f"taken-{name}" / "deep").mkdir(parents=True, exist_ok=True)
        assert inbox.take() == [letter]
    assert inbox.take() == []


class Vanishing(Inbox):
    """Names that are gone by the time they are looked at, as link may have it."""

    def _waiting(self) -> Iterator[str]:
        yield from ("0000000000000001", *super()._waiting())


def test_a_letter_that_goes_while_letters_are_taken_is_none(tmp_path: Path):
    inbox = Vanishing(tmp_path)
    inbox.put(letter := Letter("cmd", b"2"))
    assert inbox.take() == [letter]


def test_a_letter_that_was_half_written_is_never_taken(tmp_path: Path):
    inbox = Inbox(tmp_path)
    (tmp_path / "new-0000000000000009").write_bytes(b"live cmd\nhal")
    assert inbox.take() == []


def test_the_name_of_a_letter_is_left_to_no_table_of_strings(tmp_path: Path):
    """pathlib interns each part of a path, and a table of nearly a megabyte is made anew every few thousand names."""
    inbox = Inbox(tmp_path)
    tracemalloc.start(4)
    try:
        for number in range(50):
            inbox.put(Letter("cmd/node", b"%d" % number))
        taken, seen = inbox.take(), tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    assert len(taken) == 50
    assert (
        list(seen.filter_traces([tracemalloc.Filter(inclusive=True, filename_pattern=pathlib.__file__)]).traces) == []
    )
