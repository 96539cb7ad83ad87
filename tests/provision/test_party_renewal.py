"""A party's certificate made anew: for its own key, while the union names it, and never in place of one that works untried."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import msgspec
import pytest

from agent import cli
from agent.clock import SystemClock
from agent.errors import BrokerAbsent, BrokerRefused, Refused
from agent.files import write_atomic
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles, belongs, ends_at, new_request, serial_of
from agent.provision.enrol import Answer, Word
from agent.provision.enrol_server import EnrolServer
from agent.provision.issued import Issued
from agent.provision.over_https import context, post
from agent.provision.renewal import PATH, RenewalDesk, Wish, renew_party
from agent.provision.revoked import Revoked
from agent.transport import Connected, Disconnected
from agent.transport.mqtt import MqttTransport
from tests.brokers.mosquitto import Mosquitto
from tests.brokers.waiting import first, messages, opened
from tests.serving import served

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
        return self.desk.take(self.text(), wish, at=LATER)


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


def refused(town, *, shown=STORE, asked=STORE):
    wish = Wish(new_request(town.files(asked).key, shown))
    answer = town.desk.take(town.text(shown), wish, at=LATER)
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
    assert "neither union.yaml nor an agreement" in refused(town, shown=POLICE, asked=POLICE)


@pytest.mark.parametrize("request_", ["", "no request"])
def test_nonsense_is_refused(town, request_):
    answer = town.desk.take(town.text(), Wish(request_), at=LATER)
    assert (answer.word, "request" in answer.why) == (Word.REFUSED, True)


def test_every_certificate_ever_made_is_known_by_name(town):
    """So that all of them can be revoked: the one before a renewal is good for another month."""
    before = town.text()
    renewed(town)
    numbers = Issued(town.bench.folder / "ca").serials("romagna.centre.store-1")
    assert numbers == [serial_of(before), serial_of(town.text())]


# Over the network


@pytest.fixture
def server(town):
    """The desk as `piazza enrol serve` opens it; gives HOST:PORT."""
    clock = SystemClock()
    fresh = Bench(town.bench.folder)
    fresh.broker.certificate.write_text(
        Authority(fresh.folder / "ca").again(fresh.broker, at=clock.now(), days=2)
    )  # the one of the town is of another year
    listening = EnrolServer(
        ("127.0.0.1", 0), fresh.broker, lambda _: Answer(Word.REFUSED), ca=fresh.ca,
        renew=lambda shown, wish: town.desk.take(shown, wish, at=clock.now()),
    )  # fmt: skip
    with served(listening):
        yield f"localhost:{listening.server_port}"


def soon_over(town, name, *, days=20):
    """Its certificate as it is some days before its end, by the clock of this machine."""
    again = Authority(town.bench.folder / "ca").again(town.files(name), at=SystemClock().now(), days=days)
    town.files(name).certificate.write_text(again)


def asked(server, town, name, *, files=None):
    wish = msgspec.json.encode(Wish(new_request(town.files(name).key, name)))
    return post(server, PATH, wish, context(town.bench.ca, files))


def test_the_certificate_of_the_connection_says_who_asks(server, town):
    soon_over(town, STORE)
    answer = asked(server, town, STORE, files=town.files())
    assert answer.word is Word.GRANTED
    assert belongs(answer.link, town.files().key)


def test_who_shows_no_certificate_gets_none(server, town):
    soon_over(town, STORE)
    assert asked(server, town, STORE).why == "show the certificate that is to be renewed"


def test_a_certificate_of_another_authority_proves_nothing(server, town, tmp_path):
    stranger = Bench.make(tmp_path / "stranger", at=SystemClock().now())
    stranger.add_reader(STORE, at=SystemClock().now())
    with pytest.raises(BrokerAbsent):
        asked(server, town, STORE, files=stranger.tls(STORE))


def test_a_certificate_that_is_over_proves_nothing(server, town):
    again = Authority(town.bench.folder / "ca").again(town.files(), at=AT - 900 * DAY_S, days=1)
    town.files().certificate.write_text(again)
    with pytest.raises(BrokerAbsent):
        asked(server, town, STORE, files=town.files())


def test_an_authority_that_knows_no_union_renews_for_nodes_alone(town):
    from agent.provision.enrol_server import renew_nobody

    assert "nodes alone" in renew_nobody(town.text(), Wish("")).why


def shown_by(server, town):
    """The number of the certificate that the authority's server shows."""
    host, _, port = server.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as plain:
        tls = context(town.bench.ca).wrap_socket(plain, server_hostname=host)
        shown = tls.getpeercert(binary_form=True)
        tls.close()
    return serial_of(ssl.DER_cert_to_PEM_cert(shown or b""))


def test_the_server_shows_its_own_renewed_certificate_without_a_restart(server, town):
    """It would otherwise end with the one that it was started with, and nobody could renew any more."""
    broker, before = town.bench.broker, shown_by(server, town)
    again = Authority(town.bench.folder / "ca").again(broker, at=SystemClock().now(), days=90)
    write_atomic(broker.certificate, again.encode())
    assert (before != serial_of(again), shown_by(server, town)) == (True, serial_of(again))


def test_a_certificate_that_cannot_be_read_leaves_the_server_the_one_before(server, town):
    before = shown_by(server, town)
    write_atomic(town.bench.broker.certificate, b"no certificate")
    assert shown_by(server, town) == before


def called(town, server, broker):
    words = ["--keys", str(town.bench.folder), "--authority", server, "--broker", f"localhost:{broker.port}"]
    return cli.main(["enrol", "party", *words, "--name", STORE])


@pytest.fixture
def broker(town, tmp_path):
    """A mosquitto that reads the authority's list of revoked certificates."""
    soon_over(town, STORE)
    revoked = Revoked(Authority(town.bench.folder / "ca"))
    revoked.add((), at=SystemClock().now())
    now = Authority(town.bench.folder / "ca").again(town.bench.broker, at=SystemClock().now(), days=2)
    town.bench.broker.certificate.write_text(now)
    made = Mosquitto(
        tmp_path / "broker", town.bench, {STORE: ["readwrite piazza/v1/#"]}, more=f"crlfile {revoked.list_file}"
    )
    made.start()
    yield made
    made.stop()


@pytest.mark.slow
@pytest.mark.broker
def test_a_store_renews_while_its_session_stands_and_comes_back_with_the_new_one(town, server, broker, capfd):
    """The trial is a second connection; the session hears on, and the next one is of the new certificate."""
    store = MqttTransport(broker.address(STORE), clock=SystemClock(), randomness=Random(0))
    opened(store, "piazza/v1/romagna/#")
    before = town.text()
    assert called(town, server, broker) == 0
    assert "a new certificate is in place" in capfd.readouterr().out
    assert serial_of(town.text()) != serial_of(before)
    while not store.publish("piazza/v1/romagna/faenza/n-1/rcpt/store-1", b"still here"):
        assert not any(isinstance(news, Disconnected) for news in store.poll(0.05))
    assert [message.payload for message in messages(store, 1)] == [b"still here"]
    Revoked(Authority(town.bench.folder / "ca")).add([serial_of(before)], at=SystemClock().now())
    broker.stop()
    broker.start()
    assert first(store, Connected)  # with the old one it would be refused by now
    store.close()


@pytest.mark.slow
@pytest.mark.broker
def test_where_the_broker_refuses_the_new_one_the_old_one_stays_and_it_is_said(town, server, broker, capfd, tmp_path):
    """A broker of another authority answers there, as after a mistake in its settings."""
    stranger = Bench.make(tmp_path / "stranger", at=SystemClock().now())
    broker.stop()
    broker.bench, broker.more = stranger, ""
    broker.start()
    before = town.text()
    assert called(town, server, broker) == 1
    assert "the old certificate stays" in capfd.readouterr().err
    assert town.text() == before
