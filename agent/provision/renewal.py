"""The certificate of a party made anew: asked for with the one that stands, tried at the broker, and only then in its place.

Nodes prove by their signing key who they are; a party that only reads has none, so the proof is a request that the key of
its certificate has signed. The invariants: an authority renews only for the same name and the same key, never what was
revoked, and never beyond what the union says; and a certificate that no broker has let in takes no other's place.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.contract.certificates import Wish
from agent.errors import KeyFileError, Refused, UserError
from agent.files import write_atomic
from agent.provision.bench import Bench
from agent.provision.ca import (
    Authority,
    TlsFiles,
    belongs,
    common_name,
    ends_at,
    key_digest,
    new_request,
    party_of,
    request_digest,
    serial_of,
)
from agent.provision.enrol import Answer, Word
from agent.provision.revoked import Revoked

RENEW_S = 45 * 86_400.0
"""A certificate that ends sooner is made anew for the same key: an authority may be away for six weeks."""
DAY_S = 86_400.0

Trial = Callable[[Path], None]
Terms = Callable[[], Mapping[str, float]]
"""Full name of everybody who may have a certificate -> for how many days from now."""


Send = Callable[[Wish], Answer]


@dataclass(frozen=True, slots=True)
class RenewalDesk:
    """The authority's side; `terms` is asked each time, since agreements end."""

    bench: Bench
    terms: Terms

    def take(self, name: str, wish: Wish, *, at: float) -> Answer:
        """Answer whoever asks as `name`. The same question twice has the same answer, since the first may have been lost."""
        try:
            return Answer(Word.GRANTED, link=self._renewed(name, wish, at))
        except (Refused, UserError) as error:
            return Answer(Word.REFUSED, error.message)

    def _renewed(self, name: str, wish: Wish, at: float) -> str:
        authority = Authority(self.bench.folder / "ca")
        if not authority.made(wish.certificate, at=at):
            raise Refused("certificate", "show a certificate of this authority that has not ended")
        if party_of(wish.certificate) != name:
            raise Refused("name", f"the certificate is not of {name}, who asks")
        if request_digest(wish.request) != key_digest(wish.certificate):
            raise Refused("key", "a certificate is renewed for its own key alone")
        newest, revoked = self._newest(name, wish.certificate), Revoked(authority).numbers()
        if serial_of(wish.certificate) in revoked or serial_of(newest) in revoked:
            raise Refused("revoked", f"{name} was revoked")
        terms = self.terms()
        if name not in terms:
            raise Refused("unnamed", f"neither union.yaml nor an agreement that holds names {name}")
        if not is_due(newest, terms[name], at):
            return newest
        return self._keep(name, authority.client_for(wish.request, name, at=at, days=terms[name]))

    def _newest(self, name: str, shown: str) -> str:
        """The last one that was given for the key of the one that is shown, which may have been lost on its way."""
        place = self._given(name)
        last = place.read_text(encoding="ascii") if place.exists() else shown
        return last if key_digest(last) == key_digest(shown) and ends_at(last) > ends_at(shown) else shown

    def _keep(self, name: str, certificate: str) -> str:
        place = self._given(name)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomic(place, certificate.encode("ascii"))
        return certificate

    def _given(self, name: str) -> Path:
        return self.bench.folder / "given" / f"{common_name(name)}.pem"


def is_due(certificate: str, days: float, at: float) -> bool:
    """Whether one for `days` from now is needed and would last a day longer: a partner's ends with its agreement."""
    ends = ends_at(certificate)
    return ends - at < RENEW_S and at + days * DAY_S - ends >= DAY_S


def renew_party(files: TlsFiles, name: str, send: Send, *, trial: Trial, at: float) -> bool:
    """Have a party's certificate made anew where it ends within six weeks; whether there is a new one.

    Raises:
        Refused: the authority does not renew it.
        BrokerRefused, BrokerAbsent: of the trial, or the authority is away. The certificate that stands stays.
    """
    before = files.certificate.read_text(encoding="ascii")
    if ends_at(before) - at >= RENEW_S:
        return False
    answer = send(Wish(nonce=new_nonce(), request=new_request(files.key, name), certificate=before))
    if answer.word is not Word.GRANTED:
        raise Refused(
            "renewal", f"{name}: {answer.why}", hint="ask who runs the authority; until its end the old one is good"
        )
    if answer.link == before:
        return False
    switch(files, answer.link, trial)
    return True


def new_nonce() -> str:
    """What tells the answer to one question from that to another."""
    return secrets.token_hex(16)


def switch(files: TlsFiles, certificate: str, trial: Trial) -> None:
    """Put a certificate in place of the one in `files` once it was tried; KeyFileError for one of another key."""
    if not belongs(certificate, files.key):
        raise KeyFileError("the certificate is not for our key", hint="ask who runs the authority")
    try_first(files.certificate, certificate, trial)
    write_atomic(files.certificate, certificate.encode("ascii"), keep_owner=True)


def try_first(place: Path, certificate: str, trial: Trial) -> None:
    """Hand `trial` a file with the certificate that is to stand at `place`; what it raises goes on."""
    staged = place.with_suffix(".new")
    write_atomic(staged, certificate.encode("ascii"))
    try:
        trial(staged)
    finally:
        staged.unlink()
