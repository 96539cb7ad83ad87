"""Public counts on a broker: signed by the publisher, retained, gone after a day without a newer word."""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Sequence

from agent.clock import Clock, SystemClock
from agent.commands import party
from agent.contract.topics import EXPIRES_S, Class
from agent.contract.types import PublicData
from agent.errors import BrokerAbsent, BrokerRefused, UserError
from agent.provision.bench import Bench
from agent.provision.keys import load_signer
from agent.subscriber.speaker import Speaker, Word
from agent.transport import NOBODY_SUBSCRIBES, Acknowledged, Connected, Disconnected, Transport
from agent.transport.mqtt import MqttTransport

WAIT_S = 60.0
POLL_S = 0.2


def say(options: argparse.Namespace, told: Iterable[PublicData]) -> int:
    """Sign and publish; how many places were told of."""
    if not options.keys.is_dir():
        raise UserError(
            f"{options.keys}: no folder", hint="with --broker, --keys is the folder that `piazza keys` made"
        )
    clock, name = SystemClock(), party.signer_name(options, "publisher")
    speaker = Speaker(name, load_signer(Bench(options.keys).signing_key(str(name))), clock=clock)
    words = [speaker.say(Class.PUB, one.place, one) for one in told]
    transport = MqttTransport(
        party.address(options, str(name)), clock=clock, randomness=random.SystemRandom(), client_id=name.node,
        session_s=0,
    )  # fmt: skip
    publish(transport, words, clock=clock)
    return len(words)


def publish(transport: Transport, words: Sequence[Word], *, clock: Clock, wait_s: float = WAIT_S) -> None:
    """Hand every word to the broker; BrokerRefused or BrokerAbsent when it did not take them all."""
    until, waiting = clock.monotonic() + wait_s, set(words)
    sent: dict[int, Word] = {}
    transport.open()
    try:
        while waiting and clock.monotonic() < until:
            for happening in transport.poll(POLL_S):
                match happening:
                    case Connected():
                        sent = {_sent(transport, word): word for word in waiting}
                    case Acknowledged(mid=mid, reason=reason) if mid in sent:
                        _check(reason, sent[mid])
                        waiting.discard(sent[mid])
                    case Disconnected(refused=True):
                        raise BrokerRefused(happening.why, hint=happening.hint)
    finally:
        transport.close()
    if waiting:
        raise BrokerAbsent(f"{len(waiting)} public messages were not taken", hint="see the broker's log; call again")


def _sent(transport: Transport, word: Word) -> int:
    return transport.publish(str(word.topic), word.token, retain=True, expires_s=EXPIRES_S[Class.PUB])


def _check(reason: int, word: Word) -> None:
    if reason > NOBODY_SUBSCRIBES:
        raise BrokerRefused(
            f"the broker does not take {word.topic} (code {reason})", hint="our party needs the role publisher there"
        )
