"""`piazza ota publish`: what an authority has signed, laid out where nodes look for it."""

from __future__ import annotations

import argparse
import random
from pathlib import Path

from agent.clock import Clock
from agent.commands import party
from agent.errors import UserError
from agent.ota import publish
from agent.ota.authority import Authority
from agent.transport import Transport
from agent.transport.mqtt import MqttTransport

Acts = argparse._SubParsersAction  # noqa: SLF001 -- argparse gives its kind no public name


def add_arguments(acts: Acts[argparse.ArgumentParser]) -> None:
    parser = acts.add_parser("publish", help="lay out what is signed, on a stick or on a broker")
    parser.add_argument("folder", type=Path, metavar="DIR", help="the authority")
    parser.add_argument("--usb", type=Path, metavar="DIR", help="a folder that a stick carries")
    parser.add_argument("--comune", action="append", help="only this one (default: all)")
    parser.add_argument("--turn", action="append", metavar="NODE", help="only these nodes may apply it now")
    parser.add_argument("--clear", action="store_true", help="take away from the broker what was published")
    party.add_broker_arguments(parser, required=False)


def run(options: argparse.Namespace, clock: Clock) -> int:
    union = Authority(options.folder)
    comuni = options.comune or [role for role in union.comuni() if union.version(role)]
    if options.clear:
        transport = connection(options, clock)
        print(f"{publish.clear(union.settings.union, comuni, transport, clock)} messages cleared")
        transport.close()
        return 0
    if options.usb is None and not options.broker:
        raise UserError("no place to publish to", hint="give --usb DIR or --broker HOST[:PORT]")
    parcels = [publish.parcel(union, comune, turn=options.turn) for comune in comuni]
    if options.usb is not None:
        publish.to_folder(parcels, options.usb)
    if options.broker:
        transport = connection(options, clock)
        print(f"{publish.to_broker(parcels, transport, clock)} messages sent")
        transport.close()
    for each in parcels:
        print(f"{each.comune}: {len(each.bundle)} bytes of metadata, {len(each.chunks)} chunks")
    return 0


def connection(options: argparse.Namespace, clock: Clock) -> Transport:
    """A connection as maintainer, which may publish updates and read what nodes say of themselves."""
    if not options.broker:
        raise UserError("which broker?", hint="give --broker HOST[:PORT]")
    if options.keys is None and not options.plain:
        raise UserError("as whom?", hint="give --keys DIR, the folder that `piazza keys` made, or --plain")
    name = "maintainer" if options.plain else str(party.signer_name(options, "maintainer"))
    return MqttTransport(
        party.address(options, name),
        clock=clock,
        randomness=random.SystemRandom(),
        client_id=name.replace("/", "."),
        session_s=0,
    )
