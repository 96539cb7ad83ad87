"""`piazza command`: ask a node for something, or a store for what is missing, signed, and wait for the answer.

    piazza command report|relearn|mode|restart UNION/COMUNE/NODE ...     the node answers
    piazza command resend UNION/COMUNE/NODE FIRST LAST [--store NAME]    the node, or the store, answers
    piazza command ack UNION/COMUNE/NODE EVENT VERDICT                   a person's word on an event

Ends with 0 when it was done, 1 when it was refused, failed or not answered in time.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from typing import Any

from agent.clock import Clock, SystemClock
from agent.commands import party
from agent.contract.command import MODES
from agent.contract.envelope import Envelope
from agent.contract.jws import KeyRing
from agent.contract.times import instant
from agent.contract.topics import ITSELF, Class, NodeName, pattern
from agent.contract.types import AckData, CommandData, ResultData
from agent.errors import BrokerRefused, Refused
from agent.provision.bench import Bench, named
from agent.provision.keys import load_signer
from agent.subscriber.reader import opened
from agent.subscriber.speaker import Speaker, Word
from agent.transport import Connected, Disconnected, Message, Subscribed, Transport
from agent.transport.mqtt import MqttTransport

WAIT_S = 30.0
POLL_S = 0.2
VERDICTS = ("received", "useful", "false", "unclear")
HELP = {
    "report": "tell its health now",
    "restart": "end the process; it is started anew",
    "relearn": "learn a rule anew, or all of them",
    "mode": "watch as ever, or tell of no events for eight hours at most",
    "resend": "give a range of numbers once more",
    "ack": "say what an event was worth",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    for name, text in HELP.items():
        act = acts.add_parser(name, help=text)
        act.add_argument("node", metavar="UNION/COMUNE/NODE")
        party.add_broker_arguments(act)
        act.add_argument("--role", default="", help="the role of our key, where --name does not say enough")
        act.add_argument("--wait", type=float, default=WAIT_S, metavar="SECONDS", help="for the answer; default: 30")
        _add_particulars(act, name)


def _add_particulars(act: argparse.ArgumentParser, name: str) -> None:
    if name == "relearn":
        act.add_argument("rule", nargs="?", default="", help="id of the rule (default: all)")
    if name == "mode":
        act.add_argument("mode", choices=MODES)
    if name == "resend":
        act.add_argument("first", type=int)
        act.add_argument("last", type=int)
        act.add_argument(
            "--store", default=ITSELF, metavar="ID", help="ask this store instead of the node, as an operator"
        )
    if name == "ack":
        act.add_argument("event", help="the event's correlationid")
        act.add_argument("verdict", choices=VERDICTS)


def run(options: argparse.Namespace) -> int:
    clock, ring = SystemClock(), party.ring(options)
    node = named(options.node)
    name = _ourselves(options, ring)
    speaker = Speaker(name, load_signer(Bench(options.keys).signing_key(str(name))), clock=clock)
    word = _word(options, speaker, node, at=clock.now())
    transport = MqttTransport(
        party.address(options, str(name)),
        clock=clock,
        randomness=random.SystemRandom(),
        client_id=f"{name.node}-command",
        session_s=0,
    )
    for answer in asked(transport, ring, word, clock=clock, wait_s=options.wait):
        if isinstance(answer.data, ResultData):
            print(_text(answer.data))
            return 0 if answer.data.outcome == "done" else 1
        print(answer.digest, answer.klass, answer.topic.type, answer.seq)
    print(f"no answer within {options.wait:g} s", file=sys.stderr)
    return 1


def asked(transport: Transport, ring: KeyRing, word: Word, *, clock: Clock, wait_s: float) -> Iterator[Envelope]:
    """Publish a word and give what answers it: what is given again, then the result; nothing more after `wait_s`.

    BrokerRefused when the broker does not let us in.
    """
    name = word.topic.name
    transport.subscribe(pattern(name.union, name.comune, name.node, Class.RES, word.topic.type))
    until, said = clock.monotonic() + wait_s, False
    transport.open()
    try:
        while clock.monotonic() < until:
            for happening in transport.poll(POLL_S):
                match happening:
                    case Subscribed() if not said:
                        said = transport.publish(str(word.topic), word.token, expires_s=int(wait_s)) != 0
                    case Message():
                        yield from _answers(happening, ring, word)
                    case Connected():
                        said = False
                    case Disconnected(refused=True):
                        raise BrokerRefused(happening.why, hint=happening.hint)
    finally:
        transport.close()


def _answers(message: Message, ring: KeyRing, word: Word) -> Iterator[Envelope]:
    try:
        answer = opened(message, ring)
    except Refused:
        return
    ours = not isinstance(answer.data, ResultData) or answer.data.command == word.id
    if ours and answer.topic.name == word.topic.name:
        yield answer


def _word(options: argparse.Namespace, speaker: Speaker, node: NodeName, *, at: float) -> Word:
    """What is said, signed; the deadline is as long as we wait."""
    if options.act == "ack":
        return speaker.say(Class.ACK, ITSELF, AckData(node=str(node), event=options.event, verdict=options.verdict))
    particulars: dict[str, Any] = {
        "relearn": lambda: {"target": options.rule},
        "mode": lambda: {"target": options.mode},
        "resend": lambda: {"first": options.first, "last": options.last},
    }.get(options.act, dict)()
    data = CommandData(node=str(node), command=options.act, deadline=instant(at + options.wait), **particulars)
    return speaker.say(Class.CMD, options.store if options.act == "resend" else ITSELF, data)


def _ourselves(options: argparse.Namespace, ring: KeyRing) -> NodeName:
    """`--name`, or the only key of the ring that may say such a thing."""
    if options.name:
        return named(options.name)
    roles = (
        (options.role,) if options.role else ("operator", "maintainer", *(("police",) if options.act == "ack" else ()))
    )
    present = [role for role in roles if any(key.role == role for key in ring)]
    return party.signer_name(options, present[0] if present else roles[0])


def _text(result: ResultData) -> str:
    gone = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in result.ranges)
    why = f", {result.why}" if result.why else ""
    return f"{result.outcome}{why}" + (f": {gone}" if gone else "")
