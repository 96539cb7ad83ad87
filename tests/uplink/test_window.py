"""What is handed over next, without any broker."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.contract.topics import Class
from agent.uplink.window import LONGEST_RESEND, RECEIPT_S, Window


def window(size: int = 3, *, resend_s: float = 30.0) -> Window:
    return Window(size=size, resend_s=resend_s, randomness=random.Random(1))


def fill(some: Window, *numbers: int, at: float = 0.0) -> None:
    for number in numbers:
        some.sent(number, Class.EVT, 1000 + number, at=at)


def test_a_receipt_makes_room():
    some = window()
    fill(some, 1, 2, 3)
    assert some.room == 0
    some.receive(cum=2, at=1.0)
    assert some.room == 2


def test_a_receipt_of_ranges_makes_room_and_leaves_the_gap_wanted():
    some = window(5)
    fill(some, 1, 2, 3)
    some.receive(cum=0, ranges=[(2, 3)], at=1.0)
    some.begin_session(resumed=False, at=2.0)
    assert [number for number in (1, 2, 3, 4) if some.wants(number)] == [1, 4]


def test_nothing_is_sent_again_while_receipts_come():
    some = window()
    fill(some, 1, 2, 3)
    for second in range(0, 200, 20):
        some.receive(cum=second // 20 + 1, at=float(second))
        fill(some, second // 20 + 4, at=float(second))
        assert not some.stalled(float(second))


def test_silence_brings_everything_outstanding_back():
    some = window()
    some.cursor = 3
    fill(some, 1, 2, 3)
    assert not some.stalled(29.0)
    assert some.stalled(30.0 * 1.25)
    assert (some.cursor, some.room) == (0, 3)


def test_waits_grow_while_the_store_is_silent_and_are_short_again_after_a_receipt():
    some = window()
    waits, at = [], 0.0
    for _ in range(9):
        fill(some, 1, at=at)
        began = at
        while not some.stalled(at):
            at += 1.0
        waits.append(at - began)
    assert waits[:4] == sorted(waits[:4])
    assert waits[-1] >= 30.0 * LONGEST_RESEND
    fill(some, 1, at=at)
    some.receive(cum=1, at=at)
    fill(some, 2, at=at)
    assert some.stalled(at + 38.0)


def test_after_a_cut_only_what_the_broker_has_not_acknowledged_is_handed_over_again():
    some = window()
    fill(some, 1, 2, 3)
    some.acknowledged(1002)
    some.begin_session(resumed=True, at=1.0)
    assert [number for number in (1, 2, 3) if some.wants(number)] == [1, 3]


def test_what_was_acknowledged_before_a_cut_gets_a_short_while_for_its_receipt():
    some = window()
    fill(some, 1)
    some.acknowledged(1001)
    some.begin_session(resumed=True, at=10.0)
    assert not some.stalled(10.0 + RECEIPT_S - 0.1)
    assert some.stalled(10.0 + RECEIPT_S)
    assert some.wants(1)


def test_a_broker_that_forgot_everything_gets_everything_again():
    some = window()
    fill(some, 1, 2, 3)
    some.acknowledged(1002)
    some.begin_session(resumed=False, at=1.0)
    assert all(some.wants(number) for number in (1, 2, 3))


def test_two_nodes_do_not_send_again_in_the_same_second():
    some, other = window(), Window(size=3, resend_s=30.0, randomness=random.Random(2))
    for each in (some, other):
        fill(each, 1)

    def first(each: Window) -> float:
        return next(tenth / 10 for tenth in range(1000) if each.stalled(tenth / 10))

    assert first(some) != first(other)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("send")),
            st.tuples(st.just("lose"), st.booleans()),
            st.tuples(st.just("acknowledge"), st.integers(1, 40)),
            st.tuples(st.just("wait"), st.floats(0.0, 100.0)),
            st.tuples(st.just("receive"), st.integers(0, 40), st.integers(0, 5)),
        ),
        max_size=30,
    )
)
def test_whatever_happens_the_window_holds_and_every_number_is_received_in_the_end(steps):  # noqa: C901 -- a case a step
    """A store that receives what it is sent, now or after any disturbance, gets all forty numbers."""
    some, at, store = window(4), 0.0, set()

    def send() -> None:
        while some.room and some.cursor < 40:
            number = some.cursor + 1
            if some.wants(number):
                some.sent(number, Class.EVT, 1000 + number, at=at)
            some.cursor = number
        assert some.outstanding <= 4

    for step in steps:
        match step:
            case ("send",):
                send()
            case ("acknowledge", number):
                some.acknowledged(1000 + number)
            case ("lose", _):
                some.begin_session(resumed=step[1], at=at)
            case ("wait", pause):
                at += pause
                some.stalled(at)
            case ("receive", first, count):
                got = {number for number in range(first, first + count) if 0 < number <= some.cursor}
                store |= got
                some.receive(cum=0, ranges=[(number, number) for number in got], at=at)
    for _ in range(12):
        send()
        store |= set(some._outstanding)
        some.receive(cum=0, ranges=[(number, number) for number in store], at=at)
        at += 10_000.0
        some.stalled(at)
        some.rewind()
    assert store == set(range(1, 41))
