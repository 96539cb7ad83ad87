"""A node asks for its certificates: keys made here, asked for until granted, and the ticket wiped.

Every step can be cut off by a lost supply and done again: keys that are there are used, the same question gets the
same answer, and the ticket goes last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.contract.certificates import Wish
from agent.errors import BrokerAbsent, KeyFileError, Refused, why
from agent.files import sync_folder, write_atomic
from agent.provision.ca import belongs, new_request
from agent.provision.enrol import PATH, Answer, Petition, Word
from agent.provision.identity import Ticket
from agent.provision.keys import load_signer, new_signing_key
from agent.provision.over_https import context, post
from agent.provision.renewal import Trial, new_nonce, try_first

ABSENT_S = 30.0
"""Between two attempts to reach the authority; an answer that says wait says how long."""

Send = Callable[[Petition], Answer]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node keeps who it is, `/etc/piazza` unless tested."""

    root: Path

    @property
    def ticket(self) -> Path:
        return self.root / "enrol.json"

    @property
    def home(self) -> Path:
        """Where the authority is, kept for renewals."""
        return self.root / "authority.json"

    @property
    def ca(self) -> Path:
        return self.root / "tls/ca.pem"

    @property
    def signing(self) -> Path:
        return self.root / "keys/sign.pem"

    @property
    def ring(self) -> Path:
        return self.root / "keys/ring.json"

    def key(self, part: str) -> Path:
        """The private key of `tls` (the way to the broker) or of `aim` (the node's own page)."""
        return self.root / part / "key.pem"

    def certificate(self, part: str) -> Path:
        return self.root / part / "node.pem"


class Home(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who we are to which authority, once we are enrolled; `server` is HOST:PORT."""

    name: str
    server: str


def petition(place: Place, ticket: Ticket | Home) -> Petition:
    """What this node asks; its keys are made where they are missing."""
    if not place.signing.exists():
        new_signing_key(place.signing, role="node", subject=ticket.name)
    return Petition.of(
        name=ticket.name,
        token=ticket.token if isinstance(ticket, Ticket) else "",
        link=new_request(_parent(place.key("tls")), ticket.name),
        page=new_request(_parent(place.key("aim")), ticket.name),
        signer=load_signer(place.signing),
    )


def wish_of(asked: Petition) -> Wish:
    """The same question, as it goes to the authority over the broker."""
    return Wish(nonce=new_nonce(), request=asked.link, page=asked.page, signing=asked.signing, proof=asked.proof)


def enrol(place: Place, send: Send, *, clock: Clock, say: Callable[[str], None]) -> None:
    """Ask until the authority grants or refuses; Refused carries its reason, and the ticket is kept."""
    ticket = Ticket.read(place.ticket.read_bytes())
    asked = petition(place, ticket)
    while True:
        try:
            answer = send(asked)
        except BrokerAbsent as error:
            say(error.message)
            clock.sleep(ABSENT_S)
            continue
        if answer.word is Word.GRANTED:
            write_atomic(place.home, msgspec.json.encode(Home(ticket.name, ticket.server)))
            install(place, answer)
            wipe(place.ticket)
            return
        if answer.word is Word.REFUSED:
            raise Refused("enrolment", answer.why, hint="make a new card with: piazza image")
        say(answer.why)
        clock.sleep(answer.wait_s)


def install(place: Place, answer: Answer) -> None:
    """Put certificates and ring in place; KeyFileError for certificates of other keys."""
    for part, text in (("tls", answer.link), ("aim", answer.page)):
        if not belongs(text, place.key(part)):
            raise KeyFileError(f"the certificate for {part} is not for our key", hint="ask who runs the authority")
        write_atomic(place.certificate(part), text.encode("ascii"))
    if answer.ring:  # one that is too long for the broker stays with the authority
        write_atomic(place.ring, answer.ring.encode("ascii"))


def renew(place: Place, send: Send, *, trial: Trial = lambda _: None) -> bool:
    """Ask for certificates that last longer; whether there was something new.

    `trial` is handed the new certificate for the broker before it takes the old one's place, and raises where it is
    no good: then the old one stays, and the session that stands with it.

    Raises:
        KeyFileError: this node has never enrolled.
        Refused: the authority knows other keys under our name, or none.
        BrokerAbsent: it is away; there are weeks left to ask again.
    """
    before = place.certificate("tls").read_text(encoding="ascii")
    answer = send(petition(place, home(place)))
    if answer.word is not Word.GRANTED:
        raise Refused("renewal", answer.why, hint="make a new card with: piazza image")
    if answer.link != before:
        try_first(place.certificate("tls"), answer.link, trial)
    install(place, answer)
    return answer.link != before


def home(place: Place) -> Home:
    """Where this node enrolled; KeyFileError where it never did."""
    try:
        return msgspec.json.decode(place.home.read_bytes(), type=Home)
    except (OSError, msgspec.DecodeError) as error:
        raise KeyFileError(f"{place.home}: {why(error)}", hint="enrol first: systemctl start piazza-enrol") from error


def wipe(path: Path) -> None:
    """Overwrite and remove; a card may keep an old copy all the same, so a token also ends by use and time."""
    length = path.stat().st_size
    with path.open("r+b") as file:
        file.write(b"\0" * length)
        file.flush()
    path.unlink()
    sync_folder(path.parent)


def over_https(server: str, ca: Path) -> Send:
    """A way to HOST:PORT, which must prove to be of the authority that the card names."""
    return lambda asked: post(server, PATH, msgspec.json.encode(asked), context(ca))


def _parent(path: Path) -> Path:
    path.parent.mkdir(mode=0o750, exist_ok=True)
    return path
