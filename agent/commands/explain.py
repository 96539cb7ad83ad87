"""`piazza explain EVENT [FILE]`: why an event was raised, in a sentence.

EVENT is an envelope, the JSON that `piazza watch --json` or `piazza replay --json` gave, or the id of an event whose
words are in FILE. Ends with 0, or 2 when there is nothing to explain.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing, unb64
from agent.contract.sentences import TONGUES, sentence
from agent.contract.types import EventData, Payload
from agent.errors import PiazzaError, UserError, why
from agent.printable import printable
from agent.provision.keys import load_ring

TOKEN_PARTS = 3
_HINT = "give an envelope, a line of 'piazza watch --json', or the id of an event and the file it is in"


class Word(NamedTuple):
    """One phase of an event: when, by which name, and what the contract says of it."""

    time: str
    id: str
    data: EventData


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("event", metavar="EVENT", help="an envelope, a JSON line, or an event's id; - reads lines")
    parser.add_argument(
        "file", nargs="?", metavar="FILE", type=Path, help="where the event of that id is; - for standard input"
    )
    parser.add_argument("--keys", type=Path, help="a key ring: believe only what its keys signed")
    parser.add_argument("--language", choices=sorted(TONGUES), default="en")


def run(options: argparse.Namespace) -> int:
    ring = load_ring(options.keys) if options.keys else None
    words = list(_asked(options, ring))
    if not words:
        raise UserError(f"{_short(options.event)}: no event of that name in it", hint=_HINT)
    for word in words:
        print(printable(f"{word.time} {word.id} {sentence(word.data, TONGUES[options.language])}"))
    return 0


def _asked(options: argparse.Namespace, ring: KeyRing | None) -> Iterator[Word]:
    if options.event == "-":
        yield from _all(Path("-"), ring)
    elif options.file is None:
        yield _read(options.event, ring)
    else:
        yield from (word for word in _all(options.file, ring) if word.id == options.event)


def _all(path: Path, ring: KeyRing | None) -> Iterator[Word]:
    """The events of a file; other classes are passed over."""
    for line in _text(path).splitlines():
        if line.strip() and (word := _word(line.strip(), ring)) is not None:
            yield word


def _read(text: str, ring: KeyRing | None) -> Word:
    if (word := _word(text, ring)) is None:
        raise UserError(f"{_short(text)}: this is no event", hint=_HINT)
    return word


def _text(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {why(error)}", hint="give a file that can be read") from error


def _word(line: str, ring: KeyRing | None) -> Word | None:
    """What one line says; None where it is of another class. UserError for what is no envelope and no JSON of ours."""
    token = line.rpartition(" ")[2]
    try:
        if line.startswith("{"):
            return _of_json(msgspec.json.decode(line, type=dict[str, Any]), ring)
        if token.count(".") == TOKEN_PARTS - 1:
            return _of_token(token, ring)
    except (ValueError, RecursionError, PiazzaError) as error:  # msgspec's are ValueErrors
        raise UserError(f"{_short(line)}: {error}", hint=_HINT) from error
    raise UserError(f"{_short(line)}: neither an envelope nor JSON", hint=_HINT)


def _of_token(token: str, ring: KeyRing | None) -> Word | None:
    if ring is None:
        return _of_payload(msgspec.json.decode(unb64(token.split(".")[1]), type=Payload))
    envelope = open_envelope(token, ring)
    known = envelope.payload.correlationid or ""
    return Word(envelope.payload.time, known, envelope.data) if isinstance(envelope.data, EventData) else None


def _of_payload(payload: Payload) -> Word | None:
    if not payload.type.startswith("piazza.evt."):
        return None
    return Word(payload.time, payload.correlationid or "", msgspec.json.decode(payload.data, type=EventData))


def _of_json(told: dict[str, Any], ring: KeyRing | None) -> Word | None:
    """A line of `watch` has the contract's `data`; one of `replay` has its members among others."""
    if ring is not None:
        raise UserError("JSON has no signature", hint="leave --keys out, or give envelopes")
    data = told.get("data", told)
    if not isinstance(data, dict) or "rule" not in data:
        return None
    members = {name: value for name, value in data.items() if name in EventData.__struct_fields__}
    return Word(told.get("time", ""), told.get("id", ""), msgspec.convert(members, EventData))


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 -- fits a line with the rest
