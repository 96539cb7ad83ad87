"""Envelopes in a database, SQLite or PostgreSQL, each once."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.contract.envelope import open_envelope
from agent.contract.jws import Key, KeyRing
from agent.contract.topics import NodeName
from agent.errors import StoreError
from agent.subscriber.holding import EventStore, Item, Taken
from agent.subscriber.store import TOGETHER, Store
from agent.subscriber.tables import Row, open_store, open_tables
from agent.transport import Message
from tests.contract.makers import NODE, ROOM, Chain, ring_of, signer
from tests.subscriber.parts import dropping, head, message, several, verdict

NAME = str(NODE)


def items(messages: list[Message], ring: KeyRing) -> list[Item]:
    return [Item(open_envelope(one.payload, ring, topic=one.topic), one.payload.decode()) for one in messages]


@pytest.fixture
def store(where: str) -> Iterator[EventStore]:
    with closing(open_store(where)) as made:
        yield made


def rows(where: str, sql: str) -> list[Row]:
    """What another reader of the database sees."""
    with closing(open_tables(where)) as tables:
        return tables.rows(sql)


def test_a_batch_is_kept_and_owed_a_receipt(store: EventStore):
    chain = Chain()
    assert store.commit(items(several(chain, 3), chain.ring), at=1.0) == Taken(fresh=3, nodes=(NAME,))
    assert store.held(NAME).span == ((1, 3),)


def test_a_repetition_changes_nothing_and_is_owed_a_receipt_again(store: EventStore):
    chain = Chain()
    batch = items(several(chain, 3), chain.ring)
    store.commit(batch, at=1.0)
    assert store.commit(batch, at=2.0) == Taken(repeated=3, nodes=(NAME,))
    assert store.count() == 3


def test_a_second_content_under_one_number_is_kept_beside_the_first(store: EventStore, where: str):
    chain, clone = Chain(), Chain()
    store.commit(items([message(chain)], chain.ring), at=1.0)
    other = message(clone, kind="crossing")
    assert store.commit(items([other], chain.ring), at=2.0).equivocations == 1
    assert store.count() == 1
    assert rows(where, "SELECT token FROM equivocation") == [(other.payload.decode(),)]


@pytest.mark.parametrize("size", [40, TOGETHER + 1])
def test_how_many_come_at_a_time_makes_no_difference(store: EventStore, where: str, size: int):
    """Many are kept in one statement where all are new; a repetition among them keeps none of them from being kept."""
    chain, clone = Chain(), Chain()
    begun = several(chain, 1)
    new, other = several(chain, 2 * TOGETHER), [message(clone, kind="crossing") for _ in range(9)][-1]
    batch = items([*new[:5], new[2], *new[5:], other, new[-1], dropping(chain, (900, 901))], chain.ring)
    store.commit(items(begun, chain.ring), at=1.0)
    taken = [store.commit(batch[begin : begin + size], at=2.0) for begin in range(0, len(batch), size)]
    sums = [sum(getattr(one, name) for one in taken) for name in ("fresh", "repeated", "equivocations")]
    assert sums == [2 * TOGETHER + 1, 2, 1]
    assert store.held(NAME).span == ((1, 2 * TOGETHER + 2), (900, 901))
    assert rows(where, "SELECT min(token), count(*) FROM equivocation") == [(other.payload.decode(), 1)]


def test_verdicts_are_all_kept_each_once(store: EventStore, where: str):
    ring = ring_of((signer("room"), "operator", ROOM))
    words = [verdict("useful"), verdict("false", seconds=1)]
    assert store.commit(items([*words, *words], ring), at=1.0) == Taken()
    assert rows(where, "SELECT node, event, maker FROM verdict") == [(NAME, "0" * 16, str(ROOM))] * 2


def test_a_gap_shows_in_the_span(store: EventStore):
    chain = Chain()
    first, _, third = items(several(chain, 3), chain.ring)
    store.commit([first, third], at=1.0)
    assert store.held(NAME).span == ((1, 1), (3, 3))


def test_numbers_that_the_node_signed_away_are_not_waited_for(store: EventStore):
    chain = Chain()
    first, *_ = several(chain, 4)
    store.commit(items([first, dropping(chain, (2, 4))], chain.ring), at=1.0)
    assert store.held(NAME).span == ((1, 5),)


def test_spans_are_the_same_after_a_restart(store: EventStore, where: str):
    chain = Chain()
    first, _, third = several(chain, 3)
    store.commit(items([first, third, dropping(chain, (7, 9))], chain.ring), at=1.0)
    before = store.held(NAME)
    with closing(open_store(where)) as again:
        assert again.held(NAME) == before


def test_a_new_key_with_number_one_begins_a_new_chain(store: EventStore):
    """A node that was replaced after a lightning stroke must not be taken for its predecessor."""
    old, new = Chain(), Chain(signer=signer("the new card"))
    ring = KeyRing()
    for each in (old, new):
        ring.add(Key(each.signer.kid, each.signer.public, "node", NAME))
    store.commit(items(several(old, 5), ring), at=1.0)
    assert store.commit(items(several(new, 2), ring), at=2.0).fresh == 2
    assert store.held(NAME).span == ((1, 2),)
    assert store.count() == 7
    store.commit(items([message(old)], ring), at=3.0)
    assert store.held(NAME).span == ((1, 2),)


def test_a_replaced_node_that_is_heard_from_its_retained_health_on_has_a_chain_of_its_own(store: EventStore):
    """The broker retains the newest health record, so number 2 may come before number 1."""
    old, new = Chain(), Chain(signer=signer("the new card"))
    ring = KeyRing()
    for each in (old, new):
        ring.add(Key(each.signer.kid, each.signer.public, "node", NAME))
    store.commit(items(several(old, 5), ring), at=1.0)
    first, second = items(several(new, 2), ring)
    assert store.commit([second], at=2.0).equivocations == 0
    assert store.held(NAME).span == ((2, 2),)
    assert store.commit([first], at=3.0).equivocations == 0
    assert (store.held(NAME).span, store.held(NAME).kid) == (((1, 2),), new.signer.kid)


def test_a_renewed_key_in_the_middle_goes_on_with_the_chain(store: EventStore):
    chain = Chain()
    batch = items(several(chain, 2), chain.ring)
    chain.signer = signer("renewed")
    store.commit([*batch, *items([message(chain)], chain.ring)], at=1.0)
    assert store.held(NAME).span == ((1, 3),)


def test_only_the_newest_statement_of_a_topic_is_kept(store: EventStore, where: str):
    chain = Chain()
    several(chain, 2)
    told = [head(chain), head(chain)]
    store.commit(items(told, chain.ring), at=1.0)
    assert rows(where, "SELECT token FROM statement") == [(told[-1].payload.decode(),)]


def test_tokens_come_back_as_they_were_signed(store: EventStore):
    chain = Chain()
    batch = several(chain, 3)
    store.commit(items(batch[::-1], chain.ring), at=1.0)
    assert [token for _, token in store.tokens(NAME)] == [one.payload.decode() for one in batch]


def test_a_batch_that_fails_leaves_nothing_behind_and_owes_nothing(tmp_path: Path):
    """Disk full in the middle: the node keeps its rows, so the batch comes again."""
    store, chain = Store(tmp_path / "events.sqlite"), Chain()
    batch = items(several(chain, 3), chain.ring)
    store.commit(batch[:1], at=1.0)
    store._db.execute("PRAGMA max_page_count = 1")
    big = [items([message(chain)], chain.ring)[0] for _ in range(60)]
    with pytest.raises(StoreError, match="took nothing"):
        store.commit([*batch[1:], *big], at=2.0)
    assert store.held(NAME).span == ((1, 1),)
    assert store.count() == 1
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.commit(batch[1:], at=3.0).fresh == 2


def test_a_store_begins_by_writing_the_log_of_an_earlier_life_again(tmp_path: Path):
    """A log whose last sync failed before the store was killed is nothing to build on."""
    chain, (life, after) = Chain(), (tmp_path / "life", tmp_path / "after")
    life.mkdir()
    killed = Store(life / "events.sqlite")
    killed.commit(items(several(chain, 3), chain.ring), at=1.0)
    shutil.copytree(life, after)
    log = after / "events.sqlite-wal"
    os.utime(log, (0, 0))
    before = log.read_bytes()
    with closing(Store(after / "events.sqlite")) as store:
        assert log.stat().st_mtime > 0
        assert log.read_bytes()[: len(before)] == before
        assert store.held(NAME).span == ((1, 3),)
    killed.close()


def test_a_place_that_holds_no_database_is_the_users_to_mend(tmp_path: Path):
    (tmp_path / "events.sqlite").write_text("a letter to the mayor, not a database at all" * 50)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path / "events.sqlite")


@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_any_order_and_repetition_ends_in_the_same_rows(shuffler: random.Random, batches: int):
    store, chain = Store(Path(":memory:")), Chain(name=NodeName("u", "c", "n"))
    messages = items(several(chain, 9), chain.ring)
    arriving = [*messages, *shuffler.sample(messages, 4)]
    shuffler.shuffle(arriving)
    for number in range(batches):
        store.commit(arriving[number::batches], at=float(number))
    assert store.held("u/c/n").span == ((1, 9),)
    assert [seq for seq, _ in store.tokens("u/c/n")] == list(range(1, 10))
    store.close()
