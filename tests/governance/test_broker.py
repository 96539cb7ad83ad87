"""A broker in a box: a real mosquitto starts on what was made, lets in who belongs, and keeps out who was revoked."""

from __future__ import annotations

import random
import subprocess
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from agent import cli
from agent.clock import SystemClock
from agent.governance.shut_out import ShutOut
from agent.provision.bench import Bench
from agent.provision.ca import Authority, belongs, ends_at, serial_of
from agent.provision.keys import load_ring
from agent.provision.revoked import Revoked
from agent.transport import Address, Connected, Disconnected
from agent.transport.loopback import wait_until_open
from agent.transport.mqtt import MqttTransport
from tests.brokers.mosquitto import free_port
from tests.brokers.waiting import messages, opened, quiet
from tests.governance.unions import folder, loaded, police

ROOM, STORE = "romagna/centre/room", "romagna/centre/store-1"
RECEIPT, RESULT = "piazza/v1/romagna/faenza/n-1/rcpt/store-1", "piazza/v1/romagna/faenza/n-1/res/store-1"


@pytest.fixture
def box(tmp_path):
    """What `piazza broker init` leaves, and the port that it is for."""
    port = free_port()
    source = folder(tmp_path / "union", police(since="2020-01-01", until="2099-12-31"))
    made = tmp_path / "box"
    command = ["broker", "init", str(made), "--union", str(source), "--host", "localhost", "--port", str(port)]
    assert cli.main(command) == 0
    return made, port


def certificate(box, name):
    return Bench(box / "keys").tls(name).certificate.read_text()


def test_leaves_are_good_for_90_days_and_partners_no_longer_than_their_agreement(tmp_path):
    at = SystemClock().now()
    soon = datetime.fromtimestamp(at, UTC).date() + timedelta(days=10)
    source = folder(tmp_path / "union", police(since="2020-01-01", until=str(soon)))
    assert cli.main(["broker", "init", str(tmp_path / "box"), "--union", str(source), "--host", "localhost"]) == 0
    assert 89 < (ends_at(certificate(tmp_path / "box", ROOM)) - at) / 86_400 < 91
    (agreed,) = loaded(source)[1]
    over = ends_at(certificate(tmp_path / "box", "romagna/centre/police")) - agreed.ends_at
    assert -2 < over <= 0


def test_a_partners_key_counts_until_the_agreement_ends_and_a_party_of_the_unions_without_an_end(box, tmp_path):
    ends = {key.subject: key.until for key in load_ring(Bench(box[0] / "keys").ring)}
    (agreed,) = loaded(tmp_path / "union")[1]
    assert (ends["romagna/centre/police"], ends[ROOM], ends[STORE]) == (agreed.ends_at, None, None)


def test_the_ring_follows_an_agreement_that_is_made_shorter_longer_or_torn_up(box, tmp_path, capsys):
    """As the authority's machine does each day."""
    bench, words = Bench(box[0] / "keys"), ["broker", "renew", str(box[0]), "--union", str(tmp_path / "union")]

    def until(**changes):
        folder(tmp_path / "union", police(**changes))
        assert cli.main(words) == 0
        (agreed,) = loaded(tmp_path / "union")[1]
        (end,) = [key.until for key in load_ring(bench.ring) if key.subject == "romagna/centre/police"]
        assert end == agreed.ends_at
        return end

    assert until(since="2020-01-01", until="2098-12-31") < until(since="2020-01-01", until="2099-06-30")
    assert "1 keys count until another day" in capsys.readouterr().out
    (tmp_path / "union/agreements/0.yaml").unlink()
    assert cli.main(words) == 0
    (end,) = [key.until for key in load_ring(bench.ring) if key.subject == "romagna/centre/police"]
    assert end is not None
    assert end <= SystemClock().now()


def test_a_partner_whose_agreement_is_over_gets_no_certificate(tmp_path):
    source = folder(tmp_path / "union", police(since="2020-01-01", until="2020-12-31"))
    assert cli.main(["broker", "init", str(tmp_path / "box"), "--union", str(source), "--host", "localhost"]) == 0
    assert not Bench(tmp_path / "box/keys").tls("romagna/centre/police").certificate.exists()


def test_nothing_that_is_there_is_replaced(box, capsys, tmp_path):
    command = ["broker", "init", str(box[0]), "--union", str(tmp_path / "union"), "--host", "localhost"]
    assert cli.main(command) == 2
    assert "is there already" in capsys.readouterr().err


def test_list_names_what_is_revoked(box, capsys):
    assert cli.main(["broker", "list", str(box[0])]) == 0
    assert cli.main(["broker", "revoke", str(box[0]), ROOM]) == 0
    assert cli.main(["broker", "list", str(box[0])]) == 1
    assert "revoked" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["list", "nowhere"], ["revoke", "nowhere", "a/b/c"]])
def test_a_folder_that_is_none_is_told(command):
    assert cli.main(["broker", *command]) == 2


def test_who_is_not_there_cannot_be_revoked(box, capsys):
    assert cli.main(["broker", "revoke", str(box[0]), "romagna/centre/nobody"]) == 2
    assert "romagna/centre/store-1" in capsys.readouterr().err


def test_renewing_keeps_the_key_and_the_revocations(box, capsys, tmp_path):
    """Certificates that end within a month are made anew; those that were revoked are not."""
    bench = Bench(box[0] / "keys")
    for name in (ROOM, STORE):
        files = bench.tls(name)
        authority = Authority(bench.folder / "ca")
        files.certificate.write_text(authority.again(files, at=SystemClock().now(), days=5))
    cli.main(["broker", "revoke", str(box[0]), ROOM])
    numbers = Revoked(Authority(bench.folder / "ca")).numbers()
    assert cli.main(["broker", "renew", str(box[0]), "--union", str(tmp_path / "union")]) == 0
    assert "1 renewed" in capsys.readouterr().out
    renewed = certificate(box[0], STORE)
    assert belongs(renewed, bench.tls(STORE).key)
    assert (ends_at(renewed) - SystemClock().now()) / 86_400 > 80
    assert serial_of(certificate(box[0], ROOM)) in numbers == Revoked(Authority(bench.folder / "ca")).numbers()


def test_a_revocation_ends_every_certificate_that_was_made_for_a_party(box, tmp_path):
    """A copy of the one before the renewal would be good for another month."""
    first = certificate(box[0], ROOM)
    files = Bench(box[0] / "keys").tls(ROOM)
    files.certificate.write_text(Authority(box[0] / "keys/ca").again(files, at=SystemClock().now(), days=90))
    assert cli.main(["broker", "revoke", str(box[0]), ROOM]) == 0
    numbers = Revoked(Authority(box[0] / "keys/ca")).numbers()
    assert {serial_of(first), serial_of(certificate(box[0], ROOM))} <= set(numbers)


def applied(box, tmp_path):
    return cli.main(["patto", "apply", str(tmp_path / "union"), "--write", str(box[0] / "mosquitto/acl")])


def named(box):
    return "user romagna.centre.room\n" in (box[0] / "mosquitto/acl").read_text()


def test_who_was_revoked_stays_out_though_the_union_names_them_still(box, capsys, tmp_path):
    assert named(box)
    cli.main(["broker", "revoke", str(box[0]), ROOM])
    assert applied(box, tmp_path) == 0
    assert not named(box)
    assert f"{ROOM}: was revoked and is kept out" in capsys.readouterr().out


def test_who_is_taken_back_has_new_keys_and_the_old_ones_stay_worthless(box, tmp_path):
    bench = Bench(box[0] / "keys")
    before, signed = bench.tls(ROOM).key.read_bytes(), {key.kid for key in load_ring(bench.ring)}
    old = serial_of(certificate(box[0], ROOM))
    cli.main(["broker", "revoke", str(box[0]), ROOM])
    assert cli.main(["broker", "readmit", str(box[0]), ROOM, "--union", str(tmp_path / "union")]) == 0
    assert applied(box, tmp_path) == 0
    assert named(box)
    numbers = Revoked(Authority(bench.folder / "ca")).numbers()
    assert (old in numbers, serial_of(certificate(box[0], ROOM)) in numbers) == (True, False)
    assert bench.tls(ROOM).key.read_bytes() != before
    assert len({key.kid for key in load_ring(bench.ring)} - signed) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [(STORE, "was not revoked"), ("romagna/centre/gone", "neither union.yaml nor an agreement names")],
)
def test_only_who_was_revoked_and_is_named_is_taken_back(box, capsys, tmp_path, name, said):
    ShutOut(box[0] / "mosquitto/acl").add("romagna/centre/gone")
    assert cli.main(["broker", "readmit", str(box[0]), name, "--union", str(tmp_path / "union")]) == 2
    assert said in capsys.readouterr().err


def test_renewing_gives_a_partner_no_day_beyond_the_agreement(box, tmp_path, capsys):
    """It was renewed for 90 days, whatever was agreed; one that nobody names any more is not renewed at all."""
    soon = datetime.fromtimestamp(SystemClock().now(), UTC).date() + timedelta(days=20)
    source = folder(tmp_path / "later", police(since="2020-01-01", until=str(soon)))
    bench = Bench(box[0] / "keys")
    for name in ("romagna/centre/police", STORE):
        files = bench.tls(name)
        files.certificate.write_text(Authority(bench.folder / "ca").again(files, at=SystemClock().now(), days=5))
    (source / "union.yaml").write_text((source / "union.yaml").read_text().replace("id: store-1", "id: store-2"))
    before = certificate(box[0], STORE)
    assert cli.main(["broker", "renew", str(box[0]), "--union", str(source)]) == 0
    assert certificate(box[0], STORE) == before
    assert 19 < (ends_at(certificate(box[0], "romagna/centre/police")) - SystemClock().now()) / 86_400 < 22.5
    assert "1 renewed" in capsys.readouterr().out


def soon_over(box, name):
    """A party's certificate as it is five days before its end."""
    files = Bench(box / "keys").tls(name)
    text = Authority(box / "keys/ca").again(files, at=SystemClock().now(), days=5)
    files.certificate.write_text(text)
    return text


def test_a_certificate_that_cannot_be_tried_takes_nobodys_place(box, capsys, tmp_path):
    """The broker is away: the old one stays, it is said, and the next day tries again."""
    before = soon_over(box[0], STORE)
    words = ["--union", str(tmp_path / "union"), "--broker", f"localhost:{box[1]}"]
    assert cli.main(["broker", "renew", str(box[0]), *words]) == 1
    assert certificate(box[0], STORE) == before
    assert f"{STORE}: the old certificate stays" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.broker
def test_a_certificate_is_tried_at_the_broker_before_it_takes_the_old_ones_place(program, box, capsys, tmp_path):
    made, port = box
    before = soon_over(made, STORE)
    with mosquitto(program, box, tmp_path / "log"):
        words = ["--union", str(tmp_path / "union"), "--broker", f"localhost:{port}"]
        assert cli.main(["broker", "renew", str(made), *words]) == 0
        assert isinstance(answer(made, port, STORE), Connected)
    assert certificate(made, STORE) != before
    assert f"{STORE}: renewed for 90 days\n" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.broker
def test_mosquitto_runs_on_it_and_keeps_out_who_was_revoked(program, box, tmp_path):
    made, port = box
    cli.main(["broker", "revoke", str(made), ROOM])
    with mosquitto(program, box, tmp_path / "log"):
        assert isinstance(answer(made, port, STORE), Connected)
        refused = answer(made, port, ROOM)
    assert isinstance(refused, Disconnected)


@pytest.mark.slow
@pytest.mark.broker
def test_a_revocation_reaches_a_session_that_is_open(program, box, tmp_path):
    """The control room reads on, hears nothing from the moment on, and others lose nothing."""
    made, port = box
    log, pid = tmp_path / "log", tmp_path / "pid"
    with (
        mosquitto(program, box, log, f"pid_file {pid}\n"),
        closing(client(made, port, STORE)) as store,
        closing(client(made, port, ROOM)) as room,
    ):
        for one in (store, room):
            opened(one, "piazza/v1/romagna/faenza/+/rcpt/+", "piazza/v1/romagna/faenza/+/res/+")
        said_by(store, RECEIPT, b"before")
        assert [news.payload for news in messages(room, 1)] == [b"before"]
        assert cli.main(["broker", "revoke", str(made), ROOM, "--reload", str(pid)]) == 0
        until_reloaded(log)
        said_by(store, RECEIPT, b"after")
        said_by(store, RESULT, b"after")
        assert [news.payload for news in messages(store, 1)] == [b"after"]
        assert quiet(room) == []


@pytest.mark.slow
@pytest.mark.broker
def test_what_a_store_gives_again_reaches_those_alone_who_read_every_class(program, box, tmp_path):
    """It stands under `res`: a maintainer reads there what nodes answer, and the police can neither ask nor listen."""
    made, port = box
    asking, answers = "piazza/v1/romagna/faenza/n-1/cmd/store-1", "piazza/v1/romagna/faenza/+/res/+"
    with (
        mosquitto(program, box, tmp_path / "log"),
        closing(client(made, port, STORE)) as store,
        closing(client(made, port, ROOM)) as room,
        closing(client(made, port, "romagna/centre/fleet")) as maintainer,
        closing(client(made, port, "romagna/centre/police")) as officer,
    ):
        opened(store, asking)
        for one in (room, maintainer, officer):
            opened(one, answers)
        said_by(officer, asking, b"police")
        said_by(room, asking, b"room")
        assert [news.payload for news in messages(store, 1)] == [b"room"]
        said_by(store, RESULT, b"given again")
        assert [news.payload for news in messages(room, 1)] == [b"given again"]
        assert quiet(maintainer) == quiet(officer) == []


@contextmanager
def mosquitto(program, box, log, more=""):
    """Mosquitto on the settings that `broker init` wrote, and `more` of them, as the user who may read its keys."""
    made, port = box
    settings = made / "mosquitto/mosquitto.conf"
    settings.write_text(f"{settings.read_text()}user {made.owner()}\n{more}")
    with log.open("wb") as said:
        broker = subprocess.Popen([program("mosquitto"), "-c", str(settings)], stdout=said, stderr=said)
    try:
        wait_until_open(port, SystemClock(), log=log)
        yield
    finally:
        broker.terminate()
        broker.wait()


def client(made, port, name):
    bench = Bench(made / "keys")
    files = bench.tls(name)
    address = Address("localhost", port, str(bench.ca), str(files.certificate), str(files.key))
    return MqttTransport(address, clock=SystemClock(), randomness=random.Random(0), session_s=0)


def said_by(party, topic, payload):
    while not party.publish(topic, payload):
        party.poll(0.05)


def until_reloaded(log):
    clock = SystemClock()
    until = clock.monotonic() + 60
    while b"Reloading config" not in log.read_bytes():
        assert clock.monotonic() < until
        clock.sleep(0.02)


def answer(made, port, name):
    """What the broker says to a party first."""
    transport = client(made, port, name)
    transport.open()
    try:
        for _ in range(200):
            for news in transport.poll(0.1):
                return news
    finally:
        transport.close()
    raise AssertionError("no answer")
