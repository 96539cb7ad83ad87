"""The authority's desk: who is expected, who may have certificates, who takes whose place.

One JSON file a name, so that a person can read and a backup can keep it. The invariants: a token is good for one
set of keys and one name, certificates are only made for what was approved, and a name that has a node gets another
one only when a person says so.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.contract.topics import NodeName
from agent.errors import Refused, UserError
from agent.files import write_atomic
from agent.provision.bench import Bench
from agent.provision.ca import Authority, common_name, ends_at, serial_of
from agent.provision.enrol import Answer, Petition, Word
from agent.provision.identity import Ticket, token_digest
from agent.provision.keys import load_ring, save_ring, without
from agent.provision.renewal import RENEW_S
from agent.provision.revoked import Revoked

DAYS = 90
TRIES = 20
"""Wrong tokens under one name before its card is worthless."""
WAIT_S = 10.0
_ASK_ADMIN = "ask who runs the authority; `piazza enrol list` shows what is known"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of one name; `keys` is the digest that the token is bound to once it was used."""

    name: str
    token: str
    expires: float
    approved: bool = False
    keys: str = ""
    asked_at: float = 0.0
    wrong: int = 0
    link: str = ""
    page: str = ""
    before: tuple[str, str] = ("", "")
    """Certificate and key id of the node that had this name before."""

    @property
    def state(self) -> str:
        """`enrolled`, `waiting` for approval, or `expected`."""
        return "enrolled" if self.link else "waiting" if self.keys else "expected"

    @property
    def takes_over(self) -> bool:
        return bool(self.before[0])


@dataclass(frozen=True, slots=True)
class Desk:
    """Keeps its entries in `enrol/` of a folder that `piazza keys init` made."""

    bench: Bench

    @property
    def folder(self) -> Path:
        return self.bench.folder / "enrol"

    def expect(self, ticket: Ticket, *, approved: bool) -> Entry:
        """Take a new card's ticket into the list; an older card of the same name is worthless from now on."""
        old = self._find(ticket.name)
        before = old.before if old and not old.link else ("", "")
        if old and old.link:
            before = (old.link, self._kid(ticket.name))
        entry = Entry(
            name=ticket.name,
            token=ticket.digest(),
            expires=ticket.expires,
            approved=approved and not before[0],
            before=before,
        )
        return self._save(entry)

    def approve(self, name: str, *, take_over: bool = False) -> Entry:
        """A person's yes; for a name that has a node, only with `take_over`."""
        entry = self._entry(name)
        if entry.takes_over and not take_over:
            raise UserError(
                f"{name} has a node already, whose keys this would end",
                hint="is it broken or stolen? then: --take-over",
            )
        return self._save(msgspec.structs.replace(entry, approved=True))

    def forget(self, name: str) -> None:
        """A person's no: the card is worthless."""
        self._path(self._entry(name).name).unlink()

    def entries(self) -> Iterator[Entry]:
        for path in sorted(self.folder.glob("*.json")):
            yield msgspec.json.decode(path.read_bytes(), type=Entry)

    def take(self, petition: Petition, *, at: float) -> Answer:
        """Answer a node that enrols. The same question twice has the same answer, since the first may have been lost."""
        return self._worded(self._answer, petition, at)

    def renew(self, petition: Petition, *, at: float) -> Answer:
        """Answer a node that has enrolled; the same holds."""
        return self._worded(self._renewed, petition, at)

    def _worded(self, act: Callable[[Petition, float], Answer], petition: Petition, at: float) -> Answer:
        try:
            return act(petition, at)
        except (Refused, UserError) as error:
            return Answer(Word.REFUSED, error.message)

    def _answer(self, petition: Petition, at: float) -> Answer:
        entry = self._admitted(petition, at)
        keys = petition.keys()
        if entry.keys and entry.keys != keys:
            raise Refused("used", "this card was used by another machine")
        if not entry.keys:
            entry = self._save(msgspec.structs.replace(entry, keys=keys, asked_at=at))
        if not entry.approved:
            return Answer(Word.WAIT, "a person must approve this node", wait_s=WAIT_S)
        if not entry.link:
            entry = self._enrol(entry, petition, at)
        return Answer(Word.GRANTED, link=entry.link, page=entry.page, ring=self._ring_text())

    def _renewed(self, petition: Petition, at: float) -> Answer:
        """Without a token the proof alone counts: certificates for exactly the keys that are enrolled."""
        entry = self._find(petition.name)
        if entry is None or not entry.link or entry.keys != petition.keys():
            raise Refused("keys", "only a node that is enrolled can renew, and only for its own keys")
        if ends_at(entry.link) - at < RENEW_S:
            entry = self._certified(entry, petition, at)
        return Answer(Word.GRANTED, link=entry.link, page=entry.page, ring=self._ring_text())

    def _admitted(self, petition: Petition, at: float) -> Entry:
        """The entry that this token opens; a wrong one and an unknown name are told apart by nobody."""
        entry = self._find(petition.name)
        right = entry is not None and hmac.compare_digest(entry.token, token_digest(petition.token))
        if entry and not right:
            self._save(msgspec.structs.replace(entry, wrong=entry.wrong + 1))
        if entry is None or not right or entry.wrong >= TRIES:
            raise Refused("token", "this card is not known")
        if at > entry.expires:
            raise Refused("expired", "this card is too old: make a new one")
        return entry

    def _enrol(self, entry: Entry, petition: Petition, at: float) -> Entry:
        """Let the new key in and the old one out, then sign and remember: each step can be done again."""
        if entry.takes_over:
            self._retire(entry, at)
        ring = without(load_ring(self.bench.ring), "node", entry.name)
        ring.add(petition.key())
        save_ring(self.bench.ring, ring)
        return self._certified(entry, petition, at)

    def _certified(self, entry: Entry, petition: Petition, at: float) -> Entry:
        """Sign both certificates and remember them."""
        authority, name = Authority(self.bench.folder / "ca"), NodeName.parse(entry.name)
        link = authority.client_for(petition.link, entry.name, at=at, days=DAYS)
        page = authority.server_for(petition.page, [f"{name.node}.local", name.node], at=at, days=DAYS)
        return self._save(msgspec.structs.replace(entry, link=link, page=page))

    def _retire(self, entry: Entry, at: float) -> None:
        """What the broker must no longer let in (`crlfile` of mosquitto)."""
        revoked = Revoked(Authority(self.bench.folder / "ca"))
        revoked.shut_out(entry.name, [serial_of(entry.before[0])], at=at)

    def _kid(self, name: str) -> str:
        return next((key.kid for key in load_ring(self.bench.ring) if (key.role, key.subject) == ("node", name)), "")

    def _ring_text(self) -> str:
        return self.bench.ring.read_text(encoding="ascii")

    def _entry(self, name: str) -> Entry:
        entry = self._find(name)
        if entry is None:
            raise UserError(f"no card was made for {name}", hint=_ASK_ADMIN)
        return entry

    def _find(self, name: str) -> Entry | None:
        try:
            return msgspec.json.decode(self._path(str(NodeName.parse(name))).read_bytes(), type=Entry)
        except (FileNotFoundError, Refused):
            return None

    def _save(self, entry: Entry) -> Entry:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        write_atomic(self._path(entry.name), msgspec.json.encode(entry), mode=0o600)
        return entry

    def _path(self, name: str) -> Path:
        return self.folder / f"{common_name(name)}.json"
