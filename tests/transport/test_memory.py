"""What the broker in a list can do that a real one cannot: bad weather on demand, on its own clock."""

from __future__ import annotations

import random

import pytest

from agent.clock import SimulatedClock
from agent.transport import Acknowledged, Disconnected, Message, Will
from agent.transport.kept import matches
from agent.transport.memory import MemoryBroker, MemoryTransport, Weather
from tests.brokers.waiting import messages, opened, quiet


def pair(weather: Weather | None = None, *, seed: int = 1) -> tuple[MemoryBroker, MemoryTransport, MemoryTransport]:
    broker = MemoryBroker(SimulatedClock(), randomness=random.Random(seed), weather=weather)
    anna, bruno = broker.transport("anna"), broker.transport("bruno")
    opened(bruno, "count")
    opened(anna)
    return broker, anna, bruno


def received(weather: Weather, *, seed: int = 1, count: int = 100) -> list[int]:
    _, anna, bruno = pair(weather, seed=seed)
    for number in range(count):
        anna.publish("count", b"%d" % number)
    return [int(message.payload) for message in quiet(bruno)]


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/+", "a/b", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("+/+", "a", False),
        ("#", "a/b", True),
        ("a", "a/b", False),
        ("+", "", True),
    ],
)
def test_filters_match_as_in_the_specification(pattern: str, topic: str, expected: bool):  # noqa: FBT001 -- a table
    assert matches(pattern, topic) is expected


def test_fair_weather_loses_nothing():
    assert received(Weather()) == list(range(100))


def test_lost_messages_were_acknowledged_all_the_same():
    _, anna, bruno = pair(Weather(lost=1.0))
    mid = anna.publish("count", b"1")
    assert anna.poll(0.0) == [Acknowledged(mid, 0)]
    assert quiet(bruno) == []


def test_some_messages_come_twice():
    assert 100 < len(received(Weather(twice=0.5))) < 200


def test_delayed_messages_overtake_each_other_and_none_is_missing():
    _, anna, bruno = pair(Weather(delay_s=0.2))
    for number in range(100):
        anna.publish("count", b"%d" % number)
    numbers = [int(message.payload) for message in messages(bruno, 100)]
    assert numbers != sorted(numbers)
    assert sorted(numbers) == list(range(100))


def test_the_same_seed_brings_the_same_weather():
    storm = Weather(lost=0.2, twice=0.2, delay_s=0.3)
    assert received(storm, seed=5) == received(storm, seed=5)
    assert received(storm, seed=5) != received(storm, seed=6)


def test_waiting_for_a_delayed_message_advances_the_clock_no_further_than_needed():
    broker, anna, bruno = pair(Weather(delay_s=10.0))
    anna.publish("count", b"1")
    assert messages(bruno, 1) == [Message("count", b"1")]
    assert broker.clock.now() <= 10.0


def test_a_cut_connection_is_noticed_and_healed():
    broker, anna, _ = pair()
    broker.cut("anna")
    assert anna.publish("count", b"1") == 0
    assert isinstance(anna.poll(0.0)[0], Disconnected)
    assert anna.publish("count", b"1") == 0
    anna.poll(0.0)
    assert anna.publish("count", b"1") > 0


def test_a_will_waits_for_its_delay_and_is_withdrawn_when_the_client_is_back():
    clock = SimulatedClock()
    broker = MemoryBroker(clock)
    anna, bruno = broker.transport("anna", will=Will("state", b"lost", delay_s=30)), broker.transport("bruno")
    opened(bruno, "state")
    opened(anna)
    broker.cut("anna")
    clock.sleep(29)
    opened(anna)
    clock.sleep(60)
    assert quiet(bruno) == []
    broker.cut("anna")
    clock.sleep(31)
    assert messages(bruno, 1) == [Message("state", b"lost")]


def test_a_message_past_its_expiry_is_not_delivered():
    clock = SimulatedClock()
    broker = MemoryBroker(clock)
    anna, bruno = broker.transport("anna"), broker.transport("bruno")
    opened(bruno, "news")
    bruno.close()
    opened(anna)
    anna.publish("news", b"short", expires_s=60)
    anna.publish("news", b"long", expires_s=6000)
    clock.sleep(61)
    bruno.open()
    assert messages(bruno, 1) == [Message("news", b"long")]


def test_a_broker_that_is_down_takes_nothing_and_comes_back_empty():
    broker, anna, bruno = pair()
    broker.crash(forget=True)
    broker.up = False
    assert isinstance(anna.poll(1.0)[0], Disconnected)
    assert anna.poll(1.0) == []
    broker.up = True
    assert not opened(bruno).resumed


def test_a_refused_client_is_told_why():
    broker = MemoryBroker(SimulatedClock())
    broker.refused["anna"] = "not authorized"
    anna = broker.transport("anna")
    anna.open()
    assert anna.poll(0.0) == [Disconnected("not authorized", refused=True)]


def test_an_answer_that_refuses_a_message_keeps_it_from_everybody():
    broker, anna, bruno = pair()
    broker.answers["count"] = 135
    mid = anna.publish("count", b"1")
    assert anna.poll(0.0) == [Acknowledged(mid, 135)]
    assert quiet(bruno) == []
    assert broker.log == []
