"""What every transport promises, tried on the broker in a list and on mosquitto."""

from __future__ import annotations

from agent.transport import (
    NOBODY_SUBSCRIBES,
    Acknowledged,
    Connected,
    Disconnected,
    Message,
    Subscribed,
    Transport,
    Will,
)
from tests.brokers.waiting import first, messages, opened, quiet, until
from tests.transport.conftest import AnyBench


def test_a_message_reaches_who_subscribed_and_is_acknowledged(bench: AnyBench):
    anna, bruno = bench.transport("anna"), bench.transport("bruno")
    opened(bruno, "house/+/door")
    opened(anna)
    mid = anna.publish("house/front/door", b"open")
    assert mid > 0
    assert first(anna, Acknowledged) == Acknowledged(mid, 0)
    assert messages(bruno, 1) == [Message("house/front/door", b"open")]


def test_nobody_subscribes_is_said_in_the_acknowledgement(bench: AnyBench):
    anna = bench.transport("anna")
    opened(anna)
    mid = anna.publish("house/front/door", b"open")
    answer = first(anna, Acknowledged)
    assert (answer.mid, answer.delivered) == (mid, False)


def test_without_a_session_nothing_is_handed_over(bench: AnyBench):
    anna = bench.transport("anna")
    assert anna.publish("house/front/door", b"open") == 0


def test_messages_come_in_the_order_in_which_they_were_handed_over(bench: AnyBench):
    anna, bruno = bench.transport("anna"), bench.transport("bruno")
    opened(bruno, "count")
    opened(anna)
    for number in range(100):
        anna.publish("count", b"%d" % number)
    until(anna, lambda news: sum(isinstance(item, Acknowledged) for item in news) == 100)
    assert [int(message.payload) for message in messages(bruno, 100)] == list(range(100))


def test_a_newcomer_is_told_the_last_retained_message_and_told_that_it_is_one(bench: AnyBench):
    anna, bruno = bench.transport("anna"), bench.transport("bruno")
    opened(anna)
    for payload in (b"old", b"new"):
        anna.publish("state/anna", payload, retain=True)
    until(anna, lambda news: sum(isinstance(item, Acknowledged) for item in news) == 2)
    opened(bruno)
    bruno.subscribe("state/+")
    assert messages(bruno, 1) == [Message("state/anna", b"new", retained=True)]


def test_an_empty_retained_message_clears_the_topic(bench: AnyBench):
    anna, bruno = bench.transport("anna"), bench.transport("bruno")
    opened(anna)
    for payload in (b"something", b""):
        anna.publish("state/anna", payload, retain=True)
    until(anna, lambda news: sum(isinstance(item, Acknowledged) for item in news) == 2)
    opened(bruno)
    bruno.subscribe("state/+")
    assert quiet(bruno) == []


def test_who_was_away_gets_what_came_meanwhile(bench: AnyBench):
    anna, bruno = bench.transport("anna"), bench.transport("bruno")
    opened(bruno, "news")
    bruno.close()
    opened(anna)
    anna.publish("news", b"meanwhile")
    assert first(anna, Acknowledged).delivered
    bruno = bench.transport("bruno")
    bruno.open()
    happened = until(bruno, lambda news: any(isinstance(item, Message) for item in news))
    assert next(item for item in happened if isinstance(item, Connected)).resumed
    assert Message("news", b"meanwhile") in happened


def test_who_wants_no_session_starts_anew(bench: AnyBench):
    anna, bruno = bench.transport("anna"), bench.transport("bruno", session_s=0)
    opened(bruno, "news")
    bruno.close()
    opened(anna)
    anna.publish("news", b"meanwhile")
    first(anna, Acknowledged)
    bruno = bench.transport("bruno", session_s=0)
    assert not opened(bruno, "news").resumed
    assert quiet(bruno) == []


def test_what_was_not_dealt_with_comes_again(bench: AnyBench):
    """A reader that dies between two polls has not acknowledged what the first one gave."""
    anna, bruno = bench.transport("anna"), bench.transport("bruno")
    opened(bruno, "news")
    opened(anna)
    anna.publish("news", b"first")
    assert messages(bruno, 1) == [Message("news", b"first")]
    bruno.close(lost=True)
    bruno = bench.transport("bruno")
    bruno.open()
    assert messages(bruno, 1) == [Message("news", b"first")]


def test_what_was_dealt_with_does_not_come_again(bench: AnyBench):
    anna, bruno = bench.transport("anna"), bench.transport("bruno")
    opened(bruno, "news")
    opened(anna)
    anna.publish("news", b"first")
    assert messages(bruno, 1) == [Message("news", b"first")]
    bruno.poll(0.0)
    bruno.close(lost=True)
    bruno = bench.transport("bruno")
    bruno.open()
    assert quiet(bruno) == []


def test_the_will_of_one_that_is_lost_is_published_and_kept(bench: AnyBench):
    anna, bruno = bench.transport("anna", will=Will("state/anna", b"lost", delay_s=0)), bench.transport("bruno")
    opened(bruno, "state/+")
    opened(anna)
    anna.close(lost=True)
    assert messages(bruno, 1) == [Message("state/anna", b"lost")]
    carla = bench.transport("carla")
    opened(carla)
    carla.subscribe("state/+")
    assert messages(carla, 1) == [Message("state/anna", b"lost", retained=True)]


def test_who_says_good_bye_leaves_no_will(bench: AnyBench):
    anna, bruno = bench.transport("anna", will=Will("state/anna", b"lost", delay_s=0)), bench.transport("bruno")
    opened(bruno, "state/+")
    opened(anna)
    anna.close()
    assert quiet(bruno) == []


def test_a_new_will_takes_the_place_of_the_old_one_in_an_open_session(bench: AnyBench):
    anna, bruno = bench.transport("anna", will=Will("state/anna", b"old", delay_s=0)), bench.transport("bruno")
    opened(bruno, "state/+")
    opened(anna)
    anna.set_will(Will("state/anna", b"new", delay_s=0))
    until(anna, lambda news: any(isinstance(item, Connected) for item in news))
    anna.close(lost=True)
    assert messages(bruno, 1) == [Message("state/anna", b"new")]


def test_after_a_crash_of_the_broker_the_session_and_the_subscriptions_stand_again(bench: AnyBench):
    anna, bruno = bench.transport("anna"), bench.transport("bruno")
    opened(bruno, "news")
    opened(anna)
    bench.crash()
    happened = until(bruno, lambda news: any(isinstance(item, Subscribed) for item in news))
    assert isinstance(happened[0], Disconnected)
    until(anna, lambda news: any(isinstance(item, Connected) for item in news))
    anna.publish("news", b"after")
    assert messages(bruno, 1) == [Message("news", b"after")]


def test_what_is_no_longer_subscribed_to_does_not_come_in_this_session_or_the_next(bench: AnyBench):
    """The marker on a subscription that stays comes after whatever else could come."""
    anna, bruno = bench.transport("anna"), bench.transport("bruno")
    opened(bruno, "news", "secret")
    opened(anna)
    bruno.unsubscribe("secret")
    until(bruno, lambda _: _is_alone(anna, "secret"))
    bench.crash()
    until(bruno, lambda news: any(isinstance(item, Subscribed) for item in news))
    until(anna, lambda news: any(isinstance(item, Connected) for item in news))
    anna.publish("secret", b"again")
    anna.publish("news", b"after")
    assert messages(bruno, 1) == [Message("news", b"after")]


def _is_alone(speaker: Transport, topic: str) -> bool:
    """Whether nobody is subscribed to a topic any more."""
    mid = speaker.publish(topic, b"?")
    happened = until(speaker, lambda news: any(isinstance(item, Acknowledged) for item in news))
    return Acknowledged(mid, NOBODY_SUBSCRIBES) in happened
