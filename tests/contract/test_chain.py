"""A stream is whole, or it is said what is wrong with it."""

from __future__ import annotations

import random
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as some

from agent.contract.chain import ChainCheck, Finding, Span, Word
from agent.contract.envelope import Envelope
from agent.contract.topics import Class
from agent.contract.types import HeadData
from tests.contract.makers import Chain, event, signer


def words(findings: Iterable[Finding]) -> list[tuple[str, int, int]]:
    return [(finding.word.value, finding.first, finding.last) for finding in findings]


def feed(check: ChainCheck, *envelopes: Envelope) -> list[tuple[str, int, int]]:
    return [word for envelope in envelopes for word in words(check.feed(envelope))]


def test_a_whole_stream_is_ok_from_first_to_last() -> None:
    check = ChainCheck(whole=True)
    assert feed(check, *Chain().several(3)) == [("ok", 1, 1), ("ok", 2, 2), ("ok", 3, 3)]
    assert check.missing() == ()


def test_the_same_envelope_twice_is_a_duplicate() -> None:
    first, second = Chain().several(2)
    assert feed(ChainCheck(), first, second, first)[-1] == ("duplicate", 1, 1)


def test_what_was_left_out_is_a_gap_until_it_comes_late() -> None:
    one, two, three, four = Chain().several(4)
    check = ChainCheck()
    assert feed(check, one, four)[1:] == [("ok", 4, 4), ("gap", 2, 3)]
    assert check.missing() == ((2, 3),)
    assert feed(check, three, two) == [("late", 3, 3), ("late", 2, 2)]
    assert check.missing() == ()


def test_a_stream_that_must_be_whole_misses_its_beginning() -> None:
    check = ChainCheck(whole=True)
    assert feed(check, Chain().several(3)[2]) == [("ok", 3, 3), ("gap", 1, 2)]


def test_a_stream_joined_in_the_middle_does_not_miss_what_was_before() -> None:
    check = ChainCheck()
    assert feed(check, *Chain().several(5)[3:]) == [("ok", 4, 4), ("ok", 5, 5)]


def test_two_contents_under_one_number_are_equivocation() -> None:
    chain, clone = Chain(), Chain()
    check = ChainCheck()
    feed(check, *chain.several(2))
    clone.opened()
    other = clone.opened(data=event(rule="another"))
    assert feed(check, other) == [("equivocation", 2, 2)]


def test_a_link_that_names_another_predecessor_is_broken() -> None:
    chain = Chain()
    first = chain.opened()
    chain.prev = "f" * 64
    assert feed(ChainCheck(), first, chain.opened()) == [("ok", 1, 1), ("ok", 2, 2), ("broken", 2, 2)]


def test_a_broken_joint_is_found_when_the_later_one_came_first() -> None:
    chain = Chain()
    one = chain.opened()
    two = chain.opened()
    chain.prev = "f" * 64
    three = chain.opened()
    assert ("broken", 3, 3) in feed(ChainCheck(), one, three, two)


def test_a_record_of_what_was_dropped_explains_the_gap_before_or_after_it_shows() -> None:
    chain = Chain()
    one, _, _, four = chain.several(4)
    dropped = chain.dropping((2, 3))
    for order in ((one, four, dropped), (dropped, one, four), (one, dropped, four)):
        check = ChainCheck(whole=True)
        assert ("dropped", 2, 3) in feed(check, *order)
        assert check.missing() == ()
        assert check.dropped() == ((2, 3),)


def test_a_record_of_what_was_dropped_explains_nothing_else() -> None:
    chain = Chain()
    one, *_ = chain.several(5)
    check = ChainCheck()
    feed(check, one, chain.dropping((2, 3)))
    assert check.missing() == ((4, 5),)


def test_a_head_shows_that_the_tail_was_cut() -> None:
    chain = Chain()
    check = ChainCheck()
    feed(check, *chain.several(2))
    three = chain.opened()
    assert feed(check, chain.head()) == [("behind", 3, 3)]
    assert check.missing() == ((3, 3),)
    assert feed(check, three) == [("ok", 3, 3)]
    assert check.missing() == ()


def test_a_head_that_says_what_is_here_says_nothing_new() -> None:
    chain = Chain()
    check = ChainCheck(whole=True)
    assert feed(check, chain.head(), *chain.several(2), chain.head()) == [("ok", 1, 1), ("ok", 2, 2)]


def test_a_head_that_names_another_content_is_equivocation() -> None:
    chain = Chain()
    check = ChainCheck()
    feed(check, *chain.several(2))
    lie = chain.opened(Class.HEAD, HeadData(seq=2, digest="f" * 64), kind="node")
    assert feed(check, lie) == [("equivocation", 2, 2)]


def test_an_envelope_that_a_head_named_otherwise_is_equivocation() -> None:
    chain = Chain()
    check = ChainCheck()
    feed(check, chain.opened(), chain.opened(Class.HEAD, HeadData(seq=2, digest="f" * 64), kind="node"))
    assert feed(check, chain.opened()) == [("ok", 2, 2), ("equivocation", 2, 2)]


def test_a_head_that_takes_back_its_promise_is_rolled_back() -> None:
    chain = Chain()
    check = ChainCheck()
    feed(check, *chain.several(3), chain.head())
    lower = chain.opened(Class.HEAD, HeadData(seq=2, digest=check._links[2].digest), kind="node")
    assert feed(check, lower) == [("rolled-back", 3, 3)]


def test_an_old_head_that_comes_late_is_no_roll_back() -> None:
    chain = Chain()
    check = ChainCheck()
    one = chain.opened()
    old = chain.head()
    two = chain.opened()
    assert feed(check, one, two, chain.head(), old) == [("ok", 1, 1), ("ok", 2, 2)]


def test_a_new_key_begins_a_new_chain_and_ends_the_old_one() -> None:
    old, new = Chain(), Chain(signer=signer("after the repair"))
    one, two, three = old.several(3)
    check = ChainCheck(whole=True)
    feed(check, one, two)
    assert feed(check, new.head()) == []
    assert feed(check, *new.several(2)) == [("restart", 1, 1), ("ok", 1, 1), ("ok", 2, 2)]
    assert feed(check, three) == [("old", 3, 3)]


def test_a_rotated_key_goes_on_in_the_same_chain() -> None:
    chain = Chain()
    check = ChainCheck()
    feed(check, *chain.several(2))
    chain.signer = signer("the next key")
    assert feed(check, chain.opened()) == [("ok", 3, 3)]


def test_the_same_key_cannot_begin_again() -> None:
    chain, again = Chain(), Chain()
    check = ChainCheck()
    feed(check, *chain.several(2))
    assert feed(check, again.opened(data=event(rule="other"))) == [("equivocation", 1, 1)]


def test_what_is_forgotten_counts_as_a_duplicate_and_the_rest_goes_on() -> None:
    one, two, three, four = Chain().several(4)
    check = ChainCheck()
    feed(check, one, two, three)
    check.forget(up_to=2)
    assert feed(check, one, four) == [("duplicate", 1, 1), ("ok", 4, 4)]


@given(seed=some.integers(0, 2**32), count=some.integers(1, 12), copies=some.integers(0, 5))
def test_any_order_and_any_duplicates_end_whole(seed: int, count: int, copies: int) -> None:
    random_ = random.Random(seed)
    envelopes = Chain().several(count)
    arriving = envelopes + random_.choices(envelopes, k=copies)
    random_.shuffle(arriving)
    check = ChainCheck(whole=True)
    found = {finding.word for envelope in arriving for finding in check.feed(envelope)}
    assert found <= {Word.OK, Word.LATE, Word.DUPLICATE, Word.GAP}
    assert (check.missing(), check.last) == ((), count)


@given(some.lists(some.tuples(some.booleans(), some.integers(0, 30), some.integers(0, 30)), max_size=20))
def test_a_span_holds_what_a_set_would(steps: list[tuple[bool, int, int]]) -> None:
    span, model = Span(), set[int]()
    for adds, first, last in steps:
        numbers = set(range(first, last + 1))
        (span.add if adds else span.remove)(first, last)
        model = model | numbers if adds else model - numbers
    assert {number for first, last in span for number in range(first, last + 1)} == model
    assert all(b + 1 < c for (_, b), (c, _) in zip(list(span), list(span)[1:], strict=False))


def test_a_replaced_node_that_is_heard_from_its_middle_on_is_a_restart_and_no_forgery() -> None:
    old, new, check = Chain(), Chain(signer=signer("the new card")), ChainCheck()
    for envelope in old.several(5):
        check.feed(envelope)
    first, second = new.several(2)
    assert words(check.feed(second)) == [("restart", 2, 2), ("ok", 2, 2)]
    assert words(check.feed(first)) == [("late", 1, 1)]
    assert check.missing() == ()
