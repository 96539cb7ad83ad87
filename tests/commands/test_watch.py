"""`piazza watch` where no broker is."""

from __future__ import annotations

from itertools import islice

import pytest

from agent.clock import SimulatedClock
from agent.commands.watch import Watch
from agent.errors import BrokerRefused
from agent.subscriber import Reader
from agent.subscriber.board import Board
from agent.transport import Connected, Disconnected, Happening
from tests.contract.makers import AT, ring_of
from tests.subscriber.parts import Told

UNKNOWN = Disconnected("no machine is called brocker", hint="look at the name", unknown=True)


def watch(*happenings: Happening) -> Watch:
    clock = SimulatedClock(AT)
    return Watch(Told(clock, *happenings), Reader(ring_of()), Board(), clock=clock)


def test_a_name_that_no_machine_has_ends_it_with_what_to_do():
    with pytest.raises(BrokerRefused) as refused:
        list(watch(UNKNOWN).lines(lambda: False))
    assert (refused.value.message, refused.value.hint) == (UNKNOWN.why, UNKNOWN.hint)


def test_a_broker_that_was_there_is_waited_for_even_where_its_name_is_gone_for_a_while():
    lines = watch(Connected(resumed=False, protocol=5), UNKNOWN, Connected(resumed=False, protocol=5)).lines(
        lambda: False
    )
    assert [line.text for line in islice(lines, 3)] == ["connected", UNKNOWN.why, "the broker is there again"]


def test_a_machine_that_does_not_answer_is_waited_for_from_the_first():
    lines = watch(Disconnected("no broker answers at broker:8883")).lines(lambda: False)
    assert next(lines).text == "no broker answers at broker:8883"
