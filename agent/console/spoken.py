"""What a page posts: one shape, or one refusal."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec

from agent.errors import UserError

Word = Literal["received", "useful", "false", "unclear"]
VERDICTS: tuple[str, ...] = get_args(Word)

LONGEST = 1024
"""Bytes of what is posted; three short members need fewer."""


class Spoken(msgspec.Struct, frozen=True):
    """A person's word on an event."""

    node: str
    event: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
    verdict: Word


def spoken(body: bytes) -> Spoken:
    """The word in a body; UserError for anything else."""
    try:
        if len(body) > LONGEST:
            raise UserError("no such verdict or event", hint="a verdict is short")
        return msgspec.json.decode(body, type=Spoken)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UserError("no such verdict or event", hint=f"one of {', '.join(VERDICTS)}") from error
