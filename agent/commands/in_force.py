"""`piazza patto apply`: an access list brought to what the agreements say at one instant, and the broker made to go by it.

It also lays the lists of all later instants beside the one in force (`ACCESS.d`), so that an agreement ends without it.
Two things win over the documents as they lie there: a party that was revoked stays out until it is taken back, and
documents that have become unreadable do not keep an agreement alive: those that were last good go on being applied.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from agent import __version__
from agent.commands.rabbit import Rabbit, words
from agent.contract.times import instant
from agent.errors import UserError
from agent.files import write_atomic
from agent.governance import agreement, lists, union
from agent.governance.agreement import Agreement
from agent.governance.beforehand import Beforehand
from agent.governance.rights import Right, changes, rights
from agent.governance.shut_out import ShutOut
from agent.governance.union import Union

WRITERS: dict[str, Callable[[Sequence[Right]], str]] = {
    "mosquitto": lists.mosquitto,
    "nats": lists.nats,
    "rabbitmq": lists.rabbitmq,
}


class Agreed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A union and its agreements."""

    union: Union
    agreements: tuple[Agreement, ...]

    @classmethod
    def load(cls, folder: Path) -> Agreed:
        """What lies in a folder; ConfigError lists every problem of a document."""
        whole = union.load(folder / "union.yaml")
        return cls(whole, agreement.load_all(folder / "agreements", whole))


@dataclass(frozen=True, slots=True)
class LastGood:
    """The documents that a list was last made from, beside it in `access`.agreed."""

    access: Path

    @property
    def file(self) -> Path:
        return self.access.with_name(f"{self.access.name}.agreed")

    def load(self, folder: Path) -> tuple[Agreed, UserError | None]:
        """What is agreed, and what is wrong with `folder` where that had to be taken from the last time."""
        try:
            agreed = Agreed.load(folder)
        except UserError as error:
            try:
                return msgspec.json.decode(self.file.read_bytes(), type=Agreed), error
            except (OSError, msgspec.DecodeError):
                raise error from None
        told = msgspec.json.encode(agreed)
        if not self.file.exists() or self.file.read_bytes() != told:
            write_atomic(self.file, told, mode=0o600)
        return agreed, None


def apply(options: argparse.Namespace, at: float) -> int:
    """Print the list, or replace `--write` and have the broker go by it."""
    if options.write is None:
        agreed = Agreed.load(options.folder)
        print(WRITERS[options.broker](rights(agreed.union, agreed.agreements, at=at)), end="")
        return 0
    agreed, wrong = LastGood(options.write).load(options.folder)
    _put_in_force(options, ShutOut(options.write).without(rights(agreed.union, agreed.agreements, at=at)))
    for name in ShutOut(options.write).names():
        print(f"{name}: was revoked and is kept out; piazza broker readmit takes it back")
    coming = changes(agreed.union, agreed.agreements, after=at)
    print(f"next change: {instant(coming[0])}" if coming else "next change: never")
    beforehand(options.write, agreed, WRITERS[options.broker], at)
    if wrong is not None:
        raise UserError(
            f"{wrong.message}\nthe documents that were last good are in force meanwhile, and end by themselves",
            hint=wrong.hint or "correct them: piazza patto check",
        )
    return 0


def beforehand(access: Path, agreed: Agreed, write: Callable[[Sequence[Right]], str], at: float) -> None:
    """Lay beside a list what it is to be after each change that is known today."""
    out = ShutOut(access)

    def made(second: int) -> str:
        return write(out.without(rights(agreed.union, agreed.agreements, at=second)))

    def told(second: int) -> str:
        """Of what was in force at any moment until then: a machine may have slept over several changes."""
        return words([made(math.floor(at)), *(made(one) for one in seconds if one < second)], made(second))

    seconds = [math.ceil(edge) for edge in changes(agreed.union, agreed.agreements, after=at)]
    source = msgspec.json.encode((__version__, write.__name__, agreed, out.names()))
    Beforehand(access).keep(
        hashlib.sha256(source).hexdigest(), {second: partial(made, second) for second in seconds}, at=at,
        words={second: partial(told, second) for second in seconds} if write is lists.rabbitmq else None,
    )  # fmt: skip


def _put_in_force(options: argparse.Namespace, granted: Sequence[Right]) -> None:
    text, write = WRITERS[options.broker](granted), options.write
    before = write.read_text(encoding="ascii") if write.exists() else ""
    if before == text:
        print(f"{write}: unchanged")
    elif options.rabbitmqctl:
        said = Rabbit(options.rabbitmqctl, write).take(
            before, text
        )  # before the file: a broker that is away is told again
        write_atomic(write, text.encode("ascii"), mode=0o600, keep_owner=True)
        print(f"{write}: written; {said}")
    else:
        write_atomic(write, text.encode("ascii"), mode=0o600, keep_owner=True)
        print(f"{write}: written; {reloaded(options.reload)}")


def reloaded(pid_file: Path | None) -> str:
    """Have the broker read its access list anew; what to do where we were not told how."""
    if pid_file is None:
        return "now have the broker read it: systemctl reload mosquitto"
    try:
        os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGHUP)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{pid_file}: {error}", hint="the list is written; reload the broker by hand, and correct --reload"
        ) from error
    return "the broker reads it now"
