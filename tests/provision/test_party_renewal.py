"""A party's certificate made anew: for its own key, while the union names it, and never in place of one that works untried."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.contract.certificates import Wish
from agent.errors import BrokerAbsent, BrokerRefused, Refused
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles, belongs, ends_at, new_request, serial_of
from agent.provision.enrol import Word
from agent.provision.issued import Issued
from agent.provision.renewal import RenewalDesk, new_nonce, renew_party
from agent.provision.revoked import Revoked

STORE, POLICE = "romagna/centre/store-1", "romagna/centre/police"
AT = 1_777_624_200.0
DAY_S = 86_400.0
LATER = AT + 60 * DAY_S
"""A certificate of 90 days has a month left."""


@dataclass
class Town:
    """An authority, a store's and the police's certificates, and who may have one for how long."""

    bench: Bench
    terms: dict[str, int] = field(default_factory=lambda: {STORE: 90, POLICE: 90})

    @property
    def desk(self):
        return RenewalDesk(self.bench, lambda: self.terms)

    def files(self, name=STORE) -> TlsFiles:
        return self.bench.tls(name)

    def text(self, name=STORE) -> str:
        return self.files(name).certificate.read_text()

    def send(self, wish):
        return self.desk.take(STORE, wish, at=LATER)


def let_in(staged: Path) -> None:
    assert staged.exists()


@pytest.fixture
def town(tmp_path):
    made = Town(Bench.make(tmp_path / "keys", at=AT))
    for name in (STORE, POLICE):
        made.bench.add_reader(name, at=AT, days=90)
    return made


def renewed(town, *, at=LATER, trial=let_in):
    return renew_party(town.files(), STORE, town.send, trial=trial, at=at)


def test_a_certificate_with_a_month_left_is_made_anew_for_the_same_key(town):
    before = town.text()
    assert renewed(town)
    assert town.text() != before
    assert belongs(town.text(), town.files().key)
    assert ends_at(town.text()) - LATER == pytest.approx(90 * DAY_S, abs=1)


def test_one_that_lasts_is_not_even_asked_for(town):
    def nobody(wish):
        raise AssertionError(wish)

    assert not renew_party(town.files(), STORE, nobody, trial=let_in, at=AT + 30 * DAY_S)


def test_a_partners_certificate_never_outlasts_the_agreement(town):
    town.terms[STORE] = 31
    renewed(town)
    assert ends_at(town.text()) - LATER == pytest.approx(31 * DAY_S, abs=1)


def test_where_the_agreement_gives_no_day_more_the_old_one_stays(town):
    town.terms[STORE] = 30
    before = town.text()
    assert not renewed(town)
    assert town.text() == before


@pytest.mark.parametrize("error", [BrokerRefused("not let in"), BrokerAbsent("nobody answers")])
def test_one_that_the_broker_does_not_let_in_takes_nobodys_place(town, error):
    before = town.text()

    def trial(staged):
        assert staged.read_text() != before
        raise error

    with pytest.raises(type(error)):
        renewed(town, trial=trial)
    assert town.text() == before
    assert [path.name for path in town.files().certificate.parent.iterdir()].count("tls.new") == 0


def wished(town, *, shown=STORE, asked=STORE):
    return Wish(nonce=new_nonce(), request=new_request(town.files(asked).key, shown), certificate=town.text(shown))


def refused(town, *, name=STORE, shown=STORE, asked=STORE, at=LATER):
    answer = town.desk.take(name, wished(town, shown=shown, asked=asked), at=at)
    assert (answer.word, answer.link) == (Word.REFUSED, "")
    return answer.why


def test_what_was_revoked_is_not_renewed(town):
    Revoked(Authority(town.bench.folder / "ca")).shut_out(STORE, at=AT)
    assert "was revoked" in refused(town)
    with pytest.raises(Refused):
        renewed(town)


def test_whoever_holds_one_certificate_gets_none_for_another_key(town):
    assert "its own key alone" in refused(town, shown=STORE, asked=POLICE)


def test_who_is_named_no_more_is_not_renewed(town):
    del town.terms[POLICE]
    assert "neither union.yaml nor an agreement" in refused(town, name=POLICE, shown=POLICE, asked=POLICE)


def test_nobody_asks_with_anothers_certificate(town):
    """The broker lets each party ask under its own name alone, and what is shown must be of that name."""
    assert "not of romagna/centre/store-1" in refused(town, shown=POLICE, asked=POLICE)


def test_a_certificate_that_is_over_proves_nothing(town):
    assert "has not ended" in refused(town, at=AT + 91 * DAY_S)


def test_a_certificate_of_another_authority_proves_nothing(town, tmp_path):
    stranger = Bench.make(tmp_path / "stranger", at=AT)
    stranger.add_reader(STORE, at=AT, days=90)
    files = stranger.tls(STORE)
    wish = Wish(nonce=new_nonce(), request=new_request(files.key, STORE), certificate=files.certificate.read_text())
    assert "of this authority" in town.desk.take(STORE, wish, at=LATER).why


@pytest.mark.parametrize(
    ("request_", "certificate"), [("", None), ("no request", None), (None, ""), (None, "no\u00e9")]
)
def test_nonsense_is_refused(town, request_, certificate):
    good = wished(town)
    wish = Wish(
        nonce=good.nonce,
        request=good.request if request_ is None else request_,
        certificate=good.certificate if certificate is None else certificate,
    )
    assert town.desk.take(STORE, wish, at=LATER).word is Word.REFUSED


def test_an_answer_that_was_lost_is_given_again(town):
    """And no second certificate is made for it."""
    first, second = (town.desk.take(STORE, wished(town), at=LATER + later).link for later in (0, 600))
    assert first == second != town.text()


def test_every_certificate_ever_made_is_known_by_name(town):
    """So that all of them can be revoked: the one before a renewal is good for another month."""
    before = town.text()
    renewed(town)
    numbers = Issued(town.bench.folder / "ca").serials("romagna.centre.store-1")
    assert numbers == [serial_of(before), serial_of(town.text())]
