"""`piazza fleet simulate` on what is shipped in `deploy/`, with a store, as processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.cli import main
from agent.clock import SystemClock
from agent.commands.fleet import UNION, add_keys
from agent.contract.topics import NodeName
from agent.fleet.simulation import names
from agent.provision.bench import Bench
from tests.brokers.deployed import Bridged, Deployment, NotInstalled, Parties

COMUNI, NODES = 2, 4
STORE = NodeName(UNION, "centre", "store-1")
WATCHER = NodeName(UNION, "centre", "watcher")
BRIDGES = [NodeName(UNION, "centre", f"bridge-comune-{number}") for number in (1, 2)]


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Deployment]:
    """A broker in each comune, bridged to the centre."""
    at = SystemClock().now()
    bench = Bench.make(tmp_path / "keys", at=at)
    bench.add_signer("store", str(STORE), at=at)
    for reader in (WATCHER, *BRIDGES):
        bench.add_reader(str(reader), at=at)
    who = names(UNION, comuni=COMUNI, nodes=NODES)
    add_keys(bench.folder, who, at=at)
    try:
        made = Bridged(tmp_path / "deployed", Parties(bench, who, STORE, WATCHER, BRIDGES))
    except NotInstalled as absent:
        pytest.skip(str(absent))
    with closing(made):
        made.start()
        yield made


def piazza(*words: str) -> list[str]:
    return [sys.executable, "-m", "agent", *words]


@pytest.mark.slow
def test_a_fleet_lives_in_comuni_with_brokers_of_their_own_and_nothing_is_missing(deployed: Deployment):
    keys, database = str(deployed.parties.bench.folder), str(deployed.folder / "events.sqlite")
    both = ["--keys", keys, "--db", database, "--broker", f"localhost:{deployed.store_ports()[0]}"]
    brokers = [f"--broker-of={comune}=localhost:{port}" for comune, port in deployed.broker_of().items()]
    fleet = piazza(
        "fleet", "simulate", *both, *brokers, f"--comuni={COMUNI}", f"--nodes={NODES}", "--hours=2", "--json"
    )
    store = subprocess.Popen(piazza("store", *both), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        done = subprocess.run(fleet, capture_output=True, text=True, check=False, timeout=300)
    finally:
        store.terminate()
        store.wait()
    report = json.loads(done.stdout)
    assert (done.returncode, report["missing"], report["lost"], report["refused"]) == (0, 0, 0, 0)
    assert report["stored"] == report["envelopes"] > NODES * 8


@pytest.mark.parametrize("wish", ["comune-1", "=localhost", "comune-1="])
def test_a_comune_whose_broker_is_not_said_is_the_users_to_mend(wish: str, tmp_path: Path):
    Bench.make(tmp_path / "keys", at=SystemClock().now())
    assert main(["fleet", "keys", "--keys", str(tmp_path / "keys"), "--nodes=1"]) == 0
    assert main(["fleet", "simulate", "--keys", str(tmp_path / "keys"), "--nodes=1", "--broker-of", wish]) == 2
