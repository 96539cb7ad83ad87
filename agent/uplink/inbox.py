"""Letters from the broker on their way to sense: link puts them, sense takes them.

Link is not trusted, so what lies here is only bytes. The invariants: a letter is whole or absent,
the folder holds a bounded number of bounded letters, and `take` follows no link and waits for no pipe.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.files import if_there_is_room, read_plain

DELIVERED = "delivered"
"""Pseudo-topic of link's own report in `delete_on: puback`; its payload is an unsigned `ReceiptData` as JSON."""

ANSWER = ".crt"
"""What the authority of the union answers, for the program that has asked; no letter."""

SOON_S = 0.25
"""Longest that a letter is held back; sense looks once a second."""

MAX_LETTERS = 256
MAX_LETTER_BYTES = 300_000
"""What the broker lets through (`max_packet_size`) and nothing larger."""

_MODE = 0o660
_NUMBER = re.compile(r"[0-9]{16}")
_RETAINED = b"retained"
_LIVE = b"live"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message as it came; `retained` tells a message that waited on the broker from a live one."""

    topic: str
    payload: bytes
    retained: bool = False


class Inbox:
    """A folder of letters.

    Names are text and no `Path` here: pathlib keeps each part of a path in Python's table of interned strings, which a
    new name with every letter wears out, so that it is made anew, a megabyte at a time.
    """

    def __init__(self, folder: Path, *, max_letters: int = MAX_LETTERS) -> None:
        self.folder = folder
        self._max_letters = max_letters
        folder.mkdir(parents=True, exist_ok=True)
        self._next = max((int(name) for name in self._waiting() if _NUMBER.fullmatch(name)), default=0) + 1

    def put(self, letter: Letter) -> bool:
        """Add a letter after the others; False when there is no room, here or on the disk, or it is too big."""
        room = sum(1 for _ in self._waiting()) < self._max_letters
        return room and self._write(letter, f"{self._next:016d}")

    def put_latest(self, letter: Letter) -> bool:
        """Put a letter in place of an older one of the same topic, as for a receipt; False when too big or the disk is full."""
        return self._write(letter, f"latest-{hashlib.sha256(letter.topic.encode()).hexdigest()[:16]}")

    def take(self) -> list[Letter]:
        """The letters that wait, oldest first, which are then gone; what is no letter is thrown away.

        Whatever else link may do here meanwhile costs letters and nothing more.
        """
        found = (self._taken(name) for name in sorted(self._waiting())[: self._max_letters])
        return [letter for letter in found if letter is not None]

    def _taken(self, name: str) -> Letter | None:
        place = self._at(name)
        with suppress(
            OSError
        ):  # it went, its name is too long, or something lies in the way: then it is read where it is
            os.replace(place, taken := self._at(f"taken-{name}"))
            place = taken  # a newer letter of the same name stays untouched
        letter = _read(place)
        with suppress(OSError):
            os.unlink(place)
        return letter

    def _at(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _waiting(self) -> Iterator[str]:
        with os.scandir(self.folder) as entries:
            yield from (
                entry.name
                for entry in entries
                if not entry.name.startswith(("taken-", "new-", ".")) and not entry.is_dir(follow_symlinks=False)
            )

    def _write(self, letter: Letter, name: str) -> bool:
        """Whole or absent to a reader; not synced, because whoever sent it sends it again."""
        if len(letter.payload) > MAX_LETTER_BYTES:
            return False
        fresh = self._at(f"new-{name}")
        mark = _RETAINED if letter.retained else _LIVE
        written = False
        with if_there_is_room(fresh):
            with open(fresh, "wb") as file:
                file.write(mark + b" " + letter.topic.encode() + b"\n" + letter.payload)
            os.chmod(fresh, _MODE)
            os.replace(fresh, self._at(name))
            self._next += 1
            written = True
        return written  # noqa: RET504 -- a full disk ends the block before it is set


class Soon:
    """Puts the latest letter of each topic into an inbox: the first at once, those after it every now and then.

    A file that takes the place of another may have to wait for the disk, and link would wait so for each window. What is
    held back goes with the process; it comes again, because link keeps nothing of what it has heard either.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._held: dict[str, Callable[[], Letter]] = {}
        self._next_at = 0.0

    def put(self, topic: str, letter: Callable[[], Letter]) -> None:
        """Hold a letter instead of an older one of its topic; it is written when it is put."""
        self._held[topic] = letter

    def look(self, at: float, *, now: bool = False) -> None:
        """Put what is held, if it is time for it or `now`."""
        if self._held and (now or at >= self._next_at):
            self._next_at = at + SOON_S
            held, self._held = self._held, {}
            for letter in held.values():
                self._inbox.put_latest(letter())


def _read(path: Path | str) -> Letter | None:
    """The letter in a plain file of bounded size, None for anything else."""
    content = read_plain(path, most=MAX_LETTER_BYTES + 1024)
    if content is None:
        return None
    head, _, payload = content.partition(b"\n")
    mark, _, topic = head.partition(b" ")
    if mark not in (_RETAINED, _LIVE):
        return None
    return Letter(topic.decode("utf-8", "replace"), payload, retained=mark == _RETAINED)
