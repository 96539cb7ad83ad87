"""What really crosses a broker, recorded by a client of another make and held against the contract's documents.

Node, link, store, operator and publisher are the real programs on mosquitto with TLS; every class that carries an
envelope is in the record: its topic, quality of service, retention, expiry and payload are what AsyncAPI and JSON Schema say.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from agent.anomaly.engine import Engine, ids
from agent.anomaly.tally import Tally
from agent.clock import SystemClock
from agent.commands.orders import Orders
from agent.commands.schema import FOLDER
from agent.contract.jws import unb64
from agent.contract.topics import NodeName
from agent.contract.types import KINDS
from agent.pipeline import Decider, Vitals
from agent.records import Health, Stat
from agent.uplink.simulated import BIRTH
from tests.brokers.roles import rights
from tests.brokers.town import NODE, OPERATOR, STORE, WATCHER, Town, event, town
from tests.governance.unions import folder

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(400), pytest.mark.xdist_group("traffic")]
WAIT_S = 120.0
SQUARE = NodeName("romagna", "centre", "square")
UNION = {"comuni": [{"id": NODE.comune, "name": "Brisighella", "nodes": [NODE.node]}],
         "parties": [{"id": SQUARE.node, "role": "publisher"}]}  # fmt: skip
DOCUMENTS = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}


@dataclass(frozen=True)
class Heard:
    """One message as mosquitto_sub tells it; `expires_s` is empty where none was given."""

    topic: str
    qos: str
    retained: str
    expires_s: str
    token: str

    @property
    def klass(self) -> str:
        return self.topic.split("/")[5]

    @property
    def payload(self) -> object:
        return json.loads(unb64(self.token.split(".")[1]))


@dataclass
class Recorder:
    """mosquitto_sub with MQTT 5 as the watcher, writing into a file."""

    place: Town
    file: Path

    def start(self) -> subprocess.Popen[bytes]:
        address = self.place.broker.address(WATCHER)
        tls = ["--cafile", address.ca, "--cert", address.certificate, "--key", address.key]
        with self.file.open("wb") as out:
            return subprocess.Popen(
                ["mosquitto_sub", "-V", "mqttv5", "-h", "localhost", "-p", str(address.port), *tls, "-q", "1",
                 "-t", "piazza/v1/#", "-F", "%t|%q|%r|%E|%p"], stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def heard(self) -> list[Heard]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return [Heard(*line.split("|")) for line in lines if line.count("|") == 4]

    def classes(self) -> set[str]:
        return {one.klass for one in self.heard()}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[list[Heard], list[Heard]]]:
    """Everything that was said while all lived, and what a client gets that comes afterwards."""
    path = tmp_path_factory.mktemp("traffic")
    with town(path / "town", more="log_type subscribe") as place:
        place.broker.bench.add_signer("publisher", str(SQUARE), at=SystemClock().now())
        granted = rights(NODE, store=str(STORE), watcher=WATCHER, operator=str(OPERATOR))
        granted[WATCHER] = ["read piazza/v1/#"]
        granted[str(SQUARE)] = ["write piazza/v1/romagna/+/+/pub/+"]
        place.broker.rights = granted
        place.broker.reread()
        live = Recorder(place, path / "live")
        process = live.start()
        try:
            place.wait(lambda: _listens(place, "piazza/v1/#"), at_most_s=WAIT_S)
            _converse(place, live)
        finally:
            process.terminate()
            process.wait()
        later = Recorder(place, path / "later")
        process = later.start()
        try:
            place.wait(lambda: later.classes() >= {"state", "health", "head", "rcpt", "pub"}, at_most_s=WAIT_S)
        finally:
            process.terminate()
            process.wait()
        yield live.heard(), later.heard()


def _converse(place: Town, recorder: Recorder) -> None:
    """A node lives, is asked and answers; a person judges; counts are published."""
    clock, spool = SystemClock(), place.spool()
    orders = Orders(spool, Decider(Engine([], new_id=ids("b")), Tally(), Vitals(frozenset())), lambda: None)
    spool.birth(BIRTH)
    spool.put(event(1, clock.now()))
    past = clock.now() // 3600 * 3600 - 7200
    for quarter in range(1, 9):
        ends = past + 900.0 * quarter
        spool.put(Stat("gate-cam", ends - 900, ends, 1.0, (("gate/person/entered", 40.0),)))
    spool.put(Health(clock.now(), (("cpu_temp_c", 61.3),)))
    spool.flush()
    place.start("store")
    place.wait(lambda: _listens(place, f"{STORE.node} 1 piazza/v1/romagna/+/+/evt/+"), at_most_s=WAIT_S)
    place.start("link")

    def turn() -> None:
        for asked in spool.tick(clock.now()):
            orders.obey(asked, clock.now())

    def heard(*classes: str) -> bool:
        turn()
        return recorder.classes() >= set(classes)

    place.wait(lambda: heard("state", "evt", "stat", "health", "audit", "head", "rcpt"), at_most_s=WAIT_S)
    asking = _piazza(place, "command", "mode", str(NODE), "pause", "--wait", "60")
    place.wait(lambda: heard("cmd", "res") and asking.poll() is not None, at_most_s=WAIT_S)
    assert asking.returncode == 0
    judging = _piazza(place, "command", "ack", str(NODE), "00000000000000aa", "useful", "--wait", "1")
    place.wait(lambda: len(place.stored()) >= 11, at_most_s=WAIT_S)
    union = folder(place.folder / "union", **UNION)
    public = _piazza(place, "public", str(union), "--db", str(place.database), "--out", str(place.folder / "site"),
                     "--secret", str(place.folder / "public.secret"), "--name", str(SQUARE))  # fmt: skip
    place.wait(lambda: judging.poll() is not None and public.poll() is not None, at_most_s=WAIT_S)
    assert public.returncode == 0
    place.wait(lambda: heard(*KINDS), at_most_s=WAIT_S)


def _listens(place: Town, subscription: str) -> bool:
    """Whether the broker's log has it: what is said before somebody listens is not heard."""
    return any(subscription in line for line in place.broker.log)


def _piazza(place: Town, *words: str) -> subprocess.Popen[bytes]:
    common = ["--broker", f"localhost:{place.broker.port}", "--keys", str(place.bench.folder)]
    return subprocess.Popen([sys.executable, "-m", "agent", *words, *common])


def test_every_class_was_really_said(record):
    assert {one.klass for one in record[0]} == set(KINDS)


def test_every_payload_is_valid_under_the_schema_of_its_class(record):
    for one in record[0]:
        Draft202012Validator(DOCUMENTS[one.klass]).validate(one.payload)


def test_every_token_is_what_the_channel_carries(record):
    for one in record[0]:
        payload = DOCUMENTS["asyncapi"]["components"]["messages"][one.klass]["payload"]
        Draft202012Validator(payload).validate(one.token)


def test_every_topic_is_the_address_of_its_channel(record):
    for one in record[0]:
        address = DOCUMENTS["asyncapi"]["channels"][one.klass]["address"]
        assert re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", address), one.topic)


def test_quality_of_service_and_expiry_are_those_of_the_operation(record):
    """The broker counts an expiry down, and a speaker may give less: a command lives as long as its asker waits."""
    for one in record[0]:
        binding = DOCUMENTS["asyncapi"]["operations"][f"publish-{one.klass}"]["bindings"]["mqtt"]
        assert one.qos == str(binding["qos"])
        most = binding.get("messageExpiryInterval")
        assert bool(one.expires_s) == (most is not None), one
        assert most is None or 0 < int(one.expires_s) <= most


def test_a_broker_keeps_exactly_what_the_contract_has_retained(record):
    retained = {one.klass for one in record[1] if one.retained == "1"}
    said = {
        klass
        for klass in KINDS
        if DOCUMENTS["asyncapi"]["operations"][f"publish-{klass}"]["bindings"]["mqtt"]["retain"]
    }
    assert retained == said == {"state", "health", "head", "rcpt", "pub"}
