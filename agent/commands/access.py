"""Who looks into a store signs for it first, whichever command it is.

The invariant: the record is on the disk, signed with the key of who looks, before anything of the store is shown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.clock import SystemClock
from agent.commands import party
from agent.contract.jws import KeyRing, Signer
from agent.contract.topics import NodeName
from agent.errors import UserError
from agent.provision.bench import Bench
from agent.provision.keys import load_ring, load_signer
from agent.subscriber.accesses import AccessLog, folder_of
from agent.subscriber.tables import Where, is_server, open_tables


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--signer",
        type=Path,
        metavar="FILE",
        help="the key of who looks, for the log of accesses; not needed where --keys is the folder that `piazza keys` made",
    )
    parser.add_argument(
        "--access",
        type=Path,
        metavar="DIR",
        help="records of who looked at what (default: beside an SQLite file; else access)",
    )


def trusted(path: Path) -> KeyRing:
    """The keys of a ring, or of the folder that `piazza keys` made."""
    return load_ring(Bench(path).ring if path.is_dir() else path)


def opened(options: argparse.Namespace, where: Where, *, role: str) -> AccessLog:
    """The log of who looks into the store at `where`: by `--signer`, or as the only party of `role` in the folder of keys.

    StoreAbsent where there is no store, UserError where nobody signs.
    """
    if not is_server(where):
        open_tables(where, only_reads=True).close()  # nothing is signed of what is no store
    name, signer = _by_file(options) if options.signer else _of_folder(options, where, role)
    return AccessLog(options.access or folder_of(where), name, signer, SystemClock())


def sign(log: AccessLog, what: str, question: str, outcome: str = "shown") -> None:
    """Keep a record, or say in a sentence why none can be kept; then nothing may be shown."""
    try:
        log.write(what, question, outcome)
    except OSError as error:
        raise UserError(
            f"{log.path}: {error.strerror}; who looks into a store signs for it",
            hint="give a folder of yours with --access DIR",
        ) from error


def _by_file(options: argparse.Namespace) -> tuple[NodeName, Signer]:
    if not options.keys:
        raise UserError(
            f"{options.signer}: whose key is it?", hint="give the key ring or the folder of keys with --keys"
        )
    signer = load_signer(options.signer)
    names = [key.subject for key in trusted(options.keys) if key.kid == signer.kid]
    if not names:
        raise UserError(f"{options.signer}: a key that the ring does not know", hint="give the key of a party")
    return NodeName.parse(names[0]), signer


def _of_folder(options: argparse.Namespace, where: Where, role: str) -> tuple[NodeName, Signer]:
    if not options.keys or not options.keys.is_dir():
        raise UserError(
            f"{_said(where)} is a store: who looks into it signs for it",
            hint="give your key: --signer .../sign.pem",
        )
    name = party.signer_name(options, role)
    return name, load_signer(Bench(options.keys).signing_key(str(name)))


def _said(where: Where) -> str:
    """The address of a server may hold a password."""
    return "that server" if is_server(where) else str(where)
