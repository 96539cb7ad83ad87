"""Who looked at what in a store: signed records of the class `audit`, in one chain for each party.

    console, export, audit, ...  ->  FOLDER/PARTY.jws  ->  store  ->  broker (audit/access)  ->  store, auditors

The invariants: a record is on the disk before its answer leaves; nobody but its party can sign one, so the store that
carries it to the broker can neither invent nor change any, and one that is missing leaves a gap in the numbers.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.contract.envelope import open_envelope, source, spell, type_name
from agent.contract.jws import GENESIS, MAX_BYTES, KeyRing, Signer, unb64
from agent.contract.jws import digest as digest_of
from agent.contract.times import instant
from agent.contract.topics import ACCESS, Class, NodeName
from agent.contract.types import AuditData, Payload
from agent.errors import Refused
from agent.records import ClockQuality
from agent.subscriber.holding import Held
from agent.subscriber.tables import Where, is_server

log = logging.getLogger(__name__)

ENDING = ".jws"
AGAIN_S = 30.0
"""What the store has not committed by then is handed over once more."""

MOST = 200
"""Records that are handed over at once."""

LONGEST = 2 * MAX_BYTES
"""Bytes at the end of a file that hold its last record for certain."""

_MODE = 0o640


def folder_of(database: Where) -> Path:
    """Where the accesses to a database are written: beside a file, and for a server in the folder where we are."""
    if is_server(database):
        return Path("access")
    return Path(database).with_name(f"{Path(database).name}.access")


@dataclass(slots=True)
class AccessLog:
    """The file of one party; several of its processes may write at the same time."""

    folder: Path
    name: NodeName
    signer: Signer
    clock: Clock
    _boot: str = field(init=False)

    def __post_init__(self) -> None:
        self._boot = hashlib.sha256(f"{self.name} {self.clock.now()}".encode()).hexdigest()[:8]

    @property
    def path(self) -> Path:
        return self.folder / f"{str(self.name).replace('/', '.')}{ENDING}"

    def write(self, what: str, question: str, outcome: str) -> None:
        """Keep one access; OSError when the disk refuses, and then nothing may be shown.

        `what` is a word such as `events`, `outcome` one such as `shown`; of the whole `question` only the SHA-256 is told.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        asked = hashlib.sha256(question.encode()).hexdigest()
        data = AuditData(action=ACCESS, subject=what, outcome=outcome, digest=asked)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, self._token(data, *_end(descriptor)).encode() + b"\n")
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def _token(self, data: AuditData, last: int, prev: str) -> str:
        at = instant(self.clock.now())
        payload = Payload(
            specversion="1.0",
            id=str(last + 1),
            source=source(self.name),
            type=type_name(Class.AUDIT, ACCESS),
            time=at,
            recordedtime=at,
            seq=last + 1,
            prev=prev,
            boot=self._boot,
            mono=round(self.clock.monotonic(), 3),
            clock=ClockQuality.UNSYNCED,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )
        return self.signer.seal(spell(payload))[0]


def _end(descriptor: int) -> tuple[int, str]:
    """Number and digest of the last whole record of a file; half of one, which a crash left, is cut off."""
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, LONGEST, max(0, size - LONGEST))
    whole, _, half = content.rpartition(b"\n")
    if half:
        os.ftruncate(descriptor, size - len(half))
    if not whole:
        return 0, GENESIS
    signed = whole.rpartition(b"\n")[2].decode().rpartition(".")[0]
    payload = msgspec.json.decode(unb64(signed.rpartition(".")[2]), type=Payload)
    return payload.seq or 0, digest_of(signed)


@dataclass(slots=True)
class _File:
    """How far a file is in the store: bytes and records; what was handed over last, and when."""

    done: int = 0
    seq: int = 0
    handed: int = 0
    at: float = float("-inf")


@dataclass(slots=True)
class Carrier:
    """The store's side: what of the files it has not committed yet."""

    folders: Sequence[Path]
    ring: KeyRing
    held: Callable[[str], Held]
    _files: dict[Path, _File] = field(default_factory=dict)

    def waiting(self, *, at: float) -> Iterator[tuple[str, bytes]]:
        """Topic and token of records to hand over now; those that were are repeated after a while."""
        for path in sorted(path for folder in self.folders for path in folder.glob(f"*{ENDING}")):
            known = self._files.setdefault(path, _File())
            if path.stat().st_size > known.done:
                yield from self._of(path, known, at)

    def _of(self, path: Path, known: _File, at: float) -> Iterator[tuple[str, bytes]]:
        span = self.held(path.name.removesuffix(ENDING).replace(".", "/")).span
        committed = span[0][1] if span and span[0][0] == 1 else 0
        with path.open("rb") as file:
            file.seek(known.done)
            lines = [line for line in file if line.endswith(b"\n")]
        stored, lines = lines[: committed - known.seq], lines[committed - known.seq :]
        known.done, known.seq = known.done + sum(map(len, stored)), committed
        if at - known.at >= AGAIN_S:
            known.handed = committed
        fresh = lines[max(0, known.handed - committed) :][:MOST]
        if fresh:
            known.handed, known.at = max(known.handed, committed) + len(fresh), at
        for line in fresh:
            yield from self._genuine(path, line.rstrip())

    def _genuine(self, path: Path, token: bytes) -> Iterator[tuple[str, bytes]]:
        try:
            yield str(open_envelope(token, self.ring).topic), token
        except Refused as refused:
            log.warning("access record refused", extra={"file": str(path), "why": refused.why})
