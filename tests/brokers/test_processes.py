"""The real commands, as processes, on mosquitto with TLS and the access list of the contract."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.contract.jws import KeyRing
from agent.provision.keys import load_ring, save_ring
from agent.uplink.outbox import OutboxReader
from agent.uplink.simulated import BIRTH
from tests.brokers.town import NODE, Town, event, town

pytestmark = pytest.mark.broker

LINK_MIB = 45


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path / "town") as made:
        yield made


def rss_mib(process: subprocess.Popen[bytes]) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.mark.slow
def test_events_reach_the_store_and_leave_the_outbox(place: Town):
    """The whole path: spool, link, mosquitto, store, receipt, inbox, and the row is gone."""
    clock = SystemClock()
    spool = place.spool()
    spool.birth(BIRTH)
    store, link = place.start("store"), place.start("link")
    for number in range(1, 101):
        spool.put(event(number, clock.now()))
    spool.flush()
    place.wait(lambda: len(place.stored()) == 101)

    def gone() -> bool:
        spool.tick(clock.now())
        return not OutboxReader(place.state / "outbox.sqlite").after(0, limit=1)

    place.wait(gone)
    assert rss_mib(link) <= LINK_MIB
    assert (place.stop("link"), place.stop("store")) == (0, 0)
    assert '"fresh": 101' in place.log("store")
    assert store.returncode == 0


@pytest.mark.slow
def test_a_watcher_sees_what_happens_as_json_and_verified(place: Town):
    clock = SystemClock()
    spool = place.spool()
    spool.birth(BIRTH)
    watch = place.start("watch", "--json", stdout=subprocess.PIPE)
    assert watch.stdout
    assert json.loads(watch.stdout.readline())["text"] == "connected"
    place.start("link")
    spool.put(event(41, clock.now()))
    spool.flush()
    seen = [json.loads(watch.stdout.readline()) for _ in range(3)]
    assert {line["mark"] for line in seen} == {"verified"}
    assert {line["class"] for line in seen} == {"state", "audit", "evt"}
    told = next(line for line in seen if line["class"] == "evt")
    assert told["text"].startswith("loitering opened: gate (gate-cam): a person stays 41 s")
    assert told["node"] == str(NODE)
    watch.stdout.close()


@pytest.mark.slow
def test_a_client_of_another_make_sees_the_traffic_of_the_contract(place: Town):
    spool = place.spool()
    spool.birth(BIRTH)
    place.start("link")
    address = place.broker.address("romagna/centre/watcher")
    tls = ["--cafile", address.ca, "--cert", address.certificate, "--key", address.key]
    heard = subprocess.run(
        ["mosquitto_sub", "-h", "localhost", "-p", str(address.port), *tls, "-t", "piazza/v1/#", "-v", "-C", "1"],
        capture_output=True,
        timeout=120,
        check=True,
        text=True,
    ).stdout
    topic, token = heard.split()
    assert topic == f"piazza/v1/{NODE}/state/node"
    assert token.count(".") == 2


@pytest.mark.slow
def test_a_refused_certificate_ends_watch_with_2_and_a_hint(place: Town):
    place.bench.add_reader("romagna/centre/nobody", at=SystemClock().now() - 500 * 86_400)
    watch = place.start("watch", "--name", "romagna/centre/nobody", stderr=subprocess.PIPE)
    _, said = watch.communicate(timeout=120)
    assert watch.returncode == 2
    assert "->" in said.decode()
    assert b"Traceback" not in said


@pytest.mark.slow
def test_an_absent_broker_is_waited_for_and_nothing_is_lost(place: Town):
    clock = SystemClock()
    place.broker.stop()
    spool = place.spool()
    spool.put(event(1, clock.now()))
    spool.flush()
    place.start("store")
    place.start("link")
    place.wait(lambda: "no session with the broker" in place.log("link"))
    place.broker.start()
    place.wait(lambda: place.stored() == [1])


@pytest.mark.slow
def test_a_store_believes_who_joins_the_ring_and_not_who_left_it_without_a_restart(place: Town):
    clock, spool, ring = SystemClock(), place.spool(), load_ring(place.bench.ring)
    without = KeyRing()
    for key in ring:
        if key.role != "node":
            without.add(key)
    save_ring(place.bench.ring, without)
    place.start("store")
    place.wait(lambda: "keeping events" in place.log("store"))
    save_ring(place.bench.ring, ring)
    place.wait(lambda: place.log("store").count("the key ring was read again") == 1)
    spool.put(event(1, clock.now()))
    spool.flush()
    place.start("link")
    place.wait(lambda: place.stored() == [1])
    save_ring(place.bench.ring, without)
    place.wait(lambda: place.log("store").count("the key ring was read again") == 2)
    spool.put(event(2, clock.now()))
    spool.flush()
    place.wait(lambda: "unknown-key" in place.log("store"))
    assert place.stored() == [1]
