"""News in the order in which a node made them."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from agent.subscriber import InOrder, Mark, News, Reader
from agent.transport import Message
from tests.contract.makers import Chain, signer
from tests.subscriber.parts import head, message, several

CHAIN = Chain()
STREAM = several(CHAIN, 12)


def numbers(news: list[News]) -> list[int]:
    return [one.envelope.seq for one in news if one.envelope]


def arranged(messages: list[Message], *, hold_s: float = 5.0) -> list[int]:
    """Numbers in the order in which they are given out, one message a second."""
    reader, order, out = Reader(CHAIN.ring), InOrder(hold_s=hold_s), list[News]()
    for second, one in enumerate(messages):
        out += order.add(reader.read(one), at=float(second))
        out += order.advance(float(second))
    return numbers(out + order.advance(1e9))


def test_what_comes_in_order_passes_at_once():
    assert arranged(STREAM) == list(range(1, 13))


def test_what_comes_too_early_waits_for_the_one_before():
    first, second, third, *_ = STREAM
    assert arranged([first, third, second]) == [1, 2, 3]


def test_duplicates_are_left_out():
    first, second, *_ = STREAM
    assert arranged([first, first, second, first, second]) == [1, 2]


def test_what_never_comes_is_not_waited_for_longer_than_agreed():
    first, _, third, *_ = STREAM
    reader, order = Reader(CHAIN.ring), InOrder(hold_s=5.0)
    order.add(reader.read(first), at=0.0)
    assert order.add(reader.read(third), at=1.0) == []
    assert order.advance(5.9) == []
    assert numbers(order.advance(6.0)) == [3]


def test_unverified_news_and_statements_do_not_wait():
    order = InOrder()
    stranger = Reader(CHAIN.ring).read(message(Chain(signer=signer("stranger"))))
    assert order.add(stranger, at=0.0) == [stranger]
    told = Reader(CHAIN.ring).read(head(CHAIN))
    assert order.add(told, at=0.0) == [told]
    assert stranger.mark is Mark.UNVERIFIED


@given(st.randoms(use_true_random=False), st.integers(0, 6))
def test_any_order_of_arrival_gives_the_true_order(shuffler: random.Random, again: int):
    first, *others = STREAM
    mixed = [*others, *others[:again]]
    shuffler.shuffle(mixed)
    assert arranged([first, *mixed], hold_s=1e6) == list(range(1, 13))
