"""One connection to a broker, from CONNECT until it ends: the only import of paho.

paho runs without its thread: whoever calls `turn` does the work, so an exception in a call-back
rises out of it and ends the process, not a thread that nobody looks at.
"""

from __future__ import annotations

import select
import socket
import ssl
from functools import cache
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.clock import Clock
from agent.transport import Acknowledged, Connected, Disconnected, Exchange, Happening, Message, Subscribed, tls
from agent.transport.gulps import GulpingSocket, rest, rests
from agent.transport.terms import Protocol, Terms

CONNECT_S = 10.0
"""A broker that has not answered for so long is absent; TLS at 2 kB/s fits in it."""

ANSWER_S = 5.0
"""Time from CONNECT to its answer: brokers that stumble over MQTT 5 say nothing at all."""

INBOUND = 400
"""Messages that the broker may send before we acknowledge one: what is dealt with, and as many behind it."""

TURN = INBOUND // 2
"""About the most that one turn gives."""

BREATH = 10
"""Acknowledgements after which a turn ends, half of link's usual window: while the broker works on one half, the next is made."""

MAX_PACKET_BYTES = 300_000
GOOD_BYE_S = 1.0

_FAILURE = 0x80
_SAY_WILL = 4
_UNSUPPORTED_PROTOCOL = 132
_REFUSALS = frozenset({133, 134, 135, 138, 140})
"""Client name not valid, bad user or password, not authorized, banned, bad authentication method."""

_ASK = "ask the operator of the broker which name and role this certificate has"


class Session:
    """One client on one connection; `ended` says why it is over."""

    def __init__(self, terms: Terms, patterns: list[str], *, tls_context: ssl.SSLContext | None, clock: Clock) -> None:
        """Connect TCP and TLS and send CONNECT; OSError when nobody answers or TLS fails."""
        self._address = terms.address
        self._v5 = terms.protocol == Protocol.V5
        self._patterns = patterns
        self._clock = clock
        self._stood_since: float | None = None
        self._news: list[Happening] = []
        self._unacknowledged: list[int] = []
        self._asked: dict[int, str] = {}
        self._said = ""
        self.ended: Disconnected | None = None
        self.try_other_protocol = False
        self._poller = select.poll()
        self._connection: Any = None
        self._client = self._paho(terms, tls_context)
        self._connect(terms)
        self._began = clock.monotonic()

    @property
    def stood(self) -> bool:
        """Whether the broker ever took us in."""
        return self._stood_since is not None

    @property
    def lasted_s(self) -> float:
        """How long the session stood, 0 if it never did."""
        return self._clock.monotonic() - self._stood_since if self._stood_since is not None else 0.0

    def turn(self, timeout_s: float) -> list[Happening]:
        """Wait for the network, read and write what it allows, and tell what happened."""
        if self.ended is None:
            rest(self._connection, yes=False)
            self._wait(timeout_s)
            self._work()
        news, self._news = self._news, []
        return news

    def publish(self, topic: str, payload: bytes, retain: bool, expires_s: int | None, beside: Exchange | None) -> int:  # noqa: FBT001
        if self._stood_since is None or self.ended is not None:
            return 0
        properties = _telling(beside, expires_s) if beside is not None and self._v5 else None
        if expires_s is not None and properties is None and self._v5:
            properties = _expiring(expires_s)
        return self._client.publish(topic, payload, 1, retain, properties).mid

    def subscribe(self, pattern: str, *, qos: int = 1) -> None:
        if self._stood_since is not None and self.ended is None:
            _, mid = self._client.subscribe(pattern, qos)
            if mid is not None:
                self._asked[mid] = pattern

    def unsubscribe(self, pattern: str) -> None:
        if self._stood_since is not None and self.ended is None:
            self._client.unsubscribe(pattern)

    def acknowledge(self, *, owing: int = 0) -> None:
        """Tell the broker that what was handed out has been dealt with, but for the last `owing`."""
        done = max(0, len(self._unacknowledged) - owing)
        for mid in self._unacknowledged[:done]:
            self._client.ack(mid, 1)
        del self._unacknowledged[:done]

    def flush(self) -> None:
        """Send what was written, as far as the network takes it now."""
        try:
            if isinstance(self._connection, GulpingSocket):
                self._connection.flush()
        except OSError as error:
            self._end_lost(str(error))

    def say_good_bye(self, *, lost: bool = False) -> None:
        """End in peace, or `lost`: so that the broker publishes the will after its delay."""
        if lost and not self._v5:
            self._connection.close()  # 3.1.1 knows no other way
        elif self.ended is None:
            until = self._clock.monotonic() + GOOD_BYE_S
            while self._waits_to_leave() and self.ended is None and self._clock.monotonic() < until:
                self._wait(0.1)
            self._client.disconnect(ReasonCode(PacketTypes.DISCONNECT, identifier=_SAY_WILL if lost else 0))
            while self._client.socket() is not None and self._clock.monotonic() < until:
                self._wait(0.1)
                self._client.loop_write()

    def _paho(self, terms: Terms, tls_context: ssl.SSLContext | None) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=terms.client_id,
            clean_session=None if self._v5 else terms.session_s == 0,
            protocol=MQTTProtocolVersion(terms.protocol),
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_S
        if tls_context is not None:
            client.tls_set_context(tls_context)
        if terms.will is not None:
            delay = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=terms.will.delay_s) if self._v5 else None
            client.will_set(terms.will.topic, terms.will.payload, 1, terms.will.retain, delay)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_log = self._on_log
        return client

    def _connect(self, terms: Terms) -> None:
        where = (terms.address.host, terms.address.port, terms.address.keepalive_s)
        limits = {"ReceiveMaximum": INBOUND, "MaximumPacketSize": MAX_PACKET_BYTES}
        asked = _properties(PacketTypes.CONNECT, SessionExpiryInterval=terms.session_s, **limits)
        more: dict[str, Any] = {"clean_start": terms.session_s == 0, "properties": asked} if self._v5 else {}
        self._client.connect(*where, **more)
        self._connection = self._client.socket()
        if self._connection is not None:  # None when the broker hung up in the meantime
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _wait(self, timeout_s: float) -> None:
        """Send what was written since the last turn, and wait until the network has something to do."""
        self.flush()
        if getattr(self._connection, "pending", int)() or self._connection.fileno() < 0:
            return
        wanted = select.POLLIN | (select.POLLOUT if self._waits_to_leave() else 0)
        self._poller.register(self._connection, wanted)
        self._poller.poll(min(timeout_s, 1.0) * 1000)  # keepalive is looked after every second

    def _waits_to_leave(self) -> bool:
        return self._client.want_write() or bool(getattr(self._connection, "waiting", 0))

    def _work(self) -> None:
        """Take what has arrived, up to a batch; send what waits; look after the keepalive."""
        while self.ended is None and len(self._news) < TURN and not rests(self._connection) and self._readable():
            self._check(self._client.loop_read())
        if self.ended is None and self._client.want_write():
            self._check(self._client.loop_write())
        if self.ended is None:
            self._check(self._client.loop_misc())
        if self._stood_since is None and self._clock.monotonic() - self._began > ANSWER_S:
            self.try_other_protocol = True
            self._end(Disconnected(f"{self._address} takes connections but does not answer as an MQTT broker"))
        self.flush()

    def _readable(self) -> bool:
        if getattr(self._connection, "pending", int)():
            return True
        self._poller.register(self._connection, select.POLLIN)
        return bool(self._poller.poll(0))

    def _check(self, code: MQTTErrorCode) -> None:
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._end(Disconnected(f"the connection to {self._address} is lost: {code.name}"))

    def _end_lost(self, said: str) -> None:
        """The broker went away without a word of MQTT; before a session stood that is how one is turned away."""
        lost = Disconnected(f"the connection to {self._address} is lost: {said}")
        closed = Disconnected(f"{self._address} closes the connection at once", hint=_ASK)
        self._end(tls.explain_alert(said, self._address) or (lost if self.stood else closed))

    def _end(self, why: Disconnected) -> None:
        """Over; the first reason given is the one that counts."""
        if self.ended is None:
            self.ended = why
            if self._connection is not None:
                self._connection.close()

    def _on_log(self, _client: Client, _: Any, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._said = text

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, _p: Properties | None) -> None:
        client.on_log = None  # only a failed start needs paho's own words
        if code.value == _UNSUPPORTED_PROTOCOL and self._v5:
            self.try_other_protocol = True
            self._end(Disconnected(f"{self._address} speaks no MQTT 5"))
        elif code.value >= _FAILURE:
            why = f"{self._address} refuses us: {code}"
            self._end(Disconnected(why, refused=code.value in _REFUSALS, hint=_ASK))
        else:
            self._stood_since = self._clock.monotonic()
            self._news.append(Connected(resumed=flags.session_present, protocol=int(client.protocol)))
            for pattern in self._patterns:
                self.subscribe(pattern)

    def _on_disconnect(
        self, _client: Client, _: Any, flags: DisconnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._end(Disconnected(f"{self._address} ends the session: {code}", code.value in _REFUSALS, hint=_ASK))
        else:
            self.try_other_protocol = self._stood_since is None and not self._said
            self._end_lost(self._said or str(code))

    def _on_subscribe(self, _client: Client, _: Any, mid: int, codes: list[ReasonCode], _p: Properties | None) -> None:
        pattern = self._asked.pop(mid, "")
        if any(code.value >= _FAILURE for code in codes):
            self._end(Disconnected(f"{self._address} does not let us read {pattern}", refused=True, hint=_ASK))
        else:
            self._news.append(Subscribed(pattern))

    def _on_publish(self, _client: Client, _: Any, mid: int, code: ReasonCode, _p: Properties | None) -> None:
        self._news.append(Acknowledged(mid, code.value))
        if len(self._news) >= BREATH:
            rest(self._connection, yes=True)

    def _on_message(self, _client: Client, _: Any, message: MQTTMessage) -> None:
        if message.qos:
            self._unacknowledged.append(message.mid)
        topic = message._topic.decode("utf-8", "replace")  # noqa: SLF001 -- `topic` raises where bytes are no text
        self._news.append(Message(topic, bytes(message.payload), message.retain, _told(message)))


class _Packed(Properties):
    """Properties that are turned into bytes once: doing it for each message costs as much as sending it."""

    _packed: bytes

    def __init__(self, packed: bytes) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        object.__setattr__(self, "_packed", packed)  # the class refuses names that are no property

    def pack(self) -> bytes:
        return self._packed


@cache
def _expiring(seconds: int) -> Properties:
    """One for each of the few expiries."""
    return _Packed(_properties(PacketTypes.PUBLISH, MessageExpiryInterval=seconds).pack())  # type: ignore[no-untyped-call]


def _telling(it: Exchange, expires_s: int | None) -> Properties:
    said = {"CorrelationData": it.correlation, "ResponseTopic": it.topic, "MessageExpiryInterval": expires_s}
    return _properties(PacketTypes.PUBLISH, **{name: value for name, value in said.items() if value})


def _told(message: MQTTMessage) -> Exchange | None:
    correlation = getattr(message.properties, "CorrelationData", None)
    return Exchange(getattr(message.properties, "ResponseTopic", ""), bytes(correlation)) if correlation else None


def _properties(packet: int, **values: Any) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
