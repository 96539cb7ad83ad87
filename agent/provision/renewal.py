"""The certificate of a party made anew: asked for with the one that stands, tried at the broker, and only then in its place.

Nodes prove by their signing key who they are; a party that only reads has none, so the certificate itself is the proof,
over mutual TLS. The invariants: an authority renews only for the same name and the same key, never what was revoked, and
never beyond what the union says; and a certificate that no broker has let in takes no other's place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.errors import KeyFileError, Refused, UserError
from agent.files import write_atomic
from agent.provision.bench import Bench
from agent.provision.ca import (
    Authority,
    TlsFiles,
    belongs,
    ends_at,
    key_digest,
    new_request,
    party_of,
    request_digest,
    serial_of,
)
from agent.provision.enrol import Answer, Pem, Word
from agent.provision.revoked import Revoked

PATH = "/renew"
RENEW_S = 45 * 86_400.0
"""A certificate that ends sooner is made anew for the same key: an authority may be away for six weeks."""
DAY_S = 86_400.0

Trial = Callable[[Path], None]
Terms = Callable[[], Mapping[str, float]]
"""Full name of everybody who may have a certificate -> for how many days from now."""


class Wish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a party asks, beside the certificate that its connection shows; a request is PKCS#10 in PEM."""

    request: Pem


Send = Callable[[Wish], Answer]


@dataclass(frozen=True, slots=True)
class RenewalDesk:
    """The authority's side; `terms` is asked each time, since agreements end."""

    bench: Bench
    terms: Terms

    def take(self, certificate: str, wish: Wish, *, at: float) -> Answer:
        """Answer whoever has shown `certificate`, which the connection has judged by authority and time."""
        try:
            return Answer(Word.GRANTED, link=self._renewed(certificate, wish.request, at))
        except (Refused, UserError) as error:
            return Answer(Word.REFUSED, error.message)

    def _renewed(self, certificate: str, request: str, at: float) -> str:
        name, authority = party_of(certificate), Authority(self.bench.folder / "ca")
        if request_digest(request) != key_digest(certificate):
            raise Refused("key", "a certificate is renewed for its own key alone")
        if serial_of(certificate) in Revoked(authority).numbers():
            raise Refused("revoked", f"{name} was revoked")
        terms = self.terms()
        if name not in terms:
            raise Refused("unnamed", f"neither union.yaml nor an agreement that holds names {name}")
        if not is_due(certificate, terms[name], at):
            return certificate
        return authority.client_for(request, name, at=at, days=terms[name])


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
    answer = send(Wish(new_request(files.key, name)))
    if answer.word is not Word.GRANTED:
        raise Refused(
            "renewal", f"{name}: {answer.why}", hint="ask who runs the authority; until its end the old one is good"
        )
    if answer.link == before:
        return False
    switch(files, answer.link, trial)
    return True


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
