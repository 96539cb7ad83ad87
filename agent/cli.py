"""`piazza VERB`: names the verbs and imports only the one that is called.

A verb is a module in `agent/commands/` with `add_arguments(parser)` and `run(options) -> int`.
"""

from __future__ import annotations

import os
import sys

from agent import __version__
from agent.errors import PiazzaError, of_a_path
from agent.printable import printable

TYPE_CHECKING = False  # typing itself would cost more than all the rest of this module
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from _typeshed import SupportsWrite

VERBS = {
    "sense": "watch cameras and sensors and put signed events into the outbox",
    "link": "carry the outbox to the broker",
    "run": "sense and link together, for a bench",
    "watch": "show a broker's events as they come, verified",
    "store": "keep a broker's events and give receipts",
    "verify": "check a file of envelopes",
    "explain": "say in a sentence why an event was raised",
    "audit": "say what of a file or a store was dropped, altered, forged or truncated, and who signed for it",
    "witness": "seal what a store holds, and co-sign it as another party",
    "erase": "let go of what a store has kept long enough, and keep its chains checkable",
    "command": "ask a node or a store for something, signed, and wait for the answer",
    "replay": "run a world on the simulated clock and print its events",
    "scene": "show what cameras have learned of their scenes",
    "models": "check the models that a node runs",
    "keys": "make keys and certificates for a bench",
    "image": "make a flashed card the card of one node",
    "enrol": "give new nodes their certificates, or ask for them",
    "doctor": "say of each part of this node whether it is well, and what to do",
    "status": "show this node on one screen",
    "aim": "commission this node on a phone",
    "accept": "put in place and sign what a commissioning leaves, or say what changed since",
    "collect": "pack what support needs, without pictures and secrets",
    "check": "check a configuration and say everything that is wrong with it",
    "confine": "let sense reach its network cameras and nothing else",
    "ota": "order, sign and publish updates; take one in on a node",
    "rollout": "bring a signed release to all nodes in waves",
    "schema": "print the schemas of the contract and of the configuration",
    "patto": "check, compare, apply and try agreements with partners",
    "console": "the control room: a page on this machine with the rights of one party",
    "form": "the neighbourhood's report form: choices that become signed, unverified events",
    "union": "a whole union of comuni that does not exist, to look at",
    "fleet": "simulate hundreds of nodes, to try a broker and its stores",
    "export": "verified envelopes in the words of other systems",
    "public": "a static site for citizens: protected counts, what changed, who received what",
    "broker": "a broker for a union: keys, access list, settings, renewal, revocation",
    "demo": "the whole path on one machine",
}


def command() -> NoReturn:
    """The command as a process: it ends with the code of `main`, whatever threads it leaves behind.

    A thread that hangs in a camera's library would keep the interpreter waiting for ever, or let the
    library's own clean-up abort with another exit code. What matters was committed before.
    A terminal that has no sign for a letter shows a question mark.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # text files, in a process
    try:
        code = main()
    except Exception:
        sys.excepthook(*sys.exc_info())  # as the interpreter would, which we may not reach
        code = 1
    if not _others_left():
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code is 0, 1 (ours to mend) or 2 (the user's)."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _call(argv[0], argv[1:]) if argv and argv[0] in VERBS else _say(argv)
        sys.stdout.flush()  # a reader that went away is noticed here, not when Python shuts down
    except PiazzaError as error:
        return _said(error)
    except BrokenPipeError:
        return _unread()
    except OSError as error:
        known = of_a_path(error)
        if known is None:
            raise
        _give_up_unsaid()
        return _said(known)
    except KeyboardInterrupt:
        return 130
    return code


def _said(error: PiazzaError) -> int:
    """One message and, where there is one, what to do next."""
    print(f"piazza: {printable(error.message, keep_lines=True)}", file=sys.stderr)
    if error.hint:
        print(f"  -> {printable(error.hint, keep_lines=True)}", file=sys.stderr)
    return error.exit_code


def _others_left() -> bool:
    """Whether threads besides this one still live; a command that never had any has not even the module."""
    threading = sys.modules.get("threading")
    return threading is not None and threading.active_count() > 1


def _unread() -> int:
    """Whoever read our output has gone, as `| head` does: the rest goes nowhere, in silence."""
    _say_no_more()
    return 0


def _give_up_unsaid() -> None:
    """Without this Python would fail anew as it shuts down, with a code of its own (120, from 3.13 on also here)."""
    try:
        sys.stdout.flush()
    except OSError:
        _say_no_more()


def _say_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(argv: Sequence[str]) -> int:
    if argv == ["--version"]:
        print(f"piazza {__version__}")  # health checks ask often; argparse alone would cost half as much again
        return 0
    try:
        _overview().parse_args(argv or ["--help"])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _call(verb: str, rest: list[str]) -> int:
    import importlib

    module = importlib.import_module(f"agent.commands.{verb}")
    parser = _parser(prog=f"piazza {verb}", description=VERBS[verb])
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(rest)))


def _parser(**how: Any) -> argparse.ArgumentParser:
    """One whose help is said as all else is: argparse hides it where there is no room for it."""
    import argparse

    class Parser(argparse.ArgumentParser):
        def print_help(self, file: SupportsWrite[str] | None = None) -> None:
            print(self.format_help(), end="", file=file)
            sys.stdout.flush()

    return Parser(**how)


def _overview() -> argparse.ArgumentParser:
    import argparse

    listed = "\n".join(f"  {verb:10} {text}" for verb, text in VERBS.items())
    parser = _parser(
        prog="piazza",
        description="A node that watches a public space and tells what is unusual, never who.",
        epilog=f"verbs:\n{listed}\n\n'piazza VERB --help' says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"piazza {__version__}")
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help="what to do")
    return parser
