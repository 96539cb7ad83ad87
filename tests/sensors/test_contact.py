"""What edges mean: debounce, chatter and stuck, for every sequence of edges that can be made up."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.sensors.contact import MINUTE_S, Chatter, Contact, Debounce, Edge, Stuck

BOUNCE_S = 0.05
GAPS = st.one_of(st.floats(0.0, 0.2), st.floats(0.2, 200.0))


def edges(max_size=30):
    """Edges of any spacing and level, also levels given twice as when one was lost."""
    steps = st.lists(st.tuples(GAPS, st.booleans()), max_size=max_size)
    return steps.map(lambda pairs: [Edge(at, active) for at, active in stamped(pairs)])


def stamped(pairs):
    at = 0.0
    for gap, active in pairs:
        at += gap
        yield at, active


def contact(*, bounce_s=BOUNCE_S, chatter_per_min=60, stuck_s=None, active=False):
    return Contact.starting(
        Edge(0.0, active),
        source="door",
        quantity="open",
        bounce_s=bounce_s,
        chatter_per_min=chatter_per_min,
        stuck_s=stuck_s,
    )


def fed(one, given_edges, *reads):
    """Everything a contact tells when edges and reads reach it in order of time."""
    steps = sorted(
        [*((edge.at, edge) for edge in given_edges), *((at, None) for at in reads)], key=lambda step: step[0]
    )
    return [told for at, edge in steps for told in (one.read(at) if edge is None else one.update(edge))]


def values(told, quantity):
    return [(one.at, one.value) for one in told if one.quantity == quantity]


@given(edges())
def test_believed_levels_alternate_and_each_held_for_the_bounce_time(given_edges):
    debounce = Debounce(BOUNCE_S)
    believed = [edge for one in given_edges for edge in debounce.update(one)]
    assert all(earlier.active != later.active for earlier, later in pairwise([Edge(0.0, False), *believed]))
    assert all(later.at - earlier.at >= BOUNCE_S * 0.999 for earlier, later in pairwise(believed))


@given(edges())
def test_after_quiet_the_believed_level_is_the_last_one_seen(given_edges):
    debounce = Debounce(BOUNCE_S)
    for edge in given_edges:
        list(debounce.update(edge))
    last = given_edges[-1] if given_edges else Edge(0.0, False)
    list(debounce.advance(last.at + 1.0))
    assert debounce.active == last.active


@given(st.lists(st.floats(0.06, 100.0), max_size=40))
def test_clean_edges_all_come_through_one_bounce_time_later(gaps):
    levels = [(gap, number % 2 == 0) for number, gap in enumerate(gaps)]
    clean = [Edge(at, active) for at, active in stamped(levels)]
    debounce = Debounce(BOUNCE_S)
    believed = [edge for one in clean for edge in debounce.update(one)]
    believed += debounce.advance(1e6)
    assert believed == [Edge(edge.at + BOUNCE_S, edge.active) for edge in clean]


@given(edges(), st.lists(st.floats(0.0, 3000.0), max_size=30))
def test_told_moments_never_go_back(given_edges, reads):
    told = fed(contact(), given_edges, *reads)
    assert all(earlier.at <= later.at for earlier, later in pairwise(told))


@given(edges(), st.integers(2, 20))
def test_an_input_that_chatters_says_nothing_else(given_edges, per_min):
    one = contact(chatter_per_min=per_min)
    for edge in given_edges:
        told = list(one.update(edge))
        assert not (one.chatter.on and told)
        again = [reading.quantity for reading in one.read(edge.at)]
        assert ("open" in again) != one.chatter.on


@given(edges(), st.integers(2, 20))
def test_chatter_is_on_exactly_while_the_last_minute_says_so(given_edges, per_min):
    """The state machine against its definition, counted from the whole history."""
    chatter, expected = Chatter(per_min, BOUNCE_S), False
    counted: list[float] = []
    for edge in given_edges:
        if not counted or edge.at - counted[-1] >= BOUNCE_S:
            counted.append(edge.at)
        chatter.update(edge.at)
        recent = sum(at > edge.at - MINUTE_S for at in counted)
        expected = recent > (per_min // 2 if expected else per_min)
        assert chatter.advance(edge.at) == expected


@given(edges(), st.floats(0.5, 500.0))
def test_stuck_is_on_exactly_when_active_for_that_long(given_edges, after_s):
    stuck, since = Stuck(after_s), None
    for edge in given_edges:
        expected = since is not None and edge.at - since >= after_s
        assert stuck.advance(edge.at) == expected
        stuck.update(edge)
        since = (edge.at if since is None else since) if edge.active else None


def test_a_bouncing_press_is_one_press():
    bounces = [Edge(1.0 + number / 1000, number % 2 == 0) for number in range(11)]
    assert values(fed(contact(), bounces, 0.5, 2.0), "open") == [(0.5, 0.0), (1.06, 1.0), (2.0, 1.0)]


def test_a_glitch_shorter_than_the_bounce_time_is_not_told():
    told = fed(contact(), [Edge(1.0, True), Edge(1.01, False)], 2.0)
    assert values(told, "open") == [(2.0, 0.0)]


def test_without_a_bounce_time_every_edge_counts_at_once():
    told = fed(contact(bounce_s=0.0), [Edge(1.0, True), Edge(1.01, False)])
    assert values(told, "open") == [(1.0, 1.0), (1.01, 0.0)]


def test_a_loose_wire_is_chatter_and_the_end_of_it_is_told_too():
    loose = [Edge(10.0 + number * 0.2, number % 2 == 0) for number in range(100)]
    told = fed(contact(), loose, 9.0, 20.0, 31.0, 85.0, 120.0)
    assert values(told, "chatter") == [(9.0, 0.0), (31.0, 1.0), (85.0, 0.0)]


def test_a_fast_buzz_is_chatter_although_no_level_ever_settles():
    buzz = [Edge(10.0 + number * 0.001, number % 2 == 0) for number in range(20000)]
    told = fed(contact(), buzz, 30.0)
    assert values(told, "chatter") == [(30.0, 1.0)]
    assert values(told, "open") == []


def test_a_button_held_too_long_is_stuck_until_it_is_let_go():
    held = [Edge(5.0, True), Edge(50.0, False)]
    told = fed(contact(stuck_s=30.0), held, 1.0, 20.0, 40.0, 60.0)
    assert values(told, "stuck") == [(1.0, 0.0), (40.0, 1.0), (60.0, 0.0)]


def test_an_input_that_is_active_from_the_start_gets_stuck_too():
    told = fed(contact(stuck_s=30.0, active=True), [], 1.0, 31.0)
    assert values(told, "stuck") == [(1.0, 0.0), (31.0, 1.0)]


def test_a_door_may_stay_open_for_ever():
    assert values(fed(contact(active=True), [], 1.0, 1e7), "stuck") == [(1.0, 0.0)]


def test_a_clock_that_was_set_back_starts_the_spans_anew_instead_of_silencing_the_input():
    one = contact(stuck_s=30.0, active=True)
    told = [*one.read(100_000.0), *one.read(1000.0), *one.update(Edge(1001.0, False)), *one.read(1002.0)]
    assert values(told, "stuck") == [(100_000.0, 1.0), (1000.0, 0.0)]
    assert values(told, "open")[-2:] == [(1001.05, 0.0), (1002.0, 0.0)]
