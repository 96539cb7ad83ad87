"""A fleet of simulated nodes: lives that follow from their seed, and envelopes that a real store takes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from agent.clock import SimulatedClock
from agent.contract.topics import NodeName
from agent.fleet.carrier import Carrier
from agent.fleet.life import DAY_S, bustle, life
from agent.fleet.simulation import Fleet, names
from agent.fleet.wire import Wire
from agent.records import Event, Health, Phase, Stat
from agent.subscriber.keeper import Keeper
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport.memory import MemoryBroker, MemoryTransport
from tests.contract.makers import AT, STORE, ring_of, signer

UNION = STORE.union


class Comune:
    """Nodes over one connection, and a store that works whenever the nodes are polled."""

    def __init__(self, folder: Path, count: int, *, store: bool = True) -> None:
        clock = SimulatedClock(AT)
        self.broker = MemoryBroker(clock)
        who = names(UNION, comuni=2, nodes=count)
        self.carriers = [Carrier(name, signer(str(name)), since=AT, seed=1) for name in who]
        ring = ring_of((signer("store"), "store", STORE), *((signer(str(name)), "node", name) for name in who))
        self.store = Store(folder / "events.sqlite")
        receipts = Receipts(STORE, signer("store"), clock=clock)
        self.keeper = Keeper(self.broker.transport("store"), ring, self.store, receipts, union=UNION, clock=clock)
        if store:
            self.keeper.open()
        self.fleet = Fleet(
            self.carriers, [Wire(Joined(self.broker, self.keeper), self.carriers, clock=clock)], clock=clock
        )


class Joined(MemoryTransport):
    """A connection whose every poll is also a turn of the store."""

    def __init__(self, broker: MemoryBroker, keeper: Keeper) -> None:
        super().__init__(broker, "fleet", session_s=3600.0, will=None)
        self._keeper = keeper

    def poll(self, timeout_s: float, *, owing: int = 0):
        self._keeper.run_once(0.0)
        return super().poll(timeout_s, owing=owing)


def test_a_life_follows_from_its_seed_and_comes_in_the_order_of_time():
    name = NodeName("u", "c", "n")
    day = list(life(name, seed=1, since=AT, until=AT + DAY_S))
    assert day == list(life(name, seed=1, since=AT, until=AT + DAY_S))
    assert day != list(life(name, seed=2, since=AT, until=AT + DAY_S))
    assert all(one.at <= two.at for one, two in pairwise(day))
    assert sum(isinstance(record, Stat) for record in day) == 96
    assert sum(isinstance(record, Health) for record in day) == 24


def test_every_stay_is_opened_and_closed():
    events = [
        one for one in life(NodeName("u", "c", "n"), seed=3, since=AT, until=AT + DAY_S) if isinstance(one, Event)
    ]
    assert len(events) > 10
    assert [one.phase for one in events] == [Phase.OPENED, Phase.CLOSED] * (len(events) // 2)


def test_evenings_are_busier_than_mornings():
    assert bustle(18 * 3600.0) > 0.99
    assert bustle(6 * 3600.0) < 0.01


def test_nodes_are_dealt_out_to_their_comuni():
    assert [str(name) for name in names("u", comuni=2, nodes=3)] == [
        "u/comune-1/n-0000", "u/comune-2/n-0001", "u/comune-1/n-0002",
    ]  # fmt: skip


def test_a_store_has_every_envelope_of_a_fleet_in_the_end(tmp_path: Path):
    comune = Comune(tmp_path, 4)
    comune.fleet.connect()
    report = comune.fleet.live(seed=1, since=AT, hours=3.0)
    assert (report.lost, report.envelopes) == (0, comune.store.count())
    for carrier in comune.carriers:
        assert comune.store.held(str(carrier.name)).span == ((1, carrier.tail.seq),)
    assert comune.keeper.tally.refused == 0


def test_without_a_store_nothing_is_taken_for_received(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("agent.fleet.simulation.PATIENCE_S", -1.0)
    comune = Comune(tmp_path, 2, store=False)
    comune.fleet.connect()
    report = comune.fleet.live(seed=1, since=AT, hours=1.0)
    assert report.lost == report.envelopes > 0


def test_a_broker_that_forgets_everything_loses_nothing_of_it(tmp_path: Path):
    comune = Comune(tmp_path, 3)
    comune.fleet.connect()

    def crash(hour: float, _made: int) -> None:
        if hour == 1:
            comune.broker.crash(forget=True)

    assert comune.fleet.live(seed=1, since=AT, hours=2.0, say=crash).lost == 0
