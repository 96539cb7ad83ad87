"""From an authority to where nodes look: a folder that a stick carries, or retained messages on a broker.

Both hold the same bytes. What no bundle needs any longer is taken away again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from agent.errors import BrokerAbsent, BrokerRefused, UserError
from agent.files import write_atomic
from agent.ota import bundle, metadata
from agent.ota.authority import CONSENT, Authority
from agent.transport import NOBODY_SUBSCRIBES, Acknowledged, Connected, Disconnected, Message, Subscribed, Transport

IN_FLIGHT = 16
"""Messages that wait for the broker's word at one time."""

PATIENCE_S = 30.0
"""How long a broker may be silent."""

SETTLE_S = 1.0
"""How long nothing more must come before what is retained counts as wholly seen."""


def _nothing(_: Message) -> None:
    """What else comes is not for us."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """All that one comune's nodes need; `chunks` by their names."""

    union: str
    comune: str
    bundle: bytes
    chunks: dict[str, bytes]

    def without_chunks(self) -> Parcel:
        """The metadata alone, once every node has what it needs."""
        return replace(self, chunks={})


class Clock(Protocol):
    """The part of a clock that waiting needs."""

    def monotonic(self) -> float: ...


def parcel(authority: Authority, comune: str, *, turn: Sequence[str] | None = None) -> Parcel:
    """What is signed for a comune, cut up; UserError where its role is not signed yet."""
    documents = {name: text.decode() for name, text in _documents(authority, comune)}
    files: dict[str, tuple[str, ...]] = {}
    chunks: dict[str, bytes] = {}
    for role in (comune, comune + CONSENT):
        signed = authority.signed(role)
        for target in metadata.offered(signed).values() if signed else ():
            parts = [*bundle.cut(authority.content(target))]
            files[target.sha256] = tuple(map(bundle.digest, parts))
            chunks |= {bundle.chunk_name(bundle.digest(part)): part for part in parts}
    message = bundle.Bundle(documents, files, None if turn is None else tuple(sorted(turn)))
    return Parcel(authority.settings.union, comune, bundle.write(message), chunks)


def to_folder(parcels: Sequence[Parcel], folder: Path) -> None:
    """Lay parcels out as `DIR/COMUNE/bundle` and `DIR/COMUNE/CHUNK`: chunks first, then what names them."""
    for each in parcels:
        place = folder / each.comune
        place.mkdir(parents=True, exist_ok=True)
        for name, content in each.chunks.items():
            write_atomic(place / name, content)
        write_atomic(place / bundle.BUNDLE, each.bundle)
        for path in place.iterdir():
            if path.name not in each.chunks and path.name != bundle.BUNDLE:
                path.unlink()


def to_broker(
    parcels: Sequence[Parcel], transport: Transport, clock: Clock, *, heard: Callable[[Message], None] = _nothing
) -> int:
    """Publish parcels as retained messages, chunks first, and clear chunks that none needs; messages sent.

    `heard` is told what else comes meanwhile. BrokerAbsent or BrokerRefused where the broker does not take them; it may then be asked again.
    """
    patterns = [bundle.topic(each.union, each.comune, "x")[:-1] + "+" for each in parcels]
    lying = retained(transport, clock, patterns, heard)
    wanted = dict(_messages(parcels))
    fresh = {topic: content for topic, content in wanted.items() if lying.get(topic) != content}
    stale = {topic: b"" for topic in lying if topic not in wanted}
    return _send({**fresh, **stale}, transport, clock, heard)


def clear(union: str, comuni: Sequence[str], transport: Transport, clock: Clock) -> int:
    """Take away everything that was published for these comuni; messages cleared."""
    patterns = [bundle.topic(union, comune, "x")[:-1] + "+" for comune in comuni]
    lying = retained(transport, clock, patterns)
    return _send(dict.fromkeys(lying, b""), transport, clock, _nothing)


def _messages(parcels: Sequence[Parcel]) -> Iterator[tuple[str, bytes]]:
    for each in parcels:
        for name, content in each.chunks.items():
            yield bundle.topic(each.union, each.comune, name), content
    for each in parcels:
        yield bundle.topic(each.union, each.comune, bundle.BUNDLE), each.bundle


def _documents(authority: Authority, comune: str) -> Iterator[tuple[str, bytes]]:
    newest = authority.signed("timestamp")
    if newest is None or authority.signed(comune) is None:
        raise UserError(f"'{comune}': nothing is signed yet", hint="piazza ota status says what waits for whom")
    yield "timestamp.json", newest
    for version in range(1, authority.version("root") + 1):
        yield f"{version}.root.json", authority.signed("root", version) or b""
    for role in ("snapshot", "targets", comune, comune + CONSENT):
        if signed := authority.signed(role):
            yield f"{authority.version(role)}.{role}.json", signed


def retained(
    transport: Transport, clock: Clock, patterns: Sequence[str], heard: Callable[[Message], None] = _nothing
) -> dict[str, bytes]:
    """What is retained under these patterns now, by topic; `heard` is told what else comes meanwhile."""
    for pattern in patterns:
        transport.subscribe(pattern)
    transport.open()
    found: dict[str, bytes] = {}
    waiting, until = set(patterns), clock.monotonic() + PATIENCE_S
    while waiting or clock.monotonic() < until:
        for happening in transport.poll(0.2):
            match happening:
                case Message() if any(happening.topic.startswith(pattern.partition("+")[0]) for pattern in patterns):
                    found[happening.topic] = happening.payload
                    until = clock.monotonic() + SETTLE_S
                case Message():
                    heard(happening)
                case Subscribed():
                    waiting.discard(happening.pattern)
                    until = clock.monotonic() + SETTLE_S
                case Disconnected():
                    _give_up(happening)
                case Connected() | Acknowledged():
                    pass
        if waiting and clock.monotonic() >= until:
            raise BrokerAbsent("the broker does not answer", hint="try again when it does")
    return {topic: payload for topic, payload in found.items() if payload}


def _send(messages: dict[str, bytes], transport: Transport, clock: Clock, heard: Callable[[Message], None]) -> int:
    """Publish in order, a few at a time; comes back when the broker has all of them."""
    left, waiting = list(messages.items()), set[int]()
    until = clock.monotonic() + PATIENCE_S
    while left or waiting:
        while left and len(waiting) < IN_FLIGHT:
            topic, content = left.pop(0)
            waiting.add(transport.publish(topic, content, retain=True))
        for happening in transport.poll(0.1):
            if isinstance(happening, Acknowledged):
                _check_taken(happening)
                waiting.discard(happening.mid)
                until = clock.monotonic() + PATIENCE_S
            elif isinstance(happening, Message):
                heard(happening)
            elif isinstance(happening, Disconnected):
                _give_up(happening)
        if clock.monotonic() >= until:
            raise BrokerAbsent(f"{len(left) + len(waiting)} messages did not arrive", hint="publish again")
    return len(messages)


def _check_taken(answer: Acknowledged) -> None:
    if answer.reason > NOBODY_SUBSCRIBES:
        raise BrokerRefused(
            f"the broker refuses to take updates (code {answer.reason})", hint="connect as a maintainer of this union"
        )


def _give_up(end: Disconnected) -> None:
    if end.refused:
        raise BrokerRefused(end.why, hint=end.hint)
    raise BrokerAbsent(end.why, hint="publish again: what is there already is not sent twice")
