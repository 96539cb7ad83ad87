"""`piazza ota`: who may order updates, what is ordered, signed and published; and what a node does with it.

The authority's acts work on a folder of plain files; the node's acts are in `ota_node`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from agent.clock import SystemClock
from agent.commands import ota_node, ota_publish, ota_release, party
from agent.contract.times import instant
from agent.ota import authority, drafts, keys, metadata, request
from agent.ota.authority import DAY_S, Authority

WARN_S = 30 * DAY_S
"""How long before a document expires `status` begins to say so."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    _add_keys(acts)
    _add_authority(acts)
    ota_release.add_arguments(acts)
    _add_signing(acts)
    ota_publish.add_arguments(acts)
    ota_node.add_arguments(acts)


def _add_keys(acts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    making = acts.add_parser("keys", help="make a key, or say whose keys an authority knows")
    making.add_argument("what", choices=["new", "show"])
    making.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="new: files for private keys; show: an authority"
    )


def _add_authority(acts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    init = acts.add_parser("init", help="a new authority: root and targets, 2 of 3 each")
    init.add_argument("folder", type=Path, metavar="DIR")
    init.add_argument("--union", required=True)
    for role in ("root", "targets"):
        init.add_argument(f"--{role}", type=Path, nargs=3, required=True, metavar="PUB", help="three public keys")
    hand = acts.add_parser("delegate", help="let a comune's committee order updates of its nodes")
    hand.add_argument("folder", type=Path, metavar="DIR")
    hand.add_argument("comune")
    hand.add_argument("--keys", type=Path, nargs=2, required=True, metavar="PUB", help="of maintainer and comune")
    hand.add_argument("--second", type=Path, required=True, metavar="PUB", help="the comune's key for consent")
    turn = acts.add_parser("rotate", help="put one person's key in the place of another's")
    turn.add_argument("folder", type=Path, metavar="DIR")
    turn.add_argument("role", help="root, targets, online, a comune, or COMUNE.consent")
    turn.add_argument("--remove", required=True, metavar="NAME")
    turn.add_argument("--add", type=Path, required=True, metavar="PUB")
    status = acts.add_parser("status", help="what is signed, what waits for whom, what will expire")
    status.add_argument("folder", type=Path, metavar="DIR", help="an authority, or a node's folder of updates")
    party.add_broker_arguments(status, required=False)
    renew = acts.add_parser("renew", help="sign snapshot and timestamp anew, for another month")
    renew.add_argument("folder", type=Path, metavar="DIR")


def _add_signing(acts: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    asking = acts.add_parser("request", help="put all that waits for signatures into one file")
    asking.add_argument("folder", type=Path, metavar="DIR")
    asking.add_argument("file", type=Path)
    sign = acts.add_parser("sign", help="sign a request, on a machine that need not have a network")
    sign.add_argument("file", type=Path)
    sign.add_argument("--key", type=Path, nargs="+", required=True, help="your private key, or keys")
    take = acts.add_parser("import", help="take signatures in; what is wholly signed becomes valid")
    take.add_argument("folder", type=Path, metavar="DIR")
    take.add_argument("files", type=Path, nargs="+", metavar="FILE")


def run(options: argparse.Namespace) -> int:
    clock = SystemClock()
    if options.act in ota_node.ACTS or (options.act == "status" and ota_node.is_node(options.folder)):
        return ota_node.run(options, clock)
    if options.act == "sign":
        return _sign(options)
    if options.act == "publish":
        return ota_publish.run(options, clock)
    if options.act == "status" and options.broker:
        return ota_release.ask(options, clock)
    for line in list(_ACTS[options.act](options, clock.now())):  # done before it is told: a reader may go away
        print(line)
    return 0


def _keys(options: argparse.Namespace, _at: float) -> Iterator[str]:
    if options.what == "new":
        yield from (str(keys.make(path)) for path in options.paths)
        return
    for keyid, name in sorted(Authority(options.paths[0]).names.items(), key=lambda one: one[1]):
        yield f"{name:24} {keyid}"


def _init(options: argparse.Namespace, at: float) -> Iterator[str]:
    authority.found(options.folder, options.union, root=options.root, targets=options.targets, at=at)
    yield f"{options.folder}: drafts of root and targets wait for two signatures each"


def _delegate(options: argparse.Namespace, at: float) -> Iterator[str]:
    drafts.delegate(Authority(options.folder), options.comune, keys=options.keys, second=options.second, at=at)
    yield f"{options.comune}: drafts of targets and of the comune's own roles wait for signatures"


def _rotate(options: argparse.Namespace, at: float) -> Iterator[str]:
    drafts.rotate(Authority(options.folder), options.role, leave=options.remove, join=options.add, at=at)
    yield f"{options.role}: '{options.remove}' goes, '{keys.name(options.add)}' comes, once it is signed"


def _renew(options: argparse.Namespace, at: float) -> Iterator[str]:
    union = Authority(options.folder)
    union.renew(at)
    yield f"snapshot and timestamp are valid for {union.settings.days.online} days"


def _request(options: argparse.Namespace, _at: float) -> Iterator[str]:
    union = Authority(options.folder)
    request.save(options.file, request.request(union))
    yield from request.waiting(union)


def _import(options: argparse.Namespace, at: float) -> Iterator[str]:
    union = Authority(options.folder)
    count = sum(request.receive(union, request.load(path)) for path in options.files)
    yield f"{count} new signatures"
    yield from (f"valid: {role} version {union.version(role)}" for role in union.promote(at))
    yield from request.waiting(union)


def _status(options: argparse.Namespace, at: float) -> Iterator[str]:
    union = Authority(options.folder)
    roles = ["root", "targets", "snapshot", "timestamp", *sorted(union.delegations())]
    for role in roles:
        signed = union.signed(role)
        if signed:
            found = metadata.facts(signed)
            late = "  EXPIRED" if found.expires <= at else "  expires soon" if found.expires <= at + WARN_S else ""
            by = keys.called(found.signers, union.names)
            yield f"{role:24} version {found.version:<4} until {instant(found.expires)[:10]}  by {by}{late}"
    yield from request.waiting(union)


def _sign(options: argparse.Namespace) -> int:
    for path in options.key:
        asked, signed = request.sign(request.load(options.file), keys.pen(path))
        request.save(options.file, asked)
        for line in signed:
            print(f"{keys.name(path.with_suffix(keys.PUBLIC))} signed: {line}")
    return 0


_ACTS = {
    "keys": _keys,
    "init": _init,
    "delegate": _delegate,
    "rotate": _rotate,
    "renew": _renew,
    "request": _request,
    "import": _import,
    "status": _status,
    "release": ota_release.lines,
}
