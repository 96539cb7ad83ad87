"""`piazza patto` as its users call it, and the table on a real mosquitto."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from random import Random

import pytest

from agent import cli
from agent.clock import SystemClock
from agent.governance import lists
from agent.governance.rights import rights
from agent.governance.table import Trial, Way, topics
from agent.governance.table_wills import WillTrial
from agent.provision.bench import Bench
from agent.transport import Message, Subscribed
from agent.transport.mqtt import MqttTransport
from tests.brokers.mosquitto import Mosquitto
from tests.governance.unions import JUNE, POLICE, UNION, folder, loaded, police

OFFICER = "romagna/centre/police"
AT = ["--at", "2026-06-01T12:00:00Z"]


@pytest.fixture
def called(capsys):
    def call(*arguments):
        code = cli.main(["patto", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def test_check_says_what_holds(called, tmp_path):
    code, said = called("check", folder(tmp_path, POLICE), *AT)
    assert code == 0
    assert "2 comuni, 3 nodes, 1 agreements" in said
    assert "holds, 2026-01-01 to 2026-12-31: Commissariato" in said


def test_check_refuses_a_wrong_agreement(called, tmp_path):
    code, said = called("check", folder(tmp_path, police(comuni=["imola"])))
    assert code == 2
    assert "'imola' is no comune of romagna (it has faenza, riolo)" in said


def test_diff_ends_with_1_when_somebody_would_see_more(called, tmp_path):
    old, new = folder(tmp_path / "old", POLICE), folder(tmp_path / "new", police(comuni=["faenza", "riolo"]))
    assert called("diff", old, new, *AT)[0] == 1
    code, said = called("diff", new, old, *AT)
    assert code == 0
    assert said.startswith("- police would no longer see")
    assert called("diff", old, old, *AT) == (0, "nobody sees more or less\n")


def test_apply_writes_only_what_has_changed_and_says_when_it_will(called, tmp_path):
    whole, acl = folder(tmp_path, POLICE), tmp_path / "acl"
    assert called("apply", whole, "--write", acl, *AT)[1].endswith("next change: 2026-12-31T23:00:00.000Z\n")
    assert acl.stat().st_mode & 0o777 == 0o600
    assert called("apply", whole, "--write", acl, *AT)[1].startswith(f"{acl}: unchanged")
    code, said = called("apply", whole, "--write", acl, "--at", "2027-01-01T00:00:00Z")
    assert (code, "next change: never" in said) == (0, True)
    assert "police" not in acl.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_list_that_is_replaced_stays_the_brokers(called, tmp_path):
    """mosquitto has let go of root when it reads the list anew."""
    whole, acl = folder(tmp_path / "union", POLICE), tmp_path / "acl"
    acl.write_text("")
    os.chown(acl, 1, 1)
    called("apply", whole, "--write", acl, *AT)
    assert (acl.stat().st_uid, acl.stat().st_mode & 0o777) == (1, 0o600)


def test_an_agreement_ends_though_the_documents_have_become_unreadable(called, tmp_path):
    """A slip of the keyboard in December must not keep the police in the square in January."""
    whole, acl = folder(tmp_path / "union", POLICE), tmp_path / "acl"
    called("apply", whole, "--write", acl, *AT)
    (whole / "agreements/0.yaml").write_text("until: [")
    code, said = called("apply", whole, "--write", acl, *AT)
    assert (code, "unchanged" in said, "were last good are in force meanwhile" in said) == (2, True, True)
    assert called("apply", whole, "--write", acl, "--at", "2026-12-31T23:00:00Z")[0] == 2
    assert "police" not in acl.read_text()
    assert "romagna.centre.room" in acl.read_text()


def test_an_agreement_ends_though_the_documents_are_gone(called, tmp_path):
    whole, acl = folder(tmp_path / "union", POLICE), tmp_path / "acl"
    called("apply", whole, "--write", acl, *AT)
    whole.rename(tmp_path / "elsewhere")
    assert called("apply", whole, "--write", acl, "--at", "2026-12-31T23:00:00Z")[0] == 2
    assert "police" not in acl.read_text()


def test_a_copy_that_cannot_be_read_either_is_no_help(called, tmp_path):
    """Then it is said what is wrong with the documents, and the list stays."""
    whole, acl = folder(tmp_path / "union", POLICE), tmp_path / "acl"
    called("apply", whole, "--write", acl, *AT)
    before = acl.read_bytes()
    (tmp_path / "acl.agreed").write_text("{}")
    (whole / "union.yaml").write_text("version: [")
    code, said = called("apply", whole, "--write", acl, *AT)
    assert (code, "union.yaml" in said, acl.read_bytes()) == (2, True, before)


def test_without_documents_that_were_ever_good_nothing_is_written(called, tmp_path):
    whole, acl = folder(tmp_path / "union", police(comuni=["imola"])), tmp_path / "acl"
    assert called("apply", whole, "--write", acl, *AT)[0] == 2
    assert not acl.exists()


def test_apply_has_the_broker_read_the_list(called, tmp_path):
    """A child that ends with a code of its own when it gets the signal stands in for the broker."""
    code = "import signal, sys; signal.signal(1, lambda *_: sys.exit(7)); print(flush=True); signal.pause()"
    broker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with broker:
        assert broker.stdout is not None
        broker.stdout.readline()
        (tmp_path / "pid").write_text(f"{broker.pid}\n")
        called("apply", folder(tmp_path, POLICE), "--write", tmp_path / "acl", "--reload", tmp_path / "pid", *AT)
        assert broker.wait(120) == 7


def test_view_prints_a_partners_document(called, tmp_path):
    code, said = called("view", folder(tmp_path, POLICE), "police-2026")
    assert (code, json.loads(said)["asyncapi"]) == (0, "3.0.0")
    assert called("view", folder(tmp_path, POLICE), "nobody")[0] == 2


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z"])
def test_an_instant_that_is_none_is_refused(called, tmp_path, text):
    assert called("check", folder(tmp_path, POLICE), "--at", text)[0] == 2


# On a real broker


@pytest.mark.slow
@pytest.mark.broker
def test_the_table_has_no_wrong_cell(called, program, tmp_path):
    program("mosquitto")
    parties = [*UNION["parties"], {"id": "authority", "role": "authority"}]
    code, said = called("test", folder(tmp_path, POLICE, parties=parties), *AT)
    assert (code, ", 0 wrong" in said) == (0, True), said
    assert "police             r      r      -      -" in said


@pytest.fixture
def parties(tmp_path):
    """Five parties with certificates."""
    bench = Bench.make(tmp_path / "keys", at=SystemClock().now())
    names = ["romagna/faenza/n-1", "romagna/riolo/n-3", "romagna/centre/room", "romagna/centre/police"]
    for name in names:
        bench.add_reader(name, at=SystemClock().now())
    return bench, names


def client(broker, name):
    return MqttTransport(broker.address(name), clock=SystemClock(), randomness=Random(0), session_s=0)


@pytest.fixture
def spoiled(tmp_path, parties):
    """A broker to whose list somebody has added two lines by hand; the union, and what was granted."""
    whole, agreed = loaded(folder(tmp_path, POLICE))
    granted = rights(whole, agreed, at=JUNE)
    riolo = "piazza/v1/romagna/riolo/+"
    more = f"\nuser romagna.centre.police\ntopic read {riolo}/evt/+\ntopic write {riolo}/cmd/+\n"
    listener = "\nuser romagna.centre.room\ntopic read #\n"
    broker = Mosquitto(tmp_path / "broker", parties[0], {}, listed=lists.mosquitto(granted) + more + listener)
    broker.start()
    yield broker, whole, granted
    broker.stop()


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.parametrize("way", [Way.PLAIN, Way.SHARED])
def test_a_drift_between_agreement_and_broker_is_found(spoiled, parties, way):
    """Whether somebody listens alone or as one of a group, and afterwards to what is retained."""
    broker, whole, granted = spoiled
    names = [name for name in parties[1] if name != "romagna/centre/room"]
    trial = Trial(names, topics(whole), lambda name: client(broker, name), SystemClock(), retain=True)
    found = [*trial.run(granted, way), *trial.run(granted, Way.RETAINED)]
    more = {
        (cell.party, cell.verb, cell.topic.rsplit("/", 1)[0], cell.way) for cell in found if cell.wrong and cell.found
    }
    assert {one for one in more if one[1] == "read" and one[0] == OFFICER} == {
        (OFFICER, "read", "piazza/v1/romagna/riolo/n-3/evt", seen) for seen in (way, Way.RETAINED)
    }


@pytest.mark.slow
@pytest.mark.broker
def test_a_will_beyond_a_right_is_found(spoiled, parties):
    """The police may suddenly command a node, if only by dying."""
    broker, whole, granted = spoiled

    def lost(name, will):
        return MqttTransport(broker.address(name), clock=SystemClock(), randomness=Random(0), session_s=0, will=will)

    some = [topic for topic in topics(whole) if str(topic.name) == "romagna/riolo/n-3"]
    trial = WillTrial([OFFICER], some, lost, client(broker, "romagna/centre/room"), SystemClock())
    wrong = [cell for cell in trial.run(granted) if cell.wrong]
    assert [(cell.topic, cell.found) for cell in wrong] == [("piazza/v1/romagna/riolo/n-3/cmd/probe", True)]


@pytest.mark.slow
@pytest.mark.broker
def test_the_end_of_an_agreement_reaches_a_session_that_is_open(called, tmp_path, parties):
    """The police lose exactly their access, the control room loses nothing, nobody reconnects."""
    whole, agreed = loaded(folder(tmp_path, POLICE))
    broker = Mosquitto(tmp_path / "broker", parties[0], {}, listed=lists.mosquitto(rights(whole, agreed, at=JUNE)))
    broker.start()
    node, room, officer = (client(broker, f"romagna/{name}") for name in ("faenza/n-1", "centre/room", "centre/police"))
    try:
        for one in (room, officer):
            one.subscribe("piazza/v1/romagna/#")
            one.open()
            until(one, Subscribed)
        node.open()
        assert heard(node, room, b"before")
        assert heard(node, officer, b"before, again")
        broker.listed = lists.mosquitto(rights(whole, agreed, at=agreed[0].ends_at))
        broker.reread()
        assert heard(node, room, b"after")
        assert b"after" not in [news.payload for news in officer.poll(0.5) if isinstance(news, Message)]
    finally:
        for one in (node, room, officer):
            one.close()
        broker.stop()


def until(one, kind):
    while not any(isinstance(news, kind) for news in one.poll(1.0)):
        pass


def heard(node, reader, payload):
    while not node.publish("piazza/v1/romagna/faenza/n-1/evt/crossing", payload):
        node.poll(0.05)
    clock = SystemClock()
    end = clock.monotonic() + 60
    while clock.monotonic() < end:
        node.poll(0.02)
        if any(isinstance(news, Message) and news.payload == payload for news in reader.poll(0.02)):
            return True
    return False
