"""Who may read and write which topics at one instant: the one source of every access list and table.

A right names one comune, never all of them. What no right allows is denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import get_args

from agent.contract.times import seconds
from agent.contract.topics import ACCESS, ITSELF, Class, NodeName, Topic, pattern
from agent.contract.types import EventKind
from agent.governance.agreement import Agreement
from agent.governance.union import Commissioning, Party, Union

EVENT_KINDS: tuple[str, ...] = get_args(EventKind)
COMMISSIONING_S = 1800
"""A technician's rights at a node end after half an hour."""

ALL = "+"
EVERY_NODE = "all"
"""Stands for a node's id in what is published for every node of a comune: its updates."""
ASKS, TOLD = Class.CSR, Class.CRT
"""What everybody who has a certificate may say of themselves, and hear: a wish for one that lasts longer, and the answer."""
SAYS = (Class.STATE, Class.EVT, Class.STAT, Class.HEALTH, Class.AUDIT, Class.HEAD, Class.RES)
HEARS = (Class.RCPT, Class.CMD, Class.ACK, Class.CFG, Class.OTA)

READS: dict[str, tuple[Class, ...]] = {
    "store": (*SAYS, Class.CMD, Class.ACK),
    "operator": (*SAYS, Class.RCPT, Class.ACK, Class.PUB),
    "police": (Class.EVT, Class.STATE, Class.HEAD, Class.PUB),
    "maintainer": (Class.STATE, Class.HEAD, Class.HEALTH, Class.RES, Class.OTA, Class.PUB),
    "auditor": (Class.AUDIT, Class.STATE, Class.HEAD, Class.RCPT, Class.PUB),
    "statistics": (Class.STAT, Class.ACK, Class.STATE, Class.HEAD, Class.PUB),
    "publisher": (Class.STAT, Class.STATE, Class.HEAD, Class.PUB),
    "public": (Class.PUB,),
    "witness": (Class.HEAD, Class.RCPT, Class.STATE, Class.PUB),
    "bridge": (*HEARS, TOLD),
    "authority": (ASKS,),
    "commissioning": (Class.STATE, Class.HEAD, Class.EVT, Class.HEALTH, Class.RES, Class.PUB),
}
"""`state` and `head` go with every class of the chain, so that nobody reads silence as calm; what is public is for all."""

WRITES: dict[str, tuple[Class, ...]] = {
    "store": (Class.RCPT, Class.RES),
    "operator": (Class.CMD, Class.ACK),
    "police": (Class.ACK,),
    "maintainer": (Class.CFG, Class.OTA, Class.CMD),
    "publisher": (Class.PUB,),
    "bridge": (*SAYS, ASKS),
    "authority": (TOLD,),
    "commissioning": (Class.ACK,),
}

HEARS_NODES_ONLY = ("maintainer", "commissioning")
"""Under `res` a node's own results: what a store gives again there is of every class, and these roles read only some."""

READ_ACCESSES = ("store", "operator", "auditor")
"""Roles in the union as a whole that read who looked at what."""

WITHHELD: dict[str, tuple[Class, ...]] = {"operator": (Class.CMD, Class.RES, Class.AUDIT)}
"""What a role means inside the union and not for a partner from outside, who commands no node."""


class Verb(StrEnum):
    """What an access list speaks of; subscribing gives nothing by itself."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One line of an access list; `type` and `node` may be `+`, a comune never."""

    party: str
    verb: Verb
    union: str
    comune: str
    node: str
    klass: Class
    type: str = ALL

    @property
    def pattern(self) -> str:
        return pattern(self.union, self.comune, self.node, self.klass, self.type)

    def covers(self, topic: Topic) -> bool:
        return (
            (self.union, self.comune, self.klass) == (topic.name.union, topic.name.comune, topic.klass)
            and self.node in (ALL, topic.name.node)
            and self.type in (ALL, topic.type)
        )


def rights(union: Union, agreements: Sequence[Agreement], *, at: float) -> tuple[Right, ...]:
    """Every right that somebody has at the instant `at`."""
    granted: list[Right] = []
    for name in union.node_names():
        granted += _of_node(name)
    for party in union.parties:
        granted += _of_party(union, party)
    for one in union.commissioning:
        granted += _of_technician(union, one) if holds(one, at) else ()
    for agreement in agreements:
        granted += _of_partner(union, agreement) if agreement.holds(at) else ()
    granted += [right for party in dict.fromkeys(right.party for right in granted) for right in _of_itself(party)]
    return tuple(dict.fromkeys(granted))


def allowed(granted: Iterable[Right], party: str, verb: Verb, topic: Topic) -> bool:
    """Whether any right of `party` covers the topic."""
    return any(right.party == party and right.verb == verb and right.covers(topic) for right in granted)


def holds(one: Commissioning, at: float) -> bool:
    """Whether a technician's half-hour is running."""
    since = seconds(one.since)
    return since <= at < since + COMMISSIONING_S


def changes(union: Union, agreements: Sequence[Agreement], *, after: float) -> list[float]:
    """The instants at which somebody's rights begin or end, the next one first."""
    begun = [seconds(one.since) for one in union.commissioning]
    edges = [edge for since in begun for edge in (since, since + COMMISSIONING_S)]
    edges += [edge for one in agreements for edge in (one.begins_at, one.ends_at)]
    return sorted({edge for edge in edges if edge > after})


def roles(union: Union, agreements: Sequence[Agreement]) -> dict[str, str]:
    """Full name -> role, of every party that is named anywhere; nodes are not."""
    inside = {union.full_name(party.id): str(party.role) for party in union.parties}
    ladder = {union.full_name(one.id): "commissioning" for one in union.commissioning}
    outside = {union.full_name(one.partner.id): str(one.partner.role) for one in agreements}
    return inside | ladder | outside


def _of_node(name: NodeName) -> Iterator[Right]:
    own = (str(name), name.union, name.comune, name.node)
    yield from (Right(own[0], Verb.WRITE, *own[1:], klass) for klass in SAYS)
    yield from (Right(own[0], Verb.READ, *own[1:], klass) for klass in HEARS)
    yield Right(own[0], Verb.READ, name.union, name.comune, EVERY_NODE, Class.OTA)


def _of_party(union: Union, party: Party) -> Iterator[Right]:
    comuni = party.comuni or tuple(comune.id for comune in union.comuni)
    for comune in comuni:
        yield from _of_role(union, party.id, party.role, comune)
    if (
        party.role in ("store", "authority") or not party.comuni
    ):  # a store of some comuni carries the records of who looked into it
        yield from _of_seat(union, party)


def _of_seat(union: Union, party: Party) -> Iterator[Right]:
    """What parties say of themselves: the records of who looked at what, which the store carries for them."""
    name = union.full_name(party.id)
    for verb, who in ((Verb.READ, READ_ACCESSES), (Verb.WRITE, ("store",))):
        if party.role in who:
            yield Right(name, verb, union.id, union.seat, ALL, Class.AUDIT, ACCESS)
    if party.role == "authority":
        yield Right(name, Verb.READ, union.id, union.seat, ALL, ASKS)
        yield Right(name, Verb.WRITE, union.id, union.seat, ALL, TOLD)


def _of_itself(party: str) -> Iterator[Right]:
    """Its own certificate, made anew over the session that stands."""
    name = NodeName.parse(party)
    yield Right(party, Verb.WRITE, name.union, name.comune, name.node, ASKS)
    yield Right(party, Verb.READ, name.union, name.comune, name.node, TOLD)


def _of_technician(union: Union, one: Commissioning) -> Iterator[Right]:
    yield from _of_role(union, one.id, "commissioning", one.comune, node=one.node)


def _of_partner(union: Union, agreement: Agreement) -> Iterator[Right]:
    for comune in agreement.comuni:
        for right in _of_role(union, agreement.partner.id, agreement.partner.role, comune):
            if right.klass is Class.EVT:
                yield from (_only(right, kind) for kind in agreement.events)
            elif right.klass not in WITHHELD.get(agreement.partner.role, ()):
                yield right


def _of_role(union: Union, party: str, role: str, comune: str, *, node: str = ALL) -> Iterator[Right]:
    name = union.full_name(party)
    for klass in READS[role]:
        kind = ITSELF if klass is Class.RES and role in HEARS_NODES_ONLY else ALL
        yield Right(name, Verb.READ, union.id, comune, node, klass, kind)
    yield from (Right(name, Verb.WRITE, union.id, comune, node, klass) for klass in WRITES.get(role, ()))


def _only(right: Right, kind: str) -> Right:
    return Right(right.party, right.verb, right.union, right.comune, right.node, right.klass, kind)
