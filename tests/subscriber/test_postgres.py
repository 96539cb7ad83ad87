"""The store in PostgreSQL does what the store in SQLite does, and shares its database with others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count

import pytest

from agent.contract.envelope import open_envelope
from agent.contract.jws import Key, KeyRing
from agent.contract.topics import NodeName
from agent.errors import StoreError
from agent.subscriber.holding import Item, Taken
from agent.subscriber.postgres import PostgresStore
from agent.transport import Message
from tests.brokers.postgres import Postgres, postgres
from tests.contract.makers import NODE, ROOM, Chain, ring_of, signer
from tests.subscriber.parts import dropping, head, message, several, verdict

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("postgres")]

NAME = str(NODE)
NUMBERS = count()
Opened = Callable[[], PostgresStore]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as started:
        yield started


@pytest.fixture
def address(server: Postgres) -> str:
    """A database of the test's own."""
    return server.address(f"test{next(NUMBERS)}")


@pytest.fixture
def opened(address: str) -> Iterator[Callable[[], PostgresStore]]:
    """Stores on that database, closed with the test."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(PostgresStore(address)))


def items(messages: list[Message], ring: KeyRing) -> list[Item]:
    return [Item(open_envelope(one.payload, ring, topic=one.topic), one.payload.decode()) for one in messages]


def test_a_batch_is_kept_once_and_owed_a_receipt_each_time(opened: Opened):
    store, chain = opened(), Chain()
    batch = items(several(chain, 3), chain.ring)
    assert store.commit([*batch, batch[0]], at=1.0) == Taken(fresh=3, repeated=1, nodes=(NAME,))
    assert store.commit(batch, at=2.0) == Taken(repeated=3, nodes=(NAME,))
    assert store.held(NAME).span == ((1, 3),)
    assert (store.count(), store.nodes()) == (3, (NAME,))
    assert [token for _, token in store.tokens(NAME)] == [item.token for item in batch]


def test_a_second_content_under_one_number_is_kept_beside_the_first(opened: Opened):
    store, chain, clone = opened(), Chain(), Chain()
    store.commit(items([message(chain)], chain.ring), at=1.0)
    other = message(clone, kind="crossing")
    taken = store.commit(items([other, other], chain.ring), at=2.0)
    assert (taken.fresh, taken.equivocations, store.count()) == (0, 2, 1)
    assert store._db.execute("SELECT token FROM equivocation").fetchall() == [(other.payload.decode(),)]


def test_gaps_show_and_what_was_signed_away_is_not_waited_for(opened: Opened):
    store, chain = opened(), Chain()
    first, _, third = several(chain, 3)
    store.commit(items([third, first], chain.ring), at=1.0)
    assert store.held(NAME).span == ((1, 1), (3, 3))
    store.commit(items([dropping(chain, (2, 2), (7, 9))], chain.ring), at=2.0)
    assert store.held(NAME).span == ((1, 4), (7, 9))
    before = store.held(NAME)
    assert opened().held(NAME) == before


def test_a_new_key_with_number_one_begins_a_new_chain(opened: Opened):
    store, old, new = opened(), Chain(), Chain(signer=signer("the new card"))
    ring = KeyRing()
    for each in (old, new):
        ring.add(Key(each.signer.kid, each.signer.public, "node", NAME))
    store.commit(items(several(old, 5), ring), at=1.0)
    assert store.commit(items([*several(new, 2), message(old)], ring), at=2.0).fresh == 3
    assert store.held(NAME).span == ((1, 2),)
    assert store.held(NAME).chain == 2


def test_only_the_newest_statement_of_a_topic_is_kept(opened: Opened):
    store, chain = opened(), Chain()
    several(chain, 2)
    told = [head(chain), head(chain)]
    store.commit(items(told, chain.ring), at=1.0)
    assert store._db.execute("SELECT token FROM statement").fetchall() == [(told[-1].payload.decode(),)]


def test_verdicts_are_all_kept_each_once(opened: Opened):
    store, ring = opened(), ring_of((signer("room"), "operator", ROOM))
    words = [verdict("useful"), verdict("false", seconds=1)]
    assert store.commit(items([*words, *words], ring), at=1.0).nodes == ()
    assert len(store._db.execute("SELECT token FROM verdict").fetchall()) == 2


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
