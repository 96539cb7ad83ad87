"""`piazza patto`: agreements checked, compared, put in force, tried on a real broker, and told to the public."""

from __future__ import annotations

import argparse
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from agent.clock import SystemClock
from agent.commands.in_force import WRITERS, Agreed, apply
from agent.contract.times import seconds
from agent.errors import UserError
from agent.governance import contract_page, differences, notice, terms
from agent.governance.agreement import Agreement
from agent.governance.rights import rights, roles
from agent.governance.shut_out import ShutOut
from agent.governance.union import Union


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    for name, text in (
        ("check", "say everything that is wrong with the union and its agreements"),
        ("diff", "say in words what the agreements of another folder would change; 1 when somebody would see more"),
        ("apply", "write the access list of a broker, as it is now, and say when it changes next"),
        ("view", "print a partner's AsyncAPI document"),
        ("notice", "write the public notice of a comune, from its agreements and what its nodes run"),
        ("register", "print the record of processing activities (GDPR art. 30), each number with its source"),
        ("dpia", "print a data protection impact assessment (GDPR art. 35) as far as the documents can tell it"),
        ("test", "try every party against every class on a real broker and print the table"),
    ):
        act = acts.add_parser(name, help=text)
        act.add_argument("folder", type=Path, metavar="DIR", help="the folder with union.yaml and agreements/")
        act.add_argument("--at", metavar="INSTANT", help="as of this instant, such as 2027-01-01T00:00:00Z (now)")
        _add_own(act, name)


def _add_own(act: argparse.ArgumentParser, name: str) -> None:
    match name:
        case "diff":
            act.add_argument("other", type=Path, metavar="NEW", help="the folder as it would be")
        case "apply":
            act.add_argument("--broker", choices=WRITERS, default="mosquitto", help="in whose words (mosquitto)")
            act.add_argument("--write", type=Path, metavar="FILE", help="replace this file (default: print)")
            act.add_argument("--reload", type=Path, metavar="PIDFILE", help="after a change, have the broker read it")
            act.add_argument(
                "--rabbitmqctl", metavar="COMMAND", help="after a change, have RabbitMQ go by it, with this rabbitmqctl"
            )
        case "view":
            act.add_argument("agreement", metavar="ID")
            act.add_argument("--format", choices=("json", "html"), default="json", help="AsyncAPI, or a page (json)")
        case "notice":
            act.add_argument("comune", metavar="COMUNE")
            act.add_argument(
                "--config", type=Path, action="append", default=[], help="of a node there; may be repeated"
            )
        case "register" | "dpia":
            act.add_argument("--config", type=Path, action="append", default=[], help="of a node; may be repeated")
            act.add_argument("--language", choices=("it", "en"), default="it", help="of the record (it)")
            act.add_argument("--format", choices=("markdown", "html"), default="markdown", help="(markdown)")
        case "test":
            _add_test(act)


def _add_test(act: argparse.ArgumentParser) -> None:
    act.add_argument("--broker", metavar="HOST:PORT", help="a broker that runs (default: one of our own)")
    act.add_argument("--keys", type=Path, metavar="DIR", help="the folder of its authority, with --broker")
    act.add_argument(
        "--access", type=Path, metavar="FILE", help="its access list: who was revoked there is expected out"
    )
    act.add_argument(
        "--one-by-one",
        action="store_true",
        help="with --broker: for NATS and RabbitMQ, which hang up on a refusal",
    )
    act.add_argument(
        "--retained",
        action="store_true",
        help="with --one-by-one: also what is retained, on a broker that nobody uses",
    )
    act.add_argument("--json", action="store_true", help="every cell as a line of JSON")


def run(options: argparse.Namespace) -> int:
    at = _instant(options.at) if options.at else SystemClock().now()
    if options.act == "apply":
        return apply(options, at)
    whole, agreed = load_union(options.folder)
    match options.act:
        case "check":
            return _check(options.folder, whole, agreed, at)
        case "diff":
            return _diff(whole, agreed, load_union(options.other)[1], at)
        case "test":
            from agent.commands.permissions import try_table

            granted = rights(whole, agreed, at=at)
            granted = ShutOut(options.access).without(granted) if options.access else granted
            return try_table(options, whole, granted, roles(whole, agreed))
        case _:
            print(_document(options, whole, agreed, at), end="")
            return 0


def _document(options: argparse.Namespace, whole: Union, agreed: tuple[Agreement, ...], at: float) -> str:
    """What is only to be printed: a partner's view, a notice, a record."""
    match options.act:
        case "view":
            view = terms.view(whole, _one(agreed, options.agreement))
            return contract_page.html(view) if options.format == "html" else json.dumps(view, indent=1) + "\n"
        case "notice":
            return _notice(whole, agreed, options, at)
        case _:
            from agent.commands import papers

            return papers.text(options, whole, at=at)


def load_union(folder: Path) -> tuple[Union, tuple[Agreement, ...]]:
    """The union of a folder and its agreements."""
    agreed = Agreed.load(folder)
    return agreed.union, agreed.agreements


def _check(folder: Path, whole: Union, agreed: tuple[Agreement, ...], at: float) -> int:
    nodes = sum(len(comune.nodes) for comune in whole.comuni)
    print(f"{folder}: good; {len(whole.comuni)} comuni, {nodes} nodes, {len(agreed)} agreements")
    for one in agreed:
        state = "holds" if one.holds(at) else "has ended" if at >= one.ends_at else "has not begun"
        print(f"  {one.id:24} {state}, {one.since} to {one.until}: {one.partner.name}, {', '.join(one.comuni)}")
    return 0


def _diff(whole: Union, old: tuple[Agreement, ...], new: tuple[Agreement, ...], at: float) -> int:
    found = differences.differences(whole, old, new, at=at)
    for one in found:
        print(f"{'+' if one.widens else '-'} {one.text}")
    if not found:
        print("nobody sees more or less")
    return 1 if any(one.widens for one in found) else 0


def _notice(whole: Union, agreed: tuple[Agreement, ...], options: argparse.Namespace, at: float) -> str:
    known = [comune.id for comune in whole.comuni]
    if options.comune not in known:
        raise UserError(f"no comune '{options.comune}'", hint=f"one of: {', '.join(known)}")
    return notice.html(whole, options.comune, agreed, [described(path) for path in options.config], at=at)


def described(path: Path) -> notice.Node:
    """What a node's configuration says of it, under the digest by which its messages name it."""
    from agent.config import load

    config = load(path)
    return notice.Node(
        f"{config.node.comune}/{config.node.id}",
        cameras=len(config.cameras),
        masks=sum(len(camera.view.masks) for camera in config.cameras),
        sensors=tuple(sorted({str(type(sensor).__struct_config__.tag) for sensor in config.sensors})),
        digest=hashlib.sha256(path.read_bytes()).hexdigest()[:12],
        sound=config.sound,
    )


def _one(agreed: tuple[Agreement, ...], name: str) -> Agreement:
    for one in agreed:
        if one.id == name:
            return one
    known = ", ".join(one.id for one in agreed) or "none"
    raise UserError(f"no agreement '{name}'", hint=f"there are: {known}")


def _instant(text: str) -> float:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() if "Z" not in text else seconds(text)
    except ValueError as error:
        raise UserError(f"--at {text}: {error}", hint="such as 2027-01-01T00:00:00Z") from error
