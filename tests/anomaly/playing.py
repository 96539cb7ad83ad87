"""Rules from YAML, readings from lists, events as short lines: what the tests of the engine share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from agent.anomaly.calendar import Local, utc
from agent.anomaly.engine import Engine, ids
from agent.anomaly.settings import Rule, RuleSettings
from agent.documents import convert, parse
from agent.records import Event, Observation

MONDAY = 1_700_438_400.0
"""2023-11-20 00:00:00 UTC."""

Reading = tuple[float, float]


@cache
def rules(text: str) -> tuple[Rule, ...]:
    """Rules as a configuration lists them."""
    listed: Any = convert(parse(text, name="rules"), tuple[RuleSettings, ...], name="rules")
    return tuple(listed)


def engine(text: str, *, local: Local = utc) -> Engine:
    return Engine(rules(text), new_id=ids("00000001"), local=local)


def series(quantity: str, readings: Iterable[Reading], *, source: str = "gate-cam") -> list[Observation]:
    """Observations at seconds from Monday midnight."""
    return [Observation(source, quantity, float(value), MONDAY + t_s) for t_s, value in readings]


def play(
    text: str,
    observations: Sequence[Observation],
    *,
    until: float = 0.0,
    local: Local = utc,
    tick_s: float = 1.0,
) -> list[Event]:
    """The events of observations in order of time, with a tick every `tick_s` up to `until`."""
    one = engine(text, local=local)
    waiting = sorted(observations, key=lambda observation: observation.at)
    end = max([until + MONDAY, *(observation.at for observation in waiting)])
    events: list[Event] = []
    now = MONDAY
    for observation in waiting:
        while now < observation.at:
            events += one.advance(now)
            now += tick_s
        events += one.update(observation)
    while now <= end:
        events += one.advance(now)
        now += tick_s
    return events + one.advance(end + 0.001)  # what is due at the end itself


def lines(events: Iterable[Event]) -> list[str]:
    """`seconds phase observed` of each event, and what closed it where that was not the rule."""
    return [line(event) for event in events]


def line(event: Event) -> str:
    words = [f"{event.at - MONDAY:g}", event.phase, f"{event.reason.observed:g}"]
    return " ".join([*words, *([event.closed_by] if event.closed_by not in ("", "rule") else [])])
