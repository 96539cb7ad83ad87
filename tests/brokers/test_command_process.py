"""`piazza command` as a process, on mosquitto with TLS and the access list of the contract."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.anomaly.engine import Engine, ids
from agent.anomaly.tally import Tally
from agent.clock import SystemClock
from agent.commands.orders import Orders
from agent.pipeline import Decider, Vitals
from agent.uplink.spool import Spool
from tests.brokers.town import NODE, STORE, Town, event, town

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Town]:
    with town(tmp_path / "town") as made:
        yield made


def asking(place: Town, *words: str) -> subprocess.Popen[str]:
    """The operator's command."""
    act, *rest = words
    command = [sys.executable, "-m", "agent", "command", act, str(NODE), *rest]
    command += ["--broker", f"localhost:{place.broker.port}", "--keys", str(place.bench.folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def answered(place: Town, spool: Spool, *words: str) -> tuple[int, list[str]]:
    """Exit code and lines, while the node lives on in this process."""
    clock = SystemClock()
    orders = Orders(spool, Decider(Engine([], new_id=ids("b")), Tally(), Vitals(frozenset())), lambda: None)
    process = asking(place, *words)

    def done() -> bool:
        for asked in spool.tick(clock.now()):
            orders.obey(asked, clock.now())
        return process.poll() is not None

    place.wait(done)
    said, _ = process.communicate()
    return process.returncode, said.splitlines()


def test_a_node_and_a_store_answer_an_operator(place: Town):
    """Under the operator's own rights: to write commands and verdicts, to read results, and nothing else."""
    clock, spool = SystemClock(), place.spool()
    place.start("store")
    place.start("link")
    for number in range(1, 6):
        spool.put(event(number, clock.now()))
    spool.flush()
    place.wait(lambda: len(place.stored()) == 5)
    assert answered(place, spool, "mode", "pause") == (0, ["done, pause"])
    code, lines = answered(place, spool, "resend", "3", "7", "--store", STORE.node)
    assert code == (0 if lines[-1] == "done" else 1)
    assert [line.split()[-1] for line in lines[:3]] == ["3", "4", "5"]
    assert lines[-1].startswith(("failed, gone: ", "done"))
    assert answered(place, spool, "restart") == (1, ["refused, role"])
