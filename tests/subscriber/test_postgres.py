"""What only a store in PostgreSQL does: it shares its database with others. The rest is in test_store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest

from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import NodeName
from agent.errors import StoreError
from agent.subscriber.holding import Item
from agent.subscriber.postgres import PostgresStore
from agent.transport import Message
from tests.brokers.postgres import Postgres
from tests.contract.makers import NODE, Chain, ring_of, signer
from tests.subscriber.parts import several

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("postgres")]

NAME = str(NODE)
Opened = Callable[[], PostgresStore]


@pytest.fixture
def opened(address: str) -> Iterator[Callable[[], PostgresStore]]:
    """Stores on that database, closed with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(PostgresStore(address)))


def items(messages: list[Message], ring: KeyRing) -> list[Item]:
    return [Item(open_envelope(one.payload, ring, topic=one.topic), one.payload.decode()) for one in messages]


def test_two_stores_count_one_node_together(opened: Opened):
    """Each has half of every node's numbers, as a shared subscription deals them out; no number is forgotten."""
    names = [NodeName("u", "c", f"n{number}") for number in range(4)]
    chains = [Chain(name=name, signer=signer(str(name))) for name in names]
    ring = ring_of(*((chain.signer, "node", chain.name) for chain in chains))
    everything = items([one for chain in chains for one in several(chain, 60)], ring)
    everything.sort(key=lambda item: item.envelope.seq)
    stores, failures = [opened(), opened()], list[StoreError]()

    def work(half: int) -> None:
        store, mine = stores[half], everything[half::2]
        try:
            for begin in range(0, len(mine), 8):
                store.commit(mine[begin : begin + 8][:: 1 - 2 * half], at=1.0)
        except StoreError as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=[half]) for half in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    seen = opened()
    assert {str(name): seen.held(str(name)).span for name in names} == {str(name): ((1, 60),) for name in names}


def test_what_was_committed_outlives_a_crash_of_the_server(server: Postgres, opened: Opened):
    store, chain = opened(), Chain()
    store.commit(items(several(chain, 5), chain.ring), at=1.0)
    server.kill()
    with pytest.raises(StoreError, match="took nothing"):
        store.commit(items(several(chain, 1), chain.ring), at=2.0)
    server.start()
    assert opened().held(NAME).span == ((1, 5),)


def test_an_address_without_a_server_is_the_users_to_mend():
    with pytest.raises(StoreError, match="PostgreSQL"):
        PostgresStore("postgresql:///piazza?host=/nowhere/at/all")
