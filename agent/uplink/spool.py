"""The one object of the uplink that sense uses: records in, signed and durable envelopes out.

    put(record) -> door -> sealer -> outbox        flush: one transaction, at most every commit_s
    tick(at)    <- inbox <- link                   receipts let go of rows; a head every head_s

The invariants: a record that the door keeps back is told in an audit record and stops nothing else;
what link drops into the inbox changes nothing unless a key of the ring signed it (only a
configuration that says `delete_on: puback` lets link itself report what was delivered).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from agent.contract.chain import Range, Span
from agent.contract.command import Memory, NotAllowed, is_for_node
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import Class, NodeName, Topic
from agent.contract.types import AckData, CommandData, ReceiptData, ResultData, StateData
from agent.errors import OutboxFull, Refused
from agent.records import Audit, Event, Health, Phase, Record, Stat
from agent.uplink import numbers
from agent.uplink.database import RESEND
from agent.uplink.door import DROPPED
from agent.uplink.envelope import Sealer
from agent.uplink.inbox import DELIVERED, Inbox, Letter
from agent.uplink.outbox import WILL, Outbox
from agent.uplink.settings import UplinkSettings

log = logging.getLogger(__name__)

INBOX_S = 1.0
"""How often the folder of letters is looked at."""

RANGES = 32
"""What a result has room for."""

Outcome = Literal["done", "refused", "failed", "expired"]

MAX_WAITING = 10_000
"""Records held in memory while a full disk takes nothing; then the process ends."""

_COMMANDS = "commands"
"""Name of the note of what was admitted."""

_CLASSES = {Event: Class.EVT, Stat: Class.STAT, Health: Class.HEALTH, Audit: Class.AUDIT}
_RECEIPT = msgspec.json.Decoder(ReceiptData)
_EVENT = msgspec.json.Decoder(Event)


@dataclass(slots=True)
class Every:
    """True once in each period; a clock that was set back begins a new one."""

    period_s: float
    _since: float | None = None

    def due(self, at: float) -> bool:
        if self._since is not None and 0 <= at - self._since < self.period_s:
            return False
        self._since = at
        return True


class Spool:
    """Owned by one thread."""

    def __init__(
        self,
        outbox: Outbox,
        sealer: Sealer,
        inbox: Inbox,
        ring: KeyRing,
        settings: UplinkSettings,
        *,
        look: Callable[[float], None] = lambda _now: None,
    ) -> None:
        """`look` hears the monotonic time before letters are believed, for a ring that may have changed."""
        self._outbox = outbox
        self._sealer = sealer
        self._inbox = inbox
        self._ring = ring
        self._look_at_ring = look
        self._delete_on = settings.delete_on
        self._commit = Every(settings.outbox.commit_s)
        self._head = Every(settings.head_s)
        self._look = Every(INBOX_S)
        self._told: set[tuple[str, str, str]] = set()
        self._full = False
        self._urgent = False
        """Whether something waits that should not wait for the next head, as health and receipts may."""
        self._memory = Memory.decode(outbox.kept(_COMMANDS))

    @property
    def name(self) -> NodeName:
        """Whose records these are."""
        return self._sealer.name

    def birth(self, state: StateData) -> None:
        """Say what runs here, and what the broker is to say when we are gone; committed at once."""
        self._state(msgspec.structs.replace(state, status="up"))
        _, will = self._sealer.state(msgspec.structs.replace(state, status="lost"))
        self._outbox.state(WILL, will)
        self.put(Audit(self._sealer.clock.now(), "boot"))
        self.flush()

    def tell(self, state: StateData) -> None:
        """Say anew what runs here, after something of it has changed."""
        self._state(state)

    def open_events(self) -> list[Event]:
        """Events that were open at the last commit of the process before this one."""
        events = []
        for text in self._outbox.open_events():
            try:
                events.append(_EVENT.decode(text))
            except msgspec.MsgspecError:
                log.warning("open event of another version is forgotten")
        return events

    def put(self, record: Record) -> None:
        """Take a record into the next commit, or the audit record that says that it was kept back."""
        try:
            _check_not_ours(record)
            self._put(self._completed(record) if isinstance(record, Health) else record)
        except Refused as refused:
            self._complain("refused", _CLASSES[type(record)], refused)

    def flush(self) -> None:
        """Commit what was put; when the spool is full, the least records go and a signed record says so.

        On a full disk what was put waits in memory, until it is too much: then OutboxFull.
        """
        try:
            while self._outbox.crowded() and self._give_up():
                self._outbox.flush()
            self._outbox.flush()
            self._full = self._urgent = False
        except OutboxFull as full:
            if self._outbox.waiting > MAX_WAITING:
                raise
            if not self._full:
                log.error("disk full, records wait in memory", extra={"said": full.message})  # noqa: TRY400 -- no crash
            self._full = True

    def tick(self, at: float) -> list[Envelope]:
        """Do what is due; verified commands and verdicts that came, for sense to act on.

        That they were admitted is on the disk by then: one that is cut short by a crash is not done twice.
        """
        if self._head.due(at):
            self._told.clear()
            self._sign_head()
        asked = self._read_letters(at) if self._look.due(at) else []
        if asked or (self._urgent and self._commit.due(at)):
            self.flush()
        return asked

    def answer(self, command: Envelope, outcome: Outcome, *, why: str = "", ranges: tuple[Range, ...] = ()) -> None:
        """Say what became of a command: to who asked for it, and in the chain for whoever asks later."""
        self._say(ResultData(command=command.payload.id, outcome=outcome, why=why, ranges=ranges[:RANGES]))
        asked = command.data.command if isinstance(command.data, CommandData) else Class.ACK
        self.put(Audit(self._sealer.clock.now(), "command", subject=asked, outcome=why or outcome))

    def resend(self, first: int, last: int) -> tuple[Range, ...]:
        """Have link hand over once more what waits of a range; the numbers that are not here any more."""
        here = self._outbox.waits(first, min(last, self._outbox.tail.seq))
        if here:
            self._outbox.state(RESEND, f"{first} {last}")
        return Span([(first, last)]).minus(Span(here))

    def close(self, state: StateData, *, failed: bool = False) -> None:
        """Say that the node goes down, on purpose or not, sign the last head and commit."""
        self._state(msgspec.structs.replace(state, status="lost" if failed else "down"))
        self._sign_head()
        self._outbox.close()

    def _completed(self, health: Health) -> Health:
        """With what link tells of itself: sense is the only one who can sign it."""
        return replace(health, values=health.values + numbers.vitals(self._inbox.folder, at=health.at))

    def _put(self, record: Record) -> None:
        self._urgent |= not isinstance(record, Health)
        for draft in self._sealer.drafts(record):
            self._outbox.put(*draft)
        if isinstance(record, Event):
            self._remember(record)

    def _remember(self, event: Event) -> None:
        if event.phase == Phase.CLOSED:
            self._outbox.closed(event.id)
        else:
            self._outbox.opened(event.id, msgspec.json.encode(event).decode())

    def _say(self, result: ResultData) -> None:
        self._outbox.state(*self._sealer.result(result))

    def _state(self, state: StateData) -> None:
        self._urgent = True
        self._outbox.state(*self._sealer.state(state))

    def _sign_head(self) -> None:
        """In one transaction with all that waits: what a card wears by is how often it is written."""
        self._outbox.close_with(self._sealer.head)
        self._urgent = True

    def _give_up(self) -> bool:
        given = self._outbox.give_up()
        if given is None:
            return False
        klass, ranges = given
        at = self._sealer.clock.now()
        log.warning("spool full, records given up", extra={"class": klass, "ranges": ranges})
        self._put(Audit(at, DROPPED, subject=klass, first=ranges[0][0], last=ranges[-1][1], ranges=ranges))
        return True

    def _read_letters(self, at: float) -> list[Envelope]:
        asked = []
        self._look_at_ring(self._sealer.clock.monotonic())
        for letter in self._inbox.take():
            try:
                asked += self._read_letter(letter, at)
            except Refused as refused:
                self._complain("letter-refused", _class(letter.topic), refused)
        return asked

    def _read_letter(self, letter: Letter, at: float) -> list[Envelope]:
        if letter.topic == DELIVERED:
            self._received(self._delivered(letter))
            return []
        envelope = open_envelope(letter.payload, self._ring, topic=letter.topic)
        if envelope.topic.name != self._sealer.name:
            raise Refused("topic", "it is for another node")
        match envelope.data:
            case ReceiptData():
                if envelope.data.key != self._sealer.kid:
                    raise Refused("key", "it is for another key of this node, so for another chain")
                self._received(envelope.data)
                return []
            case CommandData() | AckData():
                return self._admitted(envelope, at, retained=letter.retained)
        raise Refused("class", f"a node reads no '{envelope.klass}'")

    def _admitted(self, asked: Envelope, at: float, *, retained: bool) -> list[Envelope]:
        if not is_for_node(asked):
            return []
        try:
            self._memory.admit(asked, at=at, retained=retained, is_sure=self._sealer.knows_the_time())
        except NotAllowed as refused:
            self._outbox.keep(_COMMANDS, self._memory.encode())
            self._say(ResultData(command=asked.payload.id, outcome="refused", why=refused.why))
            raise
        self._outbox.keep(_COMMANDS, self._memory.encode())
        return [asked]

    def _received(self, receipt: ReceiptData) -> None:
        """Let go of what the receiver has; a receipt for numbers never given means an older outbox came back."""
        last = max([receipt.cum, *(last for _, last in receipt.ranges)])
        if last > self._outbox.tail.seq:
            raise Refused("ahead", f"a receipt up to {last}, but only {self._outbox.tail.seq} were given")
        self._outbox.received(cum=receipt.cum, ranges=receipt.ranges)

    def _delivered(self, letter: Letter) -> ReceiptData:
        """Link's own word, which counts only where the configuration says so."""
        if self._delete_on != "puback":
            raise Refused("delivered", "only the store's receipt counts here")
        try:
            return _RECEIPT.decode(letter.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Refused("data", "no report of what was delivered") from error

    def _complain(self, action: str, subject: str, refused: Refused) -> None:
        """Tell each kind of refusal once in the time between two heads, so that nobody can fill the spool by it."""
        complaint = (action, subject, refused.why)
        if complaint not in self._told:
            self._told.add(complaint)
            log.warning("kept back", extra={"action": action, "subject": subject, "why": refused.why})
            self._put(Audit(self._sealer.clock.now(), action, subject=subject, outcome=refused.why))


def _check_not_ours(record: Record) -> None:
    if isinstance(record, Audit) and record.action == DROPPED:
        raise Refused("not-declared", "only the spool says what it dropped")


def _class(topic: str) -> str:
    """The class of a letter where it is one that a node reads, else just `letter`."""
    try:
        klass = Topic.parse(topic).klass
    except Refused:
        return "letter"
    return klass if klass in (Class.RCPT, Class.CMD, Class.ACK) else "letter"
