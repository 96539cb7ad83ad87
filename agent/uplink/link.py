"""Carries the outbox to the broker and brings letters back; holds no signing key and no key ring.

    outbox --rows--> window --publish--> broker --rcpt, cmd, ack--> inbox

The invariants: a row is handed over again until the store's receipt names it (a configuration may
say that the broker's acknowledgement is enough), nothing is deleted here, and no hour carries more
bytes than the budget allows.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Protocol

import msgspec

from agent.clock import Clock
from agent.contract.chain import Span
from agent.contract.topics import RETAINED, Class, NodeName, Topic, pattern
from agent.contract.types import ReceiptData
from agent.errors import Refused
from agent.transport import (
    NOBODY_SUBSCRIBES,
    Acknowledged,
    Asking,
    Connected,
    Disconnected,
    Happening,
    Message,
)
from agent.transport.backoff import Backoff
from agent.transport.errand import Errand, Way
from agent.uplink import unverified
from agent.uplink.database import runs
from agent.uplink.inbox import DELIVERED, Inbox, Letter, Soon
from agent.uplink.ledger import Counts, Ledger
from agent.uplink.outbox import Row, Statement
from agent.uplink.rights import RightsTrial
from agent.uplink.settings import UplinkSettings
from agent.uplink.statements import Statements
from agent.uplink.updates import Updates
from agent.uplink.window import LONGEST_RESEND, Window

log = logging.getLogger(__name__)

LOOK_S = 0.1
"""How soon a row is seen after it was committed."""

HELD_S = 60.0
"""How soon rows that the budget or the broker held back are tried again."""

REPORTED = 32
"""Ranges that one report of what was delivered has room for."""

READS = (Class.RCPT, Class.CMD, Class.ACK)
"""What a node listens to below its own name."""


class Reader(Protocol):
    """Sight of the outbox, as `OutboxReader` gives it."""

    def after(self, seq: int, *, limit: int) -> list[Row]: ...
    def statements(self) -> list[Statement]: ...
    def last(self) -> int: ...


class Link:
    """Owned by one thread; `run` until told to stop, or `run_once` again and again."""

    def __init__(
        self,
        name: NodeName,
        reader: Reader,
        transport: Asking,
        inbox: Inbox,
        settings: UplinkSettings,
        *,
        clock: Clock,
        randomness: random.Random,
        alive: Callable[[], bool] = lambda: True,
        say: Callable[[str], None] = lambda _: None,
        certificate: Way | None = None,
    ) -> None:
        """`alive` tells whether sense runs; when it does not and has not said good-bye, link says its last words.

        `certificate` is the way by which `piazza enrol renew` asks the authority over this session.

        `say` is told how the connection stands, for whoever looks after this process.
        """
        self._name = name
        self._say = say
        self._reader = reader
        self._transport = transport
        self._inbox, self._soon = inbox, Soon(inbox)
        self._by_puback = settings.delete_on == "puback"
        self._clock = clock
        self._window = Window(size=settings.window, resend_s=settings.resend_s, randomness=randomness)
        self._ledger = Ledger(inbox.folder, settings.budget, clock=clock)
        self._statements = Statements(name, transport, self._ledger, alive=alive)
        self._updates = Updates(name, transport, inbox.folder)
        self._rights = RightsTrial(name, transport, inbox.folder, clock)
        self._errand = Errand(certificate, transport, self._may_ask) if certificate else None
        self._resend_s = settings.resend_s
        self._nobody = Backoff(randomness, first_s=1.0, most_s=settings.resend_s * LONGEST_RESEND)
        self._connected = False
        self._refused = ""
        self._shut: dict[Class, float] = {}
        self._look_again_at: float | None = None
        self._delivered = Span()
        self._just_delivered: list[int] = []
        self._highest_sent = 0

    @property
    def counts(self) -> Counts:
        """What has happened since this object was made."""
        return self._ledger.counts

    def run(self, stopped: Callable[[], bool], *, beat: Callable[[], None] = lambda: None) -> None:
        """Work until `stopped`; `beat` is called each time the outbox was looked at."""
        self.open()
        try:
            while not stopped():
                self.run_once()
                beat()
        finally:
            self.close()

    def open(self) -> None:
        """Start connecting."""
        for klass in READS:
            self._transport.subscribe(pattern(self._name.union, self._name.comune, self._name.node, klass))
        self._updates.begin()
        self._statements.see_will(self._reader.statements())
        self._transport.open()

    def close(self) -> None:
        """Leave; unless sense has said that the node goes down, the broker will say that it is lost."""
        if self._connected:
            self._fill()
            self._statements.say(self._reader.statements(), Class.STATE, Class.HEAD)
        self._transport.close(lost=not self._statements.down)
        self._soon.look(self._clock.monotonic(), now=True)
        self._connected = False
        self._ledger.tell(connected=False, now=True)

    def run_once(self, timeout_s: float = LOOK_S) -> None:
        """Hear what happened, hand over what waits."""
        for happening in self._transport.poll(timeout_s):
            if self._errand is None or not self._errand.hear(happening):
                self._hear(happening)
        if self._errand is not None:
            self._errand.look(self._clock.monotonic())
        self._report_delivered()
        self._soon.look(self._clock.monotonic())
        self._updates.look(self._clock.monotonic())
        statements = self._reader.statements()
        self._statements.see_will(statements)
        if self._connected:
            self._rights.look()
            self._statements.say(statements, Class.STATE)
            self._send_again()
            with self._transport.together():
                self._fill()
            self._statements.say(statements, Class.HEAD, Class.RES)
            if again := self._statements.asked_again(statements):
                self._window.again(*again)
            self._statements.say_lost(statements)
        self._ledger.tell(connected=self._connected)

    def _hear(self, happening: Happening) -> None:
        match happening:
            case Connected():
                log.info("session with the broker stands", extra={"mqtt": happening.protocol})
                self._ledger.counts.sessions += 1
                self._rights.begin_session(happening.protocol)
                self._statements.begin_session()
                self._updates.begin_session()
                self._window.begin_session(resumed=happening.resumed, at=self._clock.monotonic())
                self._refused = ""
                self._set_connected(yes=True, how="connected to the broker")
            case Disconnected():
                self._set_connected(yes=False, how=happening.why)
                if happening.refused and happening.why != self._refused:
                    self._refused = happening.why
                    log.error("the broker refuses this node", extra={"why": happening.why, "hint": happening.hint})
            case Acknowledged():
                if not self._rights.acknowledged(happening):
                    self._acknowledged(happening)
            case Message():
                if not self._rights.heard(happening):
                    self._receive(happening)

    def _may_ask(self, topic: str, question: bytes) -> bool:
        return self._ledger.take(Class.CSR, topic, question)

    def _set_connected(self, *, yes: bool, how: str) -> None:
        self._connected = yes
        self._say(how)
        self._ledger.tell(connected=yes, now=True)

    def _receive(self, message: Message) -> None:
        """Keep a letter for sense; a receipt also moves the window."""
        try:
            topic = Topic.parse(message.topic)
        except Refused:
            return
        klass = topic.klass
        letter = Letter(message.topic, message.payload, retained=message.retained)
        if klass is Class.OTA:
            self._updates.receive(topic, message.payload)
        elif klass is Class.RCPT:
            self._soon.put(letter.topic, lambda: letter)
            self._believe(unverified.receipt(message.payload))
        elif klass in READS and not self._inbox.put(letter):
            log.warning("inbox full, a letter is lost", extra={"topic": message.topic})

    def _believe(self, receipt: ReceiptData | None) -> None:
        if receipt is None or receipt.node != str(self._name):
            return
        ahead = max([receipt.cum, *(last for _, last in receipt.ranges)]) > self._reader.last()
        oldest = next((unverified.kid(row.token) for row in self._reader.after(0, limit=1)), receipt.key)
        if not ahead and oldest == receipt.key:
            self._nobody.reset()
            self._window.receive(cum=receipt.cum, ranges=receipt.ranges, at=self._clock.monotonic())

    def _acknowledged(self, answer: Acknowledged) -> None:
        found = self._window.acknowledged(answer.mid)
        if answer.reason > NOBODY_SUBSCRIBES:
            self._ledger.counts.refused += 1
        if found is None:
            return
        seq, klass = found
        now = self._clock.monotonic()
        if answer.reason == NOBODY_SUBSCRIBES:
            self._window.turned_away(seq)
            if self._look_again_at is None:
                self._look_again(now + self._nobody.next_s())
        elif answer.reason > NOBODY_SUBSCRIBES:
            if self._shut.get(klass, 0.0) <= now:
                log.warning("the broker takes no message of this class", extra={"class": klass, "code": answer.reason})
            self._shut[klass] = now + self._resend_s
            self._window.turned_away(seq)
            self._look_again(now + self._resend_s)
        elif self._by_puback:
            self._just_delivered.append(seq)

    def _report_delivered(self) -> None:
        """Tell sense what the broker has, where the configuration says that this is enough."""
        if not self._just_delivered:
            return
        fresh, self._just_delivered = runs(sorted(self._just_delivered)), []
        self._window.receive(cum=0, ranges=fresh, at=self._clock.monotonic())
        for first, last in fresh:
            self._delivered.add(first, last)
        self._soon.put(DELIVERED, self._delivery)

    def _delivery(self) -> Letter:
        oldest = next((row.seq for row in self._reader.after(0, limit=1)), 0)
        self._delivered.remove(0, oldest - 1)
        report = ReceiptData(node=str(self._name), cum=0, ranges=tuple(self._delivered)[:REPORTED])
        return Letter(DELIVERED, msgspec.json.encode(report))

    def _send_again(self) -> None:
        now = self._clock.monotonic()
        if self._window.stalled(now):
            log.warning("nothing received for long, sending again")
        if self._look_again_at is not None and now >= self._look_again_at:
            self._look_again_at = None
            self._window.rewind()

    def _fill(self) -> None:
        """Hand over rows until the window is full or the outbox has no more."""
        while room := self._window.room:
            rows = self._reader.after(self._window.cursor, limit=room)
            for row in rows:
                if self._window.wants(row.seq) and not self._send(row):
                    return
                self._window.cursor = row.seq
            if len(rows) < room:
                return

    def _send(self, row: Row) -> bool:
        """Hand over one row, or hold it back for later; False when the session is gone."""
        klass, payload, now = Class(row.klass), row.token.encode(), self._clock.monotonic()
        if self._shut.get(klass, 0.0) > now or not self._ledger.take(klass, row.topic, payload):
            self._look_again(now + HELD_S)
            return True
        expires_s = unverified.lasts_s(payload, klass)
        mid = self._transport.publish(row.topic, payload, retain=klass in RETAINED, expires_s=expires_s)
        if mid == 0:
            return False
        self._window.sent(row.seq, klass, mid, at=now)
        self._ledger.counts.resent += row.seq <= self._highest_sent
        self._highest_sent = max(self._highest_sent, row.seq)
        return True

    def _look_again(self, at: float) -> None:
        self._look_again_at = at if self._look_again_at is None else min(at, self._look_again_at)
