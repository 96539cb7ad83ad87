"""Link's part in updates: the comune's bundle, and the chunks that this node wishes for, into a folder.

    broker --bundle--> shelf/bundle          ota/wishes --names--> subscriptions --> shelf/CHUNK

Nothing here is verified: whoever takes it from the folder does that. The invariant: the folder holds one
bundle and chunks that were wished for, each of bounded size, each whole or absent; a chunk that lies there is
not asked for, whatever became of the connection or of this process meanwhile.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Protocol

from agent.contract.topics import Class, NodeName, Topic

log = logging.getLogger(__name__)

ALL = "all"
"""Stands for the node's id where a message is for every node of a comune."""

BUNDLE = "bundle"
"""Last level of the bundle's topic, and its name as a file."""

FOLDER = "ota"
SHELF = "shelf"
"""On the card, where the inbox may lie in memory: what has come of a large update outlives a power cut."""

WISHES = "wishes"
MAX_BYTES = 262_144
"""Of a bundle and of a chunk: a broker of the contract lets through a little more."""

MAX_WISHES = 512
LOOK_S = 1.0
ASK_AGAIN_S = 120.0
"""How soon a chunk that did not come, or was lost again, is asked for once more in one session."""

UNDER_WAY = 8
"""Chunks that are asked for at one time: what a cut of the connection can cost."""
_CHUNK = re.compile(r"[0-9a-f]{32}\Z")
_MODE = 0o660


class Asking(Protocol):
    """The part of a transport that updates need."""

    def subscribe(self, pattern: str) -> None: ...
    def ask(self, topic: str) -> None: ...


class Updates:
    """The shelf lies beside the `inbox`, and so do the wishes, which link may only read."""

    def __init__(self, name: NodeName, transport: Asking, inbox: Path) -> None:
        self._all = NodeName(name.union, name.comune, ALL)
        self._transport = transport
        self._folder = inbox.parent / SHELF
        self._wishes = inbox.parent / FOLDER / WISHES
        self._asked: dict[str, float] = {}
        self._wished: list[str] = []
        self._looked_at = -LOOK_S
        self._stamp = 0

    def begin(self) -> None:
        """Subscribe to the bundle."""
        self._transport.subscribe(self._topic(BUNDLE))

    def begin_session(self) -> None:
        """Chunks that were under way are lost with the connection that they came by."""
        self._asked.clear()

    def look(self, at: float) -> None:
        """Ask for what is wished for and not there; `at` is of the monotonic clock."""
        if at - self._looked_at < LOOK_S:
            return
        self._looked_at = at
        if self._read_wishes() and not self._wished:
            self._forget()
        self._ask_more(at)

    def _read_wishes(self) -> bool:
        """Take up wishes that have changed; whether they have."""
        try:
            stamp = self._wishes.stat().st_mtime_ns
            if stamp == self._stamp:
                return False
            names = self._wishes.read_text(encoding="ascii").split()[:MAX_WISHES]
        except (OSError, UnicodeDecodeError):
            return False
        self._stamp = stamp
        self._wished = [name for name in names if _CHUNK.match(name)]
        return True

    def receive(self, topic: Topic, payload: bytes) -> None:
        """Keep what was asked for; an empty message says only that it was taken away."""
        if topic.name != self._all or topic.type not in (BUNDLE, *self._asked) or not payload:
            return
        if len(payload) > MAX_BYTES:
            log.warning("part of an update is too large", extra={"topic": str(topic), "bytes": len(payload)})
            return
        self._folder.mkdir(mode=0o770, parents=True, exist_ok=True)
        place, fresh = self._folder / topic.type, self._folder / f".{topic.type}.new"
        if place.is_file() and place.read_bytes() == payload:
            return  # told again after a reconnect: who watches the folder need not wake
        fresh.write_bytes(payload)
        fresh.chmod(_MODE)
        fresh.replace(place)
        self._ask_more(self._looked_at)

    def _ask_more(self, at: float) -> None:
        """Ask for chunks that are not there, a few at a time."""
        missing = [name for name in self._wished if not (self._folder / name).exists()]
        idle = [name for name in missing if at - self._asked.get(name, -ASK_AGAIN_S) >= ASK_AGAIN_S]
        for name in idle[: max(0, UNDER_WAY - (len(missing) - len(idle)))]:
            self._asked[name] = at
            self._transport.ask(self._topic(name))

    def _topic(self, kind: str) -> str:
        return str(Topic(self._all, Class.OTA, kind))

    def _forget(self) -> None:
        """Once nothing is wished for, the chunks of an update that was taken in make room."""
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if _CHUNK.match(path.name):
                path.unlink(missing_ok=True)
