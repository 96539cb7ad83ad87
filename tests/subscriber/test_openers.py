"""A batch opened by several threads is the batch that one thread opens."""

from __future__ import annotations

import pytest

from agent.contract.jws import KeyRing
from agent.errors import Refused
from agent.subscriber.holding import Item
from agent.subscriber.openers import SHARE, Openers
from agent.transport import Message
from tests.contract.makers import NODE, Chain, ring_of
from tests.subscriber.parts import several

MANY = 4 * SHARE + 3


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def ring(chain: Chain) -> KeyRing:
    return ring_of((chain.signer, "node", NODE))


def words(opened: list[Item | Refused]) -> list[str | int]:
    """The number of each envelope, or why it was refused."""
    return [one.why if isinstance(one, Refused) else one.envelope.seq for one in opened]


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, SHARE, SHARE + 1, MANY])
def test_messages_come_back_in_the_order_in_which_they_came(chain: Chain, ring: KeyRing, threads: int, count: int):
    messages = several(chain, count)
    assert words(Openers(ring, threads=threads).open(messages)) == list(range(1, count + 1))


def test_a_refused_message_stands_in_its_place_and_holds_up_no_other(chain: Chain, ring: KeyRing):
    messages = several(chain, MANY)
    at = 2 * SHARE  # the first of another thread's share
    messages[at] = Message(messages[at].topic, messages[at].payload[:-4] + b"AAAA")
    opened = words(Openers(ring, threads=2).open(messages))
    assert opened == [*range(1, at + 1), "signature", *range(at + 2, MANY + 1)]


def test_keys_that_are_replaced_hold_from_the_next_batch_on(chain: Chain, ring: KeyRing):
    openers, messages = Openers(ring, threads=2), several(chain, MANY)
    ring.replace(KeyRing())
    assert set(words(openers.open(messages))) == {"unknown-key"}
