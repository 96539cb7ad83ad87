"""The ten lines of the subscriber's guide do what the page says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent.clock import SimulatedClock
from agent.contract.topics import NodeName
from agent.errors import BrokerRefused, KeyFileError
from agent.provision.bench import Bench
from agent.provision.keys import load_signer
from agent.subscriber import connect, listen
from agent.transport.memory import MemoryBroker, Weather
from tests.contract.makers import AT, Chain
from tests.pages import examples
from tests.subscriber.parts import several


def ten_lines() -> dict[str, object]:
    (example,) = [one for one in examples("python") if one.page.name == "subscriber.md"]
    assert len([line for line in example.text.splitlines() if line and not line.startswith("from")]) <= 10
    names: dict[str, object] = {"__name__": "guide"}
    exec(compile(example.text, str(example.page), "exec"), names)
    return names


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench.make(tmp_path / "keys", at=AT)
    made.add_signer("node", "romagna/brisighella/n-0017", at=AT)
    made.add_reader("romagna/centre/watcher", at=AT)
    return made


def chain_of(bench: Bench) -> Chain:
    name = NodeName("romagna", "brisighella", "n-0017")
    return Chain(signer=load_signer(bench.signing_key(str(name))), name=name)


def test_the_ten_lines_print_each_event_once_whatever_the_network_repeats(
    bench: Bench, capsys: pytest.CaptureFixture[str]
):
    broker = MemoryBroker(SimulatedClock(AT), randomness=random.Random(1), weather=Weather(twice=0.5))
    transport = broker.transport("watcher")
    stranger = Chain(name=chain_of(bench).name)
    published = [*several(chain_of(bench), 5), *several(stranger, 2)]

    class Ended(Exception):
        """The stream of a test has an end."""

    class Ending(type(transport)):  # type: ignore[misc]
        def poll(self, timeout_s: float, *, owing: int = 0):
            happened = super().poll(timeout_s, owing=owing)
            if published:
                broker.publish(published.pop(0))
            elif not happened:
                raise Ended
            return happened

    transport.__class__ = Ending
    with pytest.raises(Ended):
        ten_lines()["act_on"](transport, bench.folder)  # type: ignore[operator]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1", "2", "3", "4", "5"]
    assert lines[0].startswith("romagna/brisighella/n-0017 1 verified gate (gate-cam): ")


def test_listening_ends_with_the_reason_when_the_broker_refuses(bench: Bench):
    broker = MemoryBroker(SimulatedClock(AT))
    broker.refused["watcher"] = "not authorized"
    with pytest.raises(BrokerRefused, match="not authorized"):
        next(listen(broker.transport("watcher"), chain_of(bench).ring))


def test_connecting_takes_the_files_of_a_party(bench: Bench):
    party = bench.folder / "parties" / "romagna.centre.watcher"
    connect("localhost", ca=bench.ca, party=party).close()
    with pytest.raises(KeyFileError, match="nobody"):
        connect("localhost", ca=bench.ca, party=bench.folder / "parties" / "nobody")
