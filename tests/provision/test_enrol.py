"""Enrolment: a token is good for one name and one set of keys, a person can stop it, and a lost answer costs nothing."""

from __future__ import annotations

import hashlib
import socket
import ssl
import stat
import subprocess
from contextlib import closing

import msgspec
import pytest

from agent.cli import main
from agent.clock import SimulatedClock, SystemClock
from agent.contract.jws import Signer
from agent.contract.topics import NodeName
from agent.errors import BrokerAbsent, BrokerRefused, KeyFileError, Refused, UserError
from agent.files import write_atomic
from agent.provision.bench import Bench
from agent.provision.ca import Authority, belongs, ends_at, new_request, serial_of
from agent.provision.enrol import Answer, Petition, Word
from agent.provision.enrol_desk import TRIES, Desk
from agent.provision.enrol_node import Home, Place, enrol, home, install, over_https, petition, renew
from agent.provision.enrol_server import EnrolServer
from agent.provision.identity import LASTS_S, Ticket
from agent.provision.keys import load_ring, load_signer
from agent.provision.over_https import context
from tests.serving import served

NAME = NodeName("romagna-faentina", "brisighella", "n-0017")
AT = 1_777_624_200.0


@pytest.fixture
def bench(tmp_path):
    return Bench.make(tmp_path / "authority", at=AT)


@pytest.fixture
def desk(bench):
    return Desk(bench)


def a_node(tmp_path, ticket, *, called="node"):
    """A machine that booted from the card with this ticket."""
    root = tmp_path / called
    for part in ("keys", "tls"):
        (root / part).mkdir(parents=True)
    (root / "enrol.json").write_bytes(msgspec.json.encode(ticket))
    return Place(root)


def a_ticket(server="localhost:1", *, name=NAME):
    return Ticket.new(name, server, at=AT)


def test_a_node_that_was_approved_beforehand_gets_its_certificates_at_once(desk, bench, tmp_path):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    place = a_node(tmp_path, ticket)
    enrol(place, lambda asked: desk.take(asked, at=AT), clock=SimulatedClock(AT), say=print)
    for part in ("tls", "aim"):
        assert belongs(place.certificate(part).read_text(), place.key(part))
        assert stat.S_IMODE(place.key(part).stat().st_mode) == 0o600
    (key,) = load_ring(bench.ring)
    assert (key.role, key.subject, key.kid) == ("node", str(NAME), load_signer(place.signing).kid)
    assert load_ring(place.ring).to_jwks() == load_ring(bench.ring).to_jwks()


def test_the_certificates_are_what_openssl_accepts(desk, bench, tmp_path, program):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    place = a_node(tmp_path, ticket)
    enrol(place, lambda asked: desk.take(asked, at=AT), clock=SimulatedClock(AT), say=print)
    for part, purpose in (("tls", "sslclient"), ("aim", "sslserver")):
        command = [program("openssl"), "verify", "-CAfile", str(bench.ca), "-attime", f"{AT:.0f}", "-purpose", purpose]
        done = subprocess.run([*command, str(place.certificate(part))], capture_output=True, text=True, check=False)
        assert done.stdout.endswith(": OK\n"), done.stderr


def test_the_ticket_is_wiped_once_the_certificates_are_there(desk, tmp_path):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    place = a_node(tmp_path, ticket)
    enrol(place, lambda asked: desk.take(asked, at=AT), clock=SimulatedClock(AT), say=print)
    assert not place.ticket.exists()
    assert not any(ticket.token.encode() in path.read_bytes() for path in place.root.rglob("*") if path.is_file())


def test_a_node_waits_until_a_person_says_yes(desk, tmp_path):
    said: list[str] = []
    ticket, clock = a_ticket(), SimulatedClock(AT)
    desk.expect(ticket, approved=False)

    def send(asked):
        if clock.now() > AT + 25:
            desk.approve(str(NAME))
        return desk.take(asked, at=clock.now())

    enrol(a_node(tmp_path, ticket), send, clock=clock, say=said.append)
    assert said == ["a person must approve this node"] * 3
    assert clock.now() == AT + 30


def test_an_authority_that_is_away_is_asked_again(desk, tmp_path):
    ticket, clock = a_ticket(), SimulatedClock(AT)
    desk.expect(ticket, approved=True)

    def send(asked):
        if clock.now() < AT + 100:
            raise BrokerAbsent("nobody is there")
        return desk.take(asked, at=clock.now())

    place = a_node(tmp_path, ticket)
    enrol(place, send, clock=clock, say=print)
    assert place.certificate("tls").exists()


def test_a_lost_answer_is_given_again_and_nothing_is_made_twice(desk, bench, tmp_path):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    asked = petition(a_node(tmp_path, ticket), ticket)
    assert desk.take(asked, at=AT) == desk.take(asked, at=AT + 60)
    assert len(list(load_ring(bench.ring))) == 1


def test_a_node_cut_off_at_any_file_asks_with_the_same_keys(desk, tmp_path):
    """Its keys are there, the ticket too: the second boot ends as the first would have."""
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    place = a_node(tmp_path, ticket)
    first = petition(place, ticket)
    desk.take(first, at=AT)
    assert petition(place, ticket).keys() == first.keys()
    enrol(place, lambda asked: desk.take(asked, at=AT), clock=SimulatedClock(AT), say=print)
    assert place.certificate("tls").exists()


# What is refused


def refusal(desk, asked, *, at=AT):
    answer = desk.take(asked, at=at)
    assert (answer.word, answer.link, answer.ring) == (Word.REFUSED, "", "")
    return answer.why


def test_a_copied_card_is_worthless_once_the_first_machine_has_used_it(desk, tmp_path):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    desk.take(petition(a_node(tmp_path, ticket), ticket), at=AT)
    thief = petition(a_node(tmp_path, ticket, called="thief"), ticket)
    assert refusal(desk, thief) == "this card was used by another machine"


def test_a_wrong_token_and_an_unknown_name_sound_the_same(desk, tmp_path):
    desk.expect(a_ticket(), approved=True)
    guess = petition(a_node(tmp_path, a_ticket()), a_ticket())
    stranger = a_ticket(name=NodeName("u", "c", "nobody"))
    assert refusal(desk, guess) == refusal(desk, petition(a_node(tmp_path, stranger, called="other"), stranger))


def test_guessing_makes_the_card_worthless(desk, tmp_path):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    place = a_node(tmp_path, ticket)
    guess = petition(place, changed_token(ticket))
    for _ in range(TRIES):
        refusal(desk, guess)
    assert refusal(desk, petition(place, ticket)) == "this card is not known"


def changed_token(ticket):
    return msgspec.structs.replace(ticket, token="A" * 43)


def test_a_card_from_the_drawer_is_too_old(desk, tmp_path):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    assert "too old" in refusal(desk, petition(a_node(tmp_path, ticket), ticket), at=AT + LASTS_S + 1)


def test_a_petition_with_somebody_elses_request_is_refused(desk, tmp_path):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    asked = petition(a_node(tmp_path, ticket), ticket)
    foreign = new_request(tmp_path / "foreign.pem", str(NAME))
    assert refusal(desk, msgspec.structs.replace(asked, link=foreign)) == "the proof is for other requests"


def test_a_signing_key_without_its_private_half_is_refused(desk, tmp_path):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    asked = petition(a_node(tmp_path, ticket), ticket)
    other = Petition.of(name=asked.name, token=asked.token, link=asked.link, page=asked.page, signer=Signer(bytes(32)))
    refusal(desk, msgspec.structs.replace(asked, signing=other.signing))


def test_a_request_that_is_none_is_refused(desk, tmp_path):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    signer = load_signer(petitioned(tmp_path, ticket).signing)
    asked = Petition.of(name=ticket.name, token=ticket.token, link="x", page="y", signer=signer)
    assert "no certificate request" in refusal(desk, asked)


def petitioned(tmp_path, ticket):
    place = a_node(tmp_path, ticket)
    petition(place, ticket)
    return place


def test_certificates_for_other_keys_are_not_installed(desk, tmp_path):
    one, two = a_ticket(), a_ticket(name=NodeName("u", "c", "two"))
    for ticket in (one, two):
        desk.expect(ticket, approved=True)
    answer = desk.take(petition(a_node(tmp_path, one, called="one"), one), at=AT)
    other = a_node(tmp_path, two, called="two")
    petition(other, two)
    with pytest.raises(KeyFileError, match="not for our key"):
        install(other, answer)
    assert other.ticket.exists()


def test_a_refusal_ends_the_asking_and_keeps_the_ticket(desk, tmp_path):
    place = a_node(tmp_path, a_ticket())
    with pytest.raises(Refused, match="not known"):
        enrol(place, lambda asked: desk.take(asked, at=AT), clock=SimulatedClock(AT), say=print)
    assert place.ticket.exists()


# One node in another's place


def enrolled(desk, tmp_path, *, called):
    ticket = a_ticket()
    desk.expect(ticket, approved=True)
    place = a_node(tmp_path, ticket, called=called)
    return ticket, place


def test_a_second_node_of_a_name_waits_even_where_its_card_was_approved_beforehand(desk, tmp_path):
    ticket, place = enrolled(desk, tmp_path, called="old")
    desk.take(petition(place, ticket), at=AT)
    ticket, place = enrolled(desk, tmp_path, called="new")
    assert desk.take(petition(place, ticket), at=AT).word is Word.WAIT
    with pytest.raises(UserError, match="has a node already"):
        desk.approve(str(NAME))


def test_taking_over_ends_the_old_keys(desk, bench, tmp_path):
    ticket, old = enrolled(desk, tmp_path, called="old")
    first = desk.take(petition(old, ticket), at=AT)
    ticket, new = enrolled(desk, tmp_path, called="new")
    desk.take(petition(new, ticket), at=AT)
    desk.approve(str(NAME), take_over=True)
    desk.take(petition(new, ticket), at=AT)
    assert [key.kid for key in load_ring(bench.ring)] == [load_signer(new.signing).kid]
    listed = subprocess.run(
        ["openssl", "crl", "-in", str(bench.folder / "ca/crl.pem"), "-text", "-noout"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"{serial_of(first.link):X}" in listed.replace(":", "").upper()


def test_an_older_card_of_the_same_name_is_worthless(desk, tmp_path):
    old = a_ticket()
    desk.expect(old, approved=True)
    desk.expect(a_ticket(), approved=True)
    assert refusal(desk, petition(a_node(tmp_path, old), old)) == "this card is not known"


# Renewal

DAY_S = 86_400.0


def an_enrolled(desk, tmp_path):
    ticket = a_ticket("authority.example:8884")
    desk.expect(ticket, approved=True)
    place = a_node(tmp_path, ticket)
    enrol(place, lambda asked: desk.take(asked, at=AT), clock=SimulatedClock(AT), say=print)
    return place


def test_a_certificate_is_renewed_for_the_same_keys_before_it_ends(desk, tmp_path):
    place = an_enrolled(desk, tmp_path)
    keys = place.key("tls").read_bytes(), place.signing.read_bytes()
    before = ends_at(place.certificate("tls").read_text())
    assert renew(place, lambda asked: desk.renew(asked, at=AT + 60 * DAY_S))
    assert ends_at(place.certificate("tls").read_text()) == before + 60 * DAY_S
    assert (place.key("tls").read_bytes(), place.signing.read_bytes()) == keys


def test_a_certificate_that_lasts_long_enough_stays(desk, tmp_path):
    place = an_enrolled(desk, tmp_path)
    assert not renew(place, lambda asked: desk.renew(asked, at=AT + 40 * DAY_S))


def test_a_renewed_certificate_is_tried_before_it_takes_the_old_ones_place(desk, tmp_path):
    place = an_enrolled(desk, tmp_path)
    before, seen = place.certificate("tls").read_text(), []

    def trial(staged):
        seen.append((belongs(staged.read_text(), place.key("tls")), place.certificate("tls").read_text() == before))

    assert renew(place, lambda asked: desk.renew(asked, at=AT + 60 * DAY_S), trial=trial)
    assert seen == [(True, True)]
    assert place.certificate("tls").read_text() != before
    assert not place.certificate("tls").with_suffix(".new").exists()


def test_a_certificate_that_the_broker_refuses_changes_nothing(desk, tmp_path):
    place = an_enrolled(desk, tmp_path)
    before = place.certificate("tls").read_text(), place.certificate("aim").read_text()

    def trial(_):
        raise BrokerRefused("no")

    with pytest.raises(BrokerRefused):
        renew(place, lambda asked: desk.renew(asked, at=AT + 60 * DAY_S), trial=trial)
    assert (place.certificate("tls").read_text(), place.certificate("aim").read_text()) == before
    assert not place.certificate("tls").with_suffix(".new").exists()


def test_a_node_that_was_replaced_can_renew_nothing(desk, tmp_path):
    old = an_enrolled(desk, tmp_path)
    desk.expect(a_ticket(), approved=False)
    with pytest.raises(Refused, match="only a node that is enrolled"):
        renew(old, lambda asked: desk.renew(asked, at=AT + 60 * DAY_S))


def test_other_keys_cannot_be_renewed_under_a_name(desk, tmp_path):
    an_enrolled(desk, tmp_path)
    stranger = a_node(tmp_path, a_ticket(), called="stranger")
    asked = petition(stranger, Home(str(NAME), "x:1"))
    answer = desk.renew(asked, at=AT + 60 * DAY_S)
    assert (answer.word, "only for its own keys" in answer.why) == (Word.REFUSED, True)
    assert refusal(desk, asked) == "this card is not known"  # renewal is not for who comes by the door of enrolment


def test_a_node_that_never_enrolled_says_so(tmp_path):
    with pytest.raises(KeyFileError, match="authority"):
        home(a_node(tmp_path, a_ticket()))


# Over the network


@pytest.fixture
def server(bench, desk):
    """The desk on a free port of this machine; gives HOST:PORT."""
    listening = EnrolServer(("127.0.0.1", 0), bench.broker, lambda asked: desk.take(asked, at=AT))
    with served(listening):
        yield f"localhost:{listening.server_port}"


def test_a_node_enrols_over_https(server, bench, desk, tmp_path):
    ticket = a_ticket(server)
    desk.expect(ticket, approved=True)
    place = a_node(tmp_path, ticket)
    place.ca.write_bytes(bench.ca.read_bytes())
    assert main(["enrol", "node", "--etc", str(place.root)]) == 0
    assert belongs(place.certificate("tls").read_text(), place.key("tls"))
    assert main(["enrol", "node", "--etc", str(place.root)]) == 0


def test_a_server_that_the_card_does_not_name_gets_no_token(server, tmp_path):
    stranger = Bench.make(tmp_path / "stranger", at=AT)
    ticket = a_ticket(server)
    asked = petition(a_node(tmp_path, ticket), ticket)
    with pytest.raises(BrokerAbsent, match="its certificate is refused"):
        over_https(ticket.server, stranger.ca)(asked)


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [("/enrol", "2", 400), ("/", "2", 404), ("/enrol", "20000", 404), ("/enrol", "0", 404), ("/enrol", "two", 404)],
)
def test_anything_else_that_is_sent_gets_a_short_no(server, bench, path, length, status):
    assert sent(server, bench, path, b"{}", length) == (status, Word.REFUSED)


@pytest.mark.parametrize("body", [b'{"name": "\xff"}', b'{"other": ' + b"[" * 9_000, b"\xff" * 9])
def test_a_petition_that_cannot_be_read_gets_a_short_no(server, bench, body, capsys):
    assert sent(server, bench, "/enrol", body, str(len(body))) == (400, Word.REFUSED)
    assert capsys.readouterr().err == ""


def sent(server, bench, path, body, length):
    """What a server answers to who has no certificate."""
    import http.client

    context = ssl.create_default_context(cafile=str(bench.ca))
    line = http.client.HTTPSConnection(server, timeout=60, context=context)
    with closing(line):
        line.request("POST", path, body, {"Content-Length": length})
        response = line.getresponse()
        return response.status, msgspec.json.decode(response.read(), type=Answer).word


def test_the_list_tells_the_fingerprint_that_a_phone_shows_of_the_page(desk, bench, tmp_path, capsys):
    place = an_enrolled(desk, tmp_path)
    main(["enrol", "list", "--keys", str(bench.folder)])
    shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(place.certificate("aim").read_text())).hexdigest().upper()
    assert shown in capsys.readouterr().out.replace(":", "")


def test_the_list_tells_what_became_of_each_card(desk, bench, tmp_path, capsys):
    ticket = a_ticket()
    desk.expect(ticket, approved=False)
    keys = ["--keys", str(bench.folder)]
    main(["enrol", "list", *keys])
    desk.take(petition(a_node(tmp_path, ticket), ticket), at=AT)
    main(["enrol", "list", *keys])
    main(["enrol", "approve", *keys, str(NAME)])
    main(["enrol", "forget", *keys, str(NAME)])
    main(["enrol", "list", *keys])
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:2]] == ["expected", "waiting"]
    assert f"{NAME}: approved" in said[2]
    assert said[4:] == ["no card was made here yet: piazza image makes one"]


@pytest.mark.parametrize("act", [("list",), ("approve", str(NAME)), ("forget", str(NAME)), ("serve",)])
def test_a_folder_without_an_authority_is_told_as_such(act, tmp_path, capsys):
    assert main(["enrol", *act, "--keys", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path}: no authority lies there" in said
    assert "piazza keys init" in said


def test_a_node_without_the_authority_s_certificate_says_which_file_and_what_to_do(tmp_path, capsys):
    place = a_node(tmp_path, a_ticket())
    assert main(["enrol", "node", "--etc", str(place.root)]) == 2
    said = capsys.readouterr().err
    assert f"{place.ca}: no such file" in said
    assert "piazza image" in said


def test_a_node_that_is_refused_says_why_and_what_to_do(server, desk, bench, tmp_path, capsys):
    ticket = Ticket.new(NAME, server, at=AT)
    desk.expect(ticket, approved=True)
    desk.forget(str(NAME))
    place = a_node(tmp_path, ticket)
    place.ca.write_bytes(bench.ca.read_bytes())
    assert main(["enrol", "node", "--etc", str(place.root)]) == 1
    said = capsys.readouterr().err
    assert "this card is not known" in said
    assert "piazza image" in said


def shown_by(server, bench):
    """The number of the certificate that the authority's server shows."""
    host, _, port = server.partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as plain:
        tls = context(bench.ca).wrap_socket(plain, server_hostname=host)
        shown = tls.getpeercert(binary_form=True)
        tls.close()
    return serial_of(ssl.DER_cert_to_PEM_cert(shown or b""))


def test_the_server_shows_its_own_renewed_certificate_without_a_restart(server, bench):
    """It would otherwise end with the one that it was started with, and no node could enrol any more."""
    before = shown_by(server, bench)
    again = Authority(bench.folder / "ca").again(bench.broker, at=SystemClock().now(), days=90)
    write_atomic(bench.broker.certificate, again.encode())
    assert (before != serial_of(again), shown_by(server, bench)) == (True, serial_of(again))


def test_a_certificate_that_cannot_be_read_leaves_the_server_the_one_before(server, bench):
    before = shown_by(server, bench)
    write_atomic(bench.broker.certificate, b"no certificate")
    assert shown_by(server, bench) == before
