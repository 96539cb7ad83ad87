"""How fast a store keeps events, in SQLite and in PostgreSQL, with a signed receipt for every batch and node.

`commit` begins with opened envelopes; `keeper` with messages as they come from a broker, so every
signature is verified: by OpenSSL with one thread, by what is installed with one, and with one for each
core, in turn. Databases lie on the disk of this machine and sync every batch; the CPU is that of the
store's own process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from agent.clock import Clock, SystemClock
from agent.contract import quick
from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import Class, NodeName, Topic
from agent.subscriber.holding import EventStore, Item
from agent.subscriber.keeper import Keeper
from agent.subscriber.postgres import PostgresStore
from agent.subscriber.receipts import Receipts
from agent.subscriber.store import Store
from agent.transport import Happening, Message
from agent.transport.memory import MemoryBroker, MemoryTransport
from bench.machine import show
from tests.brokers.postgres import Postgres, postgres
from tests.contract.makers import STORE, Chain, ring_of, signer

BATCH = 200
"""What a broker sends before it waits for acknowledgements."""

NODES = 6
Open = Callable[[], EventStore]


class Tape(MemoryTransport):
    """A client of a broker in a list to whom messages come from a tape, a batch at a time."""

    def __init__(self, messages: Sequence[Message], clock: Clock) -> None:
        super().__init__(MemoryBroker(clock), "store", session_s=0.0, will=None)
        self._batches = [list(messages[begin : begin + BATCH]) for begin in range(0, len(messages), BATCH)][::-1]
        self.open()

    @property
    def ended(self) -> bool:
        return not self._batches

    def poll(self, timeout_s: float, *, owing: int = 0) -> list[Happening]:
        return [*super().poll(timeout_s, owing=owing), *(self._batches.pop() if self._batches else ())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--count", type=int, default=6_000, help="events (default: 6000)")
    parser.add_argument("--rounds", type=int, default=3, help="each database in turn so many times (default: 3)")
    options = parser.parse_args()
    messages, ring = made(options.count)
    items = [Item(open_envelope(one.payload, ring, topic=one.topic), one.payload.decode()) for one in messages]
    found: dict[str, list[dict[str, float]]] = {}
    cores, there = len(os.sched_getaffinity(0)), quick.THERE
    ways = [("OpenSSL, threads: 1", False, 1)]
    ways += [(f"{'libsodium' if there else 'OpenSSL'}, threads: {threads}", there, threads) for threads in (1, cores)]
    with databases() as opens:
        for _ in range(options.rounds):
            for name, fresh in opens.items():
                found.setdefault(f"{name}, commit", []).append(commit(fresh, items))
                for how, there, threads in ways:
                    quick.THERE = there
                    found.setdefault(f"{name}, keeper, {how}", []).append(keep(fresh, messages, ring, threads=threads))
                quick.THERE = ways[-1][1]
    figures: dict[str, Any] = {"events": options.count, "nodes": NODES, "batch": BATCH, "rounds": options.rounds}
    show(figures | {name: median(rounds) for name, rounds in found.items()}, as_json=options.json)


def made(count: int) -> tuple[list[Message], KeyRing]:
    """Events of several nodes as they come from a broker, and the keys that they are signed by."""
    chains = [Chain(signer=signer(f"n-{n}"), name=NodeName("romagna", "faenza", f"n-{n}")) for n in range(NODES)]
    ring = ring_of(*((chain.signer, "node", chain.name) for chain in chains), (signer("store"), "store", STORE))
    messages = [message(chains[number % NODES]) for number in range(count)]
    return messages, ring


def message(chain: Chain) -> Message:
    return Message(
        str(Topic(chain.name, Class.EVT, "loitering")), chain.make(Class.EVT, None, kind="loitering").encode()
    )


@contextmanager
def databases() -> Iterator[dict[str, Open]]:
    """Ways to open a new database of each kind."""
    with tempfile.TemporaryDirectory() as folder, postgres(below=None) as server:
        yield {"SQLite": fresh_files(Path(folder)), "PostgreSQL": fresh_databases(server)}


def fresh_files(folder: Path) -> Open:
    numbers = iter(range(10**6))
    return lambda: Store(folder / f"{next(numbers)}.sqlite")


def fresh_databases(server: Postgres) -> Open:
    numbers = iter(range(10**6))
    return lambda: PostgresStore(server.address(f"bench{next(numbers)}"))


def commit(fresh: Open, items: Sequence[Item]) -> dict[str, float]:
    """Opened envelopes into rows, and receipts for them."""
    clock = SystemClock()
    receipts = Receipts(STORE, signer("store"), clock=clock)
    with closing(fresh()) as store:
        began, spent = perf_counter(), process_time()
        for begin in range(0, len(items), BATCH):
            for node in store.commit(items[begin : begin + BATCH], at=clock.now()).nodes:
                receipts.receipt(node, store.held(node))
        return pace(len(items), perf_counter() - began, process_time() - spent)


def keep(fresh: Open, messages: Sequence[Message], ring: KeyRing, *, threads: int) -> dict[str, float]:
    """Messages as they come into rows, and receipts handed over."""
    clock = SystemClock()
    tape = Tape(messages, clock)
    with closing(fresh()) as store:
        receipts = Receipts(STORE, signer("store"), clock=clock)
        keeper = Keeper(tape, ring, store, receipts, union="romagna", clock=clock, threads=threads)
        began, spent = perf_counter(), process_time()
        while not tape.ended:
            keeper.run_once(0.0)
        assert (keeper.tally.fresh, keeper.tally.receipts > 0) == (len(messages), True)
        return pace(len(messages), perf_counter() - began, process_time() - spent)


def pace(count: int, wall_s: float, cpu_s: float) -> dict[str, float]:
    return {"events_per_s": count / wall_s, "cpu_us": cpu_s / count * 1e6}


def median(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(one[name] for one in rounds)) for name in rounds[0]}


if __name__ == "__main__":
    main()
