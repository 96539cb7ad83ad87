"""The ten lines of the subscriber's guide do what the page says."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.clock import SimulatedClock, SystemClock
from agent.contract.topics import NodeName, pattern
from agent.errors import BrokerRefused, KeyFileError
from agent.provision.bench import Bench
from agent.provision.keys import load_ring, load_signer
from agent.subscriber import Kit, connect, listen
from agent.transport.memory import MemoryBroker, Weather
from agent.transport.mqtt import MqttTransport
from agent.uplink.outbox import OutboxReader
from agent.uplink.simulated import BIRTH
from agent.uplink.spool import Spool
from tests.brokers.town import OPERATOR, STORE, Town, event, town
from tests.contract.makers import AT, Chain
from tests.pages import examples
from tests.subscriber.parts import several

PATIENCE_S = 120.0


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


class Ended(Exception):
    """The stream of a test has an end."""


def test_the_ten_lines_print_each_event_once_whatever_the_network_repeats(
    bench: Bench, capsys: pytest.CaptureFixture[str]
):
    broker = MemoryBroker(SimulatedClock(AT), randomness=random.Random(1), weather=Weather(twice=0.5))
    transport = broker.transport("watcher")
    stranger = Chain(name=chain_of(bench).name)
    published = [*several(chain_of(bench), 5), *several(stranger, 2)]

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
        ten_lines()["act_on"](Kit(transport, load_ring(bench.ring), clock=broker.clock))  # type: ignore[operator]
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["1", "2", "3", "4", "5"]
    assert lines[0].startswith("romagna/brisighella/n-0017 1 verified gate (gate-cam): ")


class Stopping(MqttTransport):
    """Ends its loop when it is told to."""

    stop = threading.Event()

    def poll(self, timeout_s: float, *, owing: int = 0):
        if self.stop.is_set():
            raise Ended
        return super().poll(timeout_s, owing=owing)


@pytest.fixture
def acting() -> Iterator[Callable[[Town, NodeName], None]]:
    """The ten lines at work for a party, in a thread, on a real broker; ended with the test."""
    stop, threads = threading.Event(), list[threading.Thread]()

    def begin(place: Town, name: NodeName) -> None:
        transport = Stopping(
            place.broker.address(str(name)), clock=SystemClock(), randomness=random.Random(1), session_s=0
        )
        transport.stop = stop
        kit = Kit(
            transport, load_ring(place.bench.ring), load_signer(place.bench.signing_key(str(name))), union="romagna"
        )

        def act() -> None:
            with suppress(Ended):
                ten_lines()["act_on"](kit)  # type: ignore[operator]

        threads.append(threading.Thread(target=act, daemon=True))
        threads[-1].start()

    yield begin
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_S)


def allowed(place: Town, *, events: bool) -> None:
    """What the operator may read on the broker from now on."""
    classes = ["state", "stat", "health", "audit", "head", "rcpt", "res", *(["evt"] if events else [])]
    lines = [f"write {pattern('romagna', 'brisighella', klass='cmd')}"]
    lines += [f"read {pattern('romagna', 'brisighella', klass=klass)}" for klass in classes]
    place.broker.rights = {**place.broker.rights, str(OPERATOR): lines}
    place.broker.reread()


@pytest.mark.slow
@pytest.mark.broker
def test_the_ten_lines_have_said_again_what_a_real_broker_kept_from_them(
    tmp_path: Path, acting: Callable[[Town, NodeName], None], capsys: pytest.CaptureFixture[str]
):
    """For a while its list lets the operator read no event; the store has them, and gives them signed by their node. Number 1 is the node's start."""
    clock, printed = SystemClock(), list[str]()

    def seen() -> list[int]:
        spool.tick(clock.now())
        printed.extend(capsys.readouterr().out.splitlines())
        return [int(line.split()[1]) for line in printed]

    with town(tmp_path / "town", uplink={"resend_s": 1.0}) as place:
        allowed(place, events=True)
        spool = place.spool()
        spool.birth(BIRTH)
        place.start("store")
        place.start("link")
        acting(place, OPERATOR)
        put(spool, clock, 1, 2, 3)
        place.wait(lambda: seen() == [2, 3, 4], at_most_s=PATIENCE_S)
        allowed(place, events=False)
        put(spool, clock, 4, 5)
        place.wait(lambda: place.stored()[-2:] == [5, 6], at_most_s=PATIENCE_S)
        allowed(place, events=True)
        put(spool, clock, 6)  # where the broker has not read its list anew yet, the head tells of it
        place.wait(lambda: seen() == [2, 3, 4, 5, 6, 7], at_most_s=PATIENCE_S)
        (records,) = (tmp_path / "town" / "events.sqlite.access").glob("*.jws")
    assert records.read_bytes()


@pytest.mark.slow
@pytest.mark.broker
def test_the_ten_lines_of_a_store_let_a_real_node_delete(tmp_path: Path, acting: Callable[[Town, NodeName], None]):
    """Nothing else receives; what they are done with leaves the node's outbox."""
    clock = SystemClock()
    with town(tmp_path / "town", uplink={"resend_s": 1.0}) as place:
        spool = place.spool()
        spool.birth(BIRTH)
        acting(place, STORE)
        place.start("link")
        put(spool, clock, *range(1, 31))

        def gone() -> bool:
            spool.tick(clock.now())
            return not OutboxReader(place.state / "outbox.sqlite").after(0, limit=1)

        place.wait(gone, at_most_s=PATIENCE_S)


def put(spool: Spool, clock: SystemClock, *numbers: int) -> None:
    for number in numbers:
        spool.put(event(number, clock.now()))
    spool.flush()


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
