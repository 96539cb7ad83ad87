"""What nodes say that they run, by their signed states: the ground on which a release is judged.

    DIR/running.json    full name -> digest, order and phase, as the node's own key signed them

The invariant: a digest that nobody here knows is said to be unknown; no other configuration is taken for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.contract.types import StateData
from agent.errors import Refused, UserError
from agent.files import write_atomic
from agent.ota.authority import Authority

FILE = "running.json"


class Running(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node's word: the first 12 digits of its configuration's SHA-256, its newest order, how that stands and why.

    `at` is when it said so, in seconds since 1970 by its own clock; `up` is whether it was there then.
    """

    cfg: str
    at: float
    seq: int = 0
    phase: str = ""
    why: str = ""
    up: bool = True


def heard(payload: bytes, ring: KeyRing, *, topic: str) -> tuple[str, Running] | None:
    """Who says what in a retained `state`; None for what its own key did not sign."""
    try:
        envelope = open_envelope(payload, ring, topic=topic)
    except Refused:
        return None
    if not isinstance(envelope.data, StateData):
        return None
    said, name = envelope.data, str(envelope.topic.name)
    seq, phase, why = (said.update.seq, said.update.phase, said.update.why) if said.update else (0, "", "")
    return name, Running(said.cfg, envelope.recorded_at, seq, phase, why, up=said.status == "up")


def load(authority: Authority) -> dict[str, Running]:
    """What was heard so far; nothing where nobody was asked."""
    path = authority.folder / FILE
    if not path.is_file():
        return {}
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Running])
    except msgspec.MsgspecError as error:
        raise UserError(f"{path}: {error}", hint="take it away, and ask again: piazza ota status --broker") from error


def keep(authority: Authority, found: Mapping[str, Running]) -> None:
    """Write down what was heard; of two words of one node the later counts."""
    known = load(authority)
    newer = {name: one for name, one in found.items() if name not in known or one.at >= known[name].at}
    content = msgspec.json.encode(dict(sorted((known | newer).items())))
    write_atomic(authority.folder / FILE, msgspec.json.format(content, indent=1) + b"\n")


def content(authority: Authority, digest: str, brought: Path | None = None) -> bytes | None:
    """The configuration of this digest: ever released, or a file of the folder `brought`; None for an unknown one."""
    for folder in (authority.folder / "targets", brought):
        for path in sorted(folder.iterdir()) if folder and folder.is_dir() else ():
            if folder is brought or path.name.startswith(digest):
                found = path.read_bytes()
                if hashlib.sha256(found).hexdigest().startswith(digest):
                    return found
    return None
