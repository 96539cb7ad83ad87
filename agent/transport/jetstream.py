"""A consumer group of NATS JetStream over what came in through its MQTT gateway.

    node --MQTT--> gateway --> stream $MQTT_msgs --> durable consumer of a group --pull--> one of its members

An MQTT topic is a subject under `$MQTT.msgs` with dots for slashes. All members of a group name the same
durable consumers, one for each filter; the server deals each message to one of them, and to another
when it was not acknowledged within ACK_WAIT_S. The invariant: nothing is acknowledged here by itself.
"""

from __future__ import annotations

import json
import logging
import random
from dataclasses import dataclass

import msgspec

from agent.clock import Clock
from agent.transport import Address, Message, tls
from agent.transport.backoff import Backoff
from agent.transport.nats import Delivery, Line, Said

log = logging.getLogger(__name__)

STREAM = "$MQTT_msgs"
SUBJECTS = "$MQTT.msgs."
API = "$JS.API.CONSUMER"
ACK_WAIT_S = 30.0
"""What a member that died had been dealt goes to another one after this."""

AHEAD = 200
"""Messages that are asked for before the first of them has come."""

AWAY_S = 7 * 86_400
"""A group of which nobody was there for so long is forgotten, and with it what waited for it."""

PENDING = 2000
"""Messages of one consumer that may be with the members, unacknowledged."""

ASKS_S = 25.0
"""A request for messages ends after this, and is made anew."""

TIME_IS_OVER = "408"
"""How a request for messages ends that got no more of them; every other end is the consumer's or the server's."""

ANSWER_S = 5.0
GOOD_BYE_S = 1.0
ALIVE_S = 10.0
"""A server that has been silent for so long is asked whether it is there; after three times as long it is not."""

_PULLED, _CREATED = "pull", "made"


def subject_of(pattern: str) -> str:
    """Where the gateway keeps what an MQTT topic filter matches; our levels have neither dots nor spaces."""
    return SUBJECTS + pattern.replace("/", ".").replace("+", "*").replace("#", ">")


def topic_of(subject: str) -> str:
    return subject.removeprefix(SUBJECTS).replace(".", "/")


def durable(group: str, pattern: str) -> str:
    """The name of a group's consumer for a filter."""
    return "-".join([group, *(level for level in pattern.split("/") if level not in ("+", "#"))])


@dataclass(slots=True)
class _Consumer:
    """One filter of the group: `asked` messages may still come for our requests, the last made at `since`."""

    name: str
    filter: str
    asked: int = 0
    since: float = 0.0


class Group:
    """One member of a consumer group; owned by one thread."""

    def __init__(
        self, address: Address, *, clock: Clock, randomness: random.Random, ack_wait_s: float = ACK_WAIT_S
    ) -> None:
        """KeyFileError and ConfigError for TLS files that cannot work."""
        tls.context(address)
        self._address = address
        self._clock = clock
        self._user = tls.common_name(address.certificate) if address.certificate else "piazza"
        self._inbox = ""
        self._randomness = randomness
        self._backoff = Backoff(randomness)
        self._ack_wait_s = ack_wait_s
        self._consumers: list[_Consumer] = []
        self._line: Line | None = None
        self._try_at = float("-inf")
        self._heard = self._asked_alive = 0.0

    def join(self, group: str, pattern: str) -> None:
        """Take part in what comes under a topic filter, from the next connection on."""
        self._consumers.append(_Consumer(durable(group, pattern), subject_of(pattern)))

    def poll(self, timeout_s: float) -> list[tuple[Message, str]]:
        """Messages, and what each is acknowledged by; those of a connection that ends come again."""
        try:
            if self._line is None:
                return self._connect(timeout_s)
            heard = self._line.hear(timeout_s)
            found = [(Message(topic_of(one.subject), one.payload), one.reply) for one in self._told(heard)]
            self._ask()
        except OSError as error:
            self._lose(str(error))
            return []
        return found

    def acknowledge(self, replies: list[str]) -> None:
        """These have been dealt with; those of an earlier connection count as well."""
        self._answer(replies, "+ACK")

    def leave(self, replies: list[str]) -> None:
        """End; these were not dealt with, so another one may have them at once. Only then nothing is asked for any more."""
        if self._line is not None:
            try:
                self._line.send(*(f"UNSUB {number}\r\n".encode() for number in range(1, len(self._consumers) + 1)))
                self._answer(replies, "-NAK")
                self._line.send(b"PING\r\n")
                self._hear_out(self._line)
            except OSError as error:
                log.info("left the group unheard", extra={"why": str(error)})
        self.close()

    def _hear_out(self, line: Line) -> None:
        """Until the server has read all that we said: what is closed before that may be read by nobody."""
        until = self._clock.monotonic() + GOOD_BYE_S
        while (left := until - self._clock.monotonic()) > 0:
            if any(isinstance(one, Said) and one.word == "PONG" for one in line.hear(left)):
                return

    def close(self) -> None:
        """End without a word."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _connect(self, timeout_s: float) -> list[tuple[Message, str]]:
        """Connect and find the group's consumers, when it is time to; nothing has come by then."""
        wait = self._try_at - self._clock.monotonic()
        if wait > 0:
            self._clock.sleep(min(timeout_s, wait))
            return []
        self._line = Line(self._address)
        self._inbox = f"_INBOX.{self._user}.{self._randomness.getrandbits(64):016x}"  # no one else's, nor an old one's
        self._heard = self._clock.monotonic()
        for number, consumer in enumerate(self._consumers, start=1):
            consumer.asked = 0
            self._line.send(f"SUB {self._inbox}.{_PULLED}.{number} {number}\r\n".encode())
        self._line.send(f"SUB {self._inbox}.{_CREATED} {len(self._consumers) + 1}\r\n".encode())
        for consumer in self._consumers:
            self._make(self._line, consumer)
        self._backoff.reset()
        log.info("joined the group", extra={"consumers": len(self._consumers), "server": str(self._address)})
        self._ask()
        return []

    def _answer(self, replies: list[str], word: str) -> None:
        if self._line is None or not replies:
            return
        try:
            self._line.send(*(f"PUB {reply} {len(word)}\r\n{word}\r\n".encode() for reply in replies))
        except OSError as error:
            self._lose(str(error))

    def _make(self, line: Line, consumer: _Consumer) -> None:
        """Make a consumer unless it is there; OSError when the server says no, or nothing."""
        config = {
            "name": consumer.name, "durable_name": consumer.name, "filter_subject": consumer.filter,
            "ack_policy": "explicit", "ack_wait": int(self._ack_wait_s * 1e9), "max_ack_pending": PENDING,
            "deliver_policy": "all", "replay_policy": "instant", "inactive_threshold": int(AWAY_S * 1e9),
        }  # fmt: skip
        body = json.dumps({"stream_name": STREAM, "config": config}).encode()
        subject = f"{API}.CREATE.{STREAM}.{consumer.name}.{consumer.filter}"
        line.send(f"PUB {subject} {self._inbox}.{_CREATED} {len(body)}\r\n".encode(), body, b"\r\n")
        until = self._clock.monotonic() + ANSWER_S
        while (left := until - self._clock.monotonic()) > 0:
            for one in line.hear(left):
                if isinstance(one, Said) and one.word == "-ERR":
                    raise PermissionError(f"{one.rest} (the access list of NATS is made by: piazza patto apply)")
                if isinstance(one, Delivery) and one.sid > len(self._consumers):
                    return _check(one)
        raise TimeoutError("JetStream does not answer")

    def _told(self, heard: list[Delivery | Said]) -> list[Delivery]:
        """The messages among it."""
        found: list[Delivery] = []
        for one in heard:
            self._heard = self._clock.monotonic()
            match one:
                case Said(word="PING") if self._line is not None:
                    self._line.send(b"PONG\r\n")
                case Said(word="-ERR", rest=why):
                    raise PermissionError(why)
                case Delivery(status="") if one.reply and one.subject.startswith(SUBJECTS):
                    self._consumers[one.sid - 1].asked -= 1
                    found.append(one)
                case Delivery(sid=sid, status=status) if sid <= len(self._consumers):
                    if not status.startswith(TIME_IS_OVER):
                        raise ConnectionAbortedError(f"JetStream: {status}")
                    self._consumers[sid - 1].asked = 0
        return found

    def _ask(self) -> None:
        """Have requests stand for more messages, and look whether the server is there."""
        now, line = self._clock.monotonic(), self._line
        if line is None:
            return
        for number, consumer in enumerate(self._consumers, start=1):
            if consumer.asked <= AHEAD // 2 or now - consumer.since > 2 * ASKS_S:
                body = json.dumps({"batch": AHEAD, "expires": int(ASKS_S * 1e9)}).encode()
                subject = f"{API}.MSG.NEXT.{STREAM}.{consumer.name}"
                line.send(f"PUB {subject} {self._inbox}.{_PULLED}.{number} {len(body)}\r\n".encode(), body, b"\r\n")
                consumer.asked, consumer.since = consumer.asked + AHEAD, now
        if now - self._heard > 3 * ALIVE_S:
            raise TimeoutError("the server is silent")
        if now - max(self._heard, self._asked_alive) > ALIVE_S:
            self._asked_alive = now
            line.send(b"PING\r\n")

    def _lose(self, why: str) -> None:
        self.close()
        wait = self._backoff.next_s()
        self._try_at = self._clock.monotonic() + wait
        log.warning("not in the group", extra={"why": why, "server": str(self._address), "again_in_s": round(wait, 1)})


class _Error(msgspec.Struct, frozen=True):
    description: str = ""


class _Answer(msgspec.Struct, frozen=True):
    """What of an answer of JetStream we go by."""

    error: _Error | None = None


def _check(answer: Delivery) -> None:
    """OSError for an answer of JetStream that says no."""
    try:
        said = msgspec.json.decode(answer.payload or b"{}", type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise OSError("JetStream: an answer that cannot be read") from error
    if answer.status or said.error:
        raise OSError(
            f"JetStream: {(said.error and said.error.description) or answer.status or 'an error without a reason'}"
        )
