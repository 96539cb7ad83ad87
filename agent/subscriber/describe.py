"""Each class of message in a line for a person."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch

from agent.contract.envelope import Envelope
from agent.contract.sentences import ENGLISH, sentence
from agent.contract.tongue import Tongue
from agent.contract.types import (
    AckData,
    AuditData,
    CommandData,
    EventData,
    HeadData,
    HealthData,
    PublicData,
    ReceiptData,
    ResultData,
    StatData,
    StateData,
)

FIGURES = 6
"""Numbers of a count or of health that fit a line."""

_STATES = {
    "up": "UP, agent {agent}, configuration {cfg}",
    "lost": "LOST: the broker hears it no more",
    "down": "DOWN: stopped on purpose",
}


def describe(envelope: Envelope, tongue: Tongue = ENGLISH) -> str:
    """What an envelope says; the sentence of an event in a language."""
    if isinstance(envelope.data, EventData):
        return f"{envelope.topic.type} {envelope.data.phase}: {sentence(envelope.data, tongue)}"
    return _say(envelope.data, envelope)


@singledispatch
def _say(data: object, _envelope: Envelope) -> str:
    raise TypeError(f"no words for {type(data).__name__}")


@_say.register
def _stat(data: StatData, _envelope: Envelope) -> str:
    return f"{data.source}, {data.coverage:.0%} observed: {_figures(data.values)}"


@_say.register
def _health(data: HealthData, _envelope: Envelope) -> str:
    return f"health: {_figures(data.values)}"


@_say.register
def _audit(data: AuditData, _envelope: Envelope) -> str:
    numbers = "" if data.first is None else f"{data.first}-{data.last}"
    return "audit: " + " ".join(word for word in (data.action, data.subject, data.outcome, numbers) if word)


@_say.register
def _state(data: StateData, _envelope: Envelope) -> str:
    camera = ", WITH A CAMERA'S NETWORK" if data.pixels_network and data.status == "up" else ""
    alone = ", deletes on the broker's word" if data.delete_on == "puback" and data.status == "up" else ""
    return _STATES[data.status].format(agent=data.agent, cfg=data.cfg) + camera + alone


@_say.register
def _head(data: HeadData, _envelope: Envelope) -> str:
    return f"has made {data.seq} records"


@_say.register
def _receipt(data: ReceiptData, envelope: Envelope) -> str:
    return f"{envelope.maker.node} has {data.cum}" + "".join(f", {first}-{last}" for first, last in data.ranges)


@_say.register
def _command(data: CommandData, envelope: Envelope) -> str:
    return f"{envelope.maker.node} asks: {data.command} {data.target}".rstrip()


@_say.register
def _result(data: ResultData, _envelope: Envelope) -> str:
    lost = ", ".join(f"{first}-{last}" for first, last in data.ranges)
    said = f"command {data.command}: {data.outcome} {data.why}".rstrip()
    return f"{said}, nobody can give {lost} any more" if lost else said


@_say.register
def _ack(data: AckData, envelope: Envelope) -> str:
    return f"{envelope.maker.node} says of event {data.event}: {data.verdict}"


@_say.register
def _public(data: PublicData, _envelope: Envelope) -> str:
    told = [hour.count for hour in data.hours if hour.count is not None]
    return f"{data.place}: {sum(told)} passages told in {len(told)} of {len(data.hours)} hours"


def _figures(values: Mapping[str, float]) -> str:
    shown = [f"{name} {value:g}" for name, value in sorted(values.items())]
    more = f" and {len(shown) - FIGURES} more" if len(shown) > FIGURES else ""
    return ", ".join(shown[:FIGURES]) + more
