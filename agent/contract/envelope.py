"""An envelope opened: everything that was checked, in types.

`open_envelope` is the only way from a token to its content. The invariant: what it gives back was
signed by a key that may say this, about this node, under this topic, in the one spelling that the
contract allows. Refused names the first check that failed:

`too-big malformed header unknown-key signature` (jws), then `payload` (not the agreed members),
`spelling` (not our canonical JSON), `source` (not the key's own name), `role` (the key may not say
this class), `topic` (another one than it came under), `chain` (seq, prev or id where none may be,
or missing), `data` (not what the class carries).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import msgspec
from msgspec import UNSET

from agent.contract.jws import Key, KeyRing
from agent.contract.times import check_date, seconds
from agent.contract.topics import ACCESS, CHAINED, ITSELF, MAKERS, Class, NodeName, Topic
from agent.contract.types import (
    KINDS,
    AckData,
    AuditData,
    CommandData,
    Data,
    Payload,
    PublicData,
    ReceiptData,
    ResultData,
)
from agent.errors import Refused

SOURCE = "//piazza/"
ABOUT = (ReceiptData, CommandData, AckData, ResultData, PublicData)
"""What one party says of another; all else is about who signed it."""

_PAYLOAD = msgspec.json.Decoder(Payload)
_DATA = {klass: msgspec.json.Decoder(kind) for klass, kind in KINDS.items()}
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message whose signature, maker and form are right.

    `topic` is where it belongs, so `topic.name` is the node that it speaks of; `maker` signed it:
    the same node, or a store, an operator, ... `digest` is what the next one in the chain names.
    """

    topic: Topic
    maker: NodeName
    payload: Payload
    data: Data
    key: Key
    digest: str

    @property
    def klass(self) -> Class:
        return self.topic.klass

    @property
    def seq(self) -> int:
        """The number in the chain, 0 outside it."""
        return self.payload.seq or 0

    def ended(self, at: float) -> bool:
        """Whether somebody wishes or judges whose agreement is over at `at`; what a node says counts for as long as its chain."""
        return self.klass in (Class.CMD, Class.ACK) and self.key.ended(at)

    @property
    def prev(self) -> str:
        return self.payload.prev or ""

    @property
    def at(self) -> float:
        """When it happened, in seconds since 1970."""
        return seconds(self.payload.time)

    @property
    def recorded_at(self) -> float:
        """When the envelope was made."""
        return seconds(self.payload.recordedtime)


def open_envelope(token: str | bytes, ring: KeyRing, *, topic: str | None = None) -> Envelope:
    """The envelope in `token`, which came under `topic` where that is known."""
    unsealed = ring.unseal(token)
    payload = _read_payload(unsealed.payload)
    klass, kind = _class(payload.type)
    data = _read_data(klass, payload)
    if _spelled(payload, data) != unsealed.payload:
        raise Refused("spelling", "the payload is not in canonical form")
    maker = _maker(payload, unsealed.key)
    if unsealed.key.role not in MAKERS[klass]:
        raise Refused("role", f"a key of role '{unsealed.key.role}' may not sign '{klass}'")
    if isinstance(data, AuditData) and (unsealed.key.role == "node") is (data.action == ACCESS):
        raise Refused("role", "of accesses speak those who look, and of nothing else")
    about = data.node if isinstance(data, ABOUT) and data.node else unsealed.key.subject
    if isinstance(data, ResultData) and kind != (ITSELF if about == unsealed.key.subject else maker.node):
        raise Refused("role", "a result comes under the name of who gives it")
    belongs, said = _place(about, klass, kind)
    if topic is not None and topic != said:
        raise Refused("topic", f"it belongs under '{said}'")
    _check_chain(klass, payload)
    _check_instants(payload)
    return Envelope(belongs, maker, payload, data, unsealed.key, unsealed.digest)


def spell(payload: Payload) -> bytes:
    """The canonical bytes of a payload: members in the order of the types, defaults left out."""
    return _ENCODER.encode(payload)


def source(name: NodeName) -> str:
    """The CloudEvents `source` of a maker."""
    return f"{SOURCE}{name}"


def type_name(klass: Class, kind: str) -> str:
    """The CloudEvents `type` of a class and the seventh level of its topic."""
    return f"piazza.{klass}.{kind}.v1"


def _read_payload(raw: bytes) -> Payload:
    try:
        return _PAYLOAD.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("payload", str(error)) from error


@lru_cache(maxsize=1024)
def _class(type_: str) -> tuple[Class, str]:
    """Class and last level of a topic, from a CloudEvents type of the right form."""
    _, klass, kind, _ = type_.split(".")
    if klass not in KINDS:
        raise Refused("payload", f"no envelope of class '{klass}'")
    return Class(klass), kind


def _read_data(klass: Class, payload: Payload) -> Data:
    try:
        return _DATA[klass].decode(payload.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("data", str(error)) from error


def _spelled(payload: Payload, data: Data) -> bytes:
    return spell(msgspec.structs.replace(payload, data=msgspec.Raw(_ENCODER.encode(data))))


def _maker(payload: Payload, key: Key) -> NodeName:
    if payload.source != f"{SOURCE}{key.subject}":
        raise Refused("source", f"'{payload.source}' signed by the key of '{key.subject}'")
    return _named(key.subject)


@lru_cache(maxsize=4096)
def _place(name: str, klass: Class, kind: str) -> tuple[Topic, str]:
    """A topic and how it is written; a receiver sees the same ones again and again."""
    topic = Topic(_named(name), klass, kind)
    return topic, str(topic)


@lru_cache(maxsize=1024)
def _named(name: str) -> NodeName:
    return NodeName.parse(name)


def _check_chain(klass: Class, payload: Payload) -> None:
    """Chained classes have number, link and the number as id; others have none of it."""
    given = (payload.seq is not UNSET, payload.prev is not UNSET, payload.id == str(payload.seq))
    if klass in CHAINED and not all(given):
        raise Refused("chain", f"'{klass}' needs seq, prev and the id that is its seq")
    if klass not in CHAINED and any(given):
        raise Refused("chain", f"'{klass}' stands outside the chain")


def _check_instants(payload: Payload) -> None:
    check_date(payload.time)
    check_date(payload.recordedtime)
    if payload.expirytime is not UNSET:
        check_date(payload.expirytime)
