"""A certificate made anew by messages: the question in a file, carried over the session that stands, and a signed answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from agent.clock import SimulatedClock
from agent.contract.certificates import MAX_REPLY_BYTES, MAX_WISH_BYTES, SIGNED, Given, Reply, Wish, topics
from agent.contract.jws import b64
from agent.contract.topics import Class, NodeName, Topic
from agent.errors import BrokerAbsent, UserError
from agent.provision.asking import Question
from agent.provision.bench import Bench
from agent.provision.ca import Authority, belongs, ends_at, new_request
from agent.provision.counter import Counter
from agent.provision.enrol import Answer, Word
from agent.provision.enrol_desk import Desk
from agent.provision.enrol_node import Place, enrol, renew, wish_of
from agent.provision.identity import Ticket
from agent.provision.renewal import RenewalDesk, new_nonce, renew_party
from agent.transport import Connected
from agent.transport.errand import AGAIN_S, MOST_ASKED, MOST_TIMES, MOST_TOLD, Errand, Way
from agent.transport.memory import MemoryBroker, MemoryTransport

STORE, NODE = NodeName("romagna", "centre", "store-1"), NodeName("romagna", "faenza", "n-1")
AT = 1_777_624_200.0
DAY_S = 86_400.0


@dataclass
class Network:
    """An authority with its desks, one party whose process holds the session, and a broker between them."""

    folder: Path
    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(AT + 60 * DAY_S))
    opened: bool = True

    def __post_init__(self) -> None:
        self.bench = Bench.make(self.folder / "keys", at=AT)
        self.bench.add_reader(str(STORE), at=AT, days=90)
        self.nodes = Desk(self.bench)
        self.broker = MemoryBroker(self.clock)
        parties = RenewalDesk(self.bench, lambda: {str(STORE): 90})
        self.counter = Counter(
            self.broker.transport("authority"), self.bench,
            node=lambda petition: self.nodes.renew(petition, at=self.clock.now()),
            party=lambda name, wish: parties.take(name, wish, at=self.clock.now()),
            places=lambda: [("romagna", "centre"), ("romagna", "faenza")], clock=self.clock, alone=threading.Lock(),
        )  # fmt: skip
        if self.opened:
            self.counter.open()
        self.session: MemoryTransport | None = None

    @property
    def files(self):
        return self.bench.tls(str(STORE))

    def carrier(self, name: NodeName, way: Way, **more) -> Errand:
        self.session = self.broker.transport(str(name))
        self.session.open()
        return Errand(way, self.session, **more)

    def question(self, name: NodeName, way: Way, errand: Errand, **more) -> Question:
        def turn() -> None:
            assert self.session is not None
            for news in self.session.poll(0.5):
                errand.hear(news)
            errand.look(self.clock.monotonic())
            if self.opened:
                self.counter.turn(0.5)
            self.clock.sleep(0.1)

        return Question(str(name), way, self.bench.ca, turn, self.clock, **more)

    def asks(self) -> int:
        return sum(f"/{Class.CSR}/" in message.topic for message in self.broker.log)


@pytest.fixture
def network(tmp_path):
    return Network(tmp_path)


def of_store(network) -> Way:
    return Way.beside(network.files.certificate, topics(STORE, "party"))


def renewed(network, question):
    return renew_party(network.files, str(STORE), question.ask, trial=lambda _: None, at=network.clock.now())


def test_a_party_renews_over_the_session_that_its_process_holds(network):
    way = of_store(network)
    assert renewed(network, network.question(STORE, way, network.carrier(STORE, way)))
    text = network.files.certificate.read_text()
    assert belongs(text, network.files.key)
    assert ends_at(text) == pytest.approx(network.clock.now() + 90 * DAY_S, abs=120)


def test_nothing_stays_behind_and_nothing_is_listened_to_afterwards(network):
    way = of_store(network)
    errand = network.carrier(STORE, way)
    question = network.question(STORE, way, errand)
    renewed(network, question)
    network.clock.sleep(2)
    question.turn()
    assert (way.question.exists(), way.answer.exists()) == (False, False)
    assert network.broker.patterns(str(STORE)) == ()


def test_question_and_answer_are_told_apart_as_mqtt_5_says(network):
    """The response topic and correlation data of the question, and the same data in the answer."""
    way = of_store(network)
    renewed(network, network.question(STORE, way, network.carrier(STORE, way)))
    asked, told = [message for message in network.broker.log if f"/{STORE}/" in message.topic]
    assert (asked.topic, asked.exchange.topic) == (way.asks, way.hears)
    assert (told.topic, told.exchange.correlation) == (way.hears, asked.exchange.correlation)
    assert (asked.retained, told.retained) == (False, False)


def test_a_node_renews_both_certificates_and_gets_the_ring(network, tmp_path):
    ticket = Ticket.new(NODE, "localhost:1", at=AT)
    network.nodes.expect(ticket, approved=True)
    place = Place(tmp_path / "etc")
    for part in ("keys", "tls"):
        (place.root / part).mkdir(parents=True)
    place.ticket.write_bytes(msgspec.json.encode(ticket))
    enrol(place, lambda asked: network.nodes.take(asked, at=AT), clock=SimulatedClock(AT), say=print)
    network.bench.add_signer("store", str(STORE).replace("store-1", "store-2"), at=AT)
    (tmp_path / "inbox").mkdir()
    way = Way.beside(place.certificate("tls"), topics(NODE, "node"), answer=tmp_path / "inbox/.crt")
    question = network.question(NODE, way, network.carrier(NODE, way))
    before = ends_at(place.certificate("aim").read_text())
    place.ca.write_bytes(network.bench.ca.read_bytes())
    assert renew(place, lambda asked: question.ask(wish_of(asked)))
    assert ends_at(place.certificate("aim").read_text()) > before
    assert place.ring.read_text() == network.bench.ring.read_text()


def test_an_authority_that_is_away_is_waited_for_and_no_longer_than_said(tmp_path):
    network = Network(tmp_path, opened=False)
    way, before = of_store(network), network.clock.monotonic()
    with pytest.raises(BrokerAbsent, match="no answer from the authority in 120 s"):
        renewed(network, network.question(STORE, way, network.carrier(STORE, way)))
    assert 120 <= network.clock.monotonic() - before < 125
    assert 120 // AGAIN_S <= network.asks() <= 120 // AGAIN_S + 1
    assert not way.question.exists()


def test_a_session_that_is_lost_meanwhile_asks_again(network):
    way = of_store(network)
    errand = network.carrier(STORE, way)
    question = network.question(STORE, way, errand)
    network.broker.answers[way.asks] = 131  # the first question goes nowhere
    turn, turns = question.turn, []

    def cut() -> None:
        turn()
        turns.append(1)
        if len(turns) == 20:
            network.broker.answers.clear()
            network.broker.cut(str(STORE))

    assert renewed(network, changed(question, turn=cut))
    assert network.clock.now() < AT + 60 * DAY_S + AGAIN_S


def changed(question, **changes):
    return Question(**{name: getattr(question, name) for name in Question.__slots__} | changes)


def test_no_more_leaves_than_the_budget_allows(network):
    way = of_store(network)
    errand = network.carrier(STORE, way, may_send=lambda topic, question: False)
    with pytest.raises(BrokerAbsent):
        renewed(network, network.question(STORE, way, errand, within_s=10.0))
    assert network.asks() == 0


def test_a_question_that_nobody_waits_for_any_more_is_not_asked_for_ever(tmp_path):
    """Whoever left it was killed; the next one who asks leaves another."""
    network = Network(tmp_path, opened=False)
    way = of_store(network)
    errand = network.carrier(STORE, way)
    turn = network.question(STORE, way, errand).turn
    way.question.write_bytes(b"left behind")
    until = network.clock.now() + 3 * MOST_TIMES * AGAIN_S
    while network.clock.now() < until:
        turn()
        network.clock.sleep(10)
    assert network.asks() == MOST_TIMES
    way.question.write_bytes(b"another")
    network.clock.sleep(AGAIN_S)
    turn()
    turn()
    assert network.asks() == MOST_TIMES + 1


def test_documents_that_become_unreadable_leave_those_heard_who_were(network):
    def unreadable():
        raise UserError("union.yaml: not YAML")

    network.counter._places = unreadable  # as its documents become
    network.clock.sleep(60)
    way = of_store(network)
    assert renewed(network, network.question(STORE, way, network.carrier(STORE, way)))


# Who lies between


def a_reply(bench, given: Given, *, key=None) -> bytes:
    text = msgspec.json.encode(given)
    return msgspec.json.encode(Reply(text.decode(), b64((key or Authority(bench.folder / "ca")).sign(SIGNED + text))))


FORGED = {
    "signed by another authority": lambda bench, other, nonce: a_reply(
        bench, Given(nonce=nonce, name=str(STORE), word="refused"), key=Authority(other.folder / "ca")
    ),
    "to another question": lambda bench, other, nonce: a_reply(
        bench, Given(nonce=new_nonce(), name=str(STORE), word="refused")
    ),
    "to another party": lambda bench, other, nonce: a_reply(bench, Given(nonce=nonce, name=str(NODE), word="refused")),
    "no reply": lambda bench, other, nonce: b'{"given": "{", "signature": "!"}',
    "no JSON": lambda bench, other, nonce: b"\xff",
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_what_the_authority_has_not_said_to_this_question_is_not_heard(network, tmp_path, forge):
    other = Bench.make(tmp_path / "other", at=AT)
    way = of_store(network)
    question = network.question(STORE, way, network.carrier(STORE, way))
    turn = question.turn

    def between() -> None:
        if way.question.exists() and not network.asks():
            nonce = msgspec.json.decode(way.question.read_bytes(), type=Wish).nonce
            way.answer.write_bytes(forge(network.bench, other, nonce))
        turn()

    assert renewed(network, changed(question, turn=between))


def test_a_link_in_the_place_of_the_answer_is_not_followed(network, tmp_path):
    way = of_store(network)
    (tmp_path / "elsewhere").write_bytes(b"precious")
    way.answer.symlink_to(tmp_path / "elsewhere")
    assert renewed(network, network.question(STORE, way, network.carrier(STORE, way)))
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"x" * (MAX_WISH_BYTES + 1), b"[" * 5000, b'{"nonce":"\xff"}', b'{"\xff":1}']
)
def test_what_is_no_wish_gets_no_answer(network, payload):
    stranger = network.broker.transport("stranger")
    stranger.open()
    assert any(isinstance(news, Connected) for news in stranger.poll(0))
    stranger.publish(str(Topic(STORE, Class.CSR, "party")), payload)
    network.counter.turn(1.0)
    network.counter.turn(1.0)
    assert [message for message in network.broker.log if f"/{Class.CRT}/" in message.topic] == []


def test_a_ring_that_no_broker_carries_stays_with_the_authority(tmp_path):
    network, sent = Network(tmp_path, opened=False), []

    def long(_petition) -> Answer:
        return Answer(Word.GRANTED, link="a", page="b", ring="r" * MAX_REPLY_BYTES)

    network.counter = Counter(
        network.broker.transport("authority"), network.bench, node=long, party=lambda name, wish: Answer(Word.REFUSED),
        places=lambda: [("romagna", "faenza")], clock=network.clock, alone=threading.Lock(),
    )  # fmt: skip
    network.counter.open()
    network.counter.turn(0)
    node = network.broker.transport(str(NODE))
    node.subscribe(topics(NODE, "node")[1])
    node.open()
    sent += node.poll(0)
    wish = Wish(nonce=new_nonce(), request=new_request(network.files.key, str(NODE)))
    node.publish(topics(NODE, "node")[0], msgspec.json.encode(wish))
    network.counter.turn(1.0)
    (told,) = [news for news in node.poll(1.0) if hasattr(news, "payload")]
    given = msgspec.json.decode(msgspec.json.decode(told.payload, type=Reply).given, type=Given)
    assert (given.word, given.link, given.ring) == ("granted", "a", "")


def test_what_may_be_said_may_be_carried():
    assert (MOST_ASKED, MOST_TOLD) == (MAX_WISH_BYTES, MAX_REPLY_BYTES)
