"""A look into a token without its keys: good for pacing, never for deciding anything.

Link has no key ring and needs none: what it believes wrongly here costs time, not an event, because
sense verifies before it deletes.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from agent.contract.jws import MAX_BYTES, unb64
from agent.contract.times import seconds
from agent.contract.topics import EXPIRES_S, Class
from agent.contract.types import Payload, ReceiptData, StateData
from agent.errors import Refused


class _Header(msgspec.Struct, frozen=True):
    """The one member of a header that is looked at."""

    kid: str


_T = TypeVar("_T")


class _Lasting(msgspec.Struct, frozen=True):
    """The members of a payload that say how long it is worth carrying; the others are passed over, which is quick."""

    time: str
    expirytime: str | UnsetType = UNSET


_HEADER = msgspec.json.Decoder(_Header)
_LASTING = msgspec.json.Decoder(_Lasting)
_PAYLOAD = msgspec.json.Decoder(Payload)
_RECEIPT = msgspec.json.Decoder(ReceiptData)
_STATE = msgspec.json.Decoder(StateData)


def receipt(token: bytes) -> ReceiptData | None:
    """What a token claims that the store has; None where it is no receipt."""
    raw = _data(token, Class.RCPT)
    try:
        return None if raw is None else _RECEIPT.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def kid(token: str) -> str:
    """The id of the key that a token claims to be signed by; empty where there is none."""
    try:
        return _HEADER.decode(unb64(token.partition(".")[0])).kid
    except (ValueError, RecursionError):  # Refused and msgspec's are ValueErrors
        return ""


def goes_down(token: str) -> bool:
    """Whether a state says that the node was stopped on purpose."""
    raw = _data(token.encode(), Class.STATE)
    try:
        return raw is not None and _STATE.decode(raw).status == "down"
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def lasts_s(token: bytes, klass: Class) -> int | None:
    """Seconds after which a message has had its day: what its envelope says, at most what its class says.

    An agreement makes it shorter; sense has it from the configuration, and the broker hears it from us.
    """
    most = EXPIRES_S.get(klass)
    said = None if most is None else _decoded(token, _LASTING)
    if most is None or said is None or said.expirytime is UNSET:
        return most
    try:
        return max(1, min(most, round(seconds(said.expirytime) - seconds(said.time))))
    except Refused:
        return most


def _data(token: bytes, klass: Class) -> msgspec.Raw | None:
    payload = _decoded(token, _PAYLOAD)
    return payload.data if payload and payload.type.startswith(f"piazza.{klass}.") else None


def _decoded(token: bytes, decoder: msgspec.json.Decoder[_T]) -> _T | None:
    """What stands between the dots, None where the token has no such form."""
    parts = token[: MAX_BYTES + 1].split(b".")
    if len(token) > MAX_BYTES or len(parts) != 3:  # noqa: PLR2004 -- header, payload, signature
        return None
    try:
        return decoder.decode(unb64(parts[1].decode("ascii")))
    except (Refused, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
