"""The sealer asks about the clock now and then, and lets an event end when what was agreed says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.clock import SimulatedClock
from agent.contract.jws import GENESIS, unb64
from agent.contract.times import seconds
from agent.documents import convert
from agent.governance.agreement import Agreement
from agent.governance.terms import expires_s
from agent.records import ClockQuality
from agent.uplink.envelope import Sealer
from tests.contract.makers import AT, NODE, signer
from tests.ota.town import PATTO
from tests.uplink.nodes import WORDS, event


def test_a_clock_that_is_set_shows_in_the_next_envelopes_within_a_second() -> None:
    clock = SimulatedClock(AT)
    answers = [ClockQuality.UNSYNCED, ClockQuality.NTP]
    sealer = Sealer(NODE, signer("node"), WORDS, clock=clock, boot="0000beef", trust=lambda: answers.pop(0))
    told = [clock_of(sealer), clock_of(sealer)]
    clock.sleep(1.0)
    assert [*told, clock_of(sealer)] == ["unsynced", "unsynced", "ntp"]


@pytest.mark.parametrize(("days", "ends_after_days"), [((), 7), ((30,), 7), ((30, 2), 2)])
def test_an_event_ends_no_later_than_any_agreement_lets_its_partner_keep_it(
    days: tuple[int, ...], ends_after_days: int
) -> None:
    agreements = [convert(PATTO | {"retention_days": one}, Agreement, name="it") for one in days]
    lasts_s = expires_s(agreements, at=seconds("2026-06-01T00:00:00.000Z"))
    sealer = Sealer(NODE, signer("node"), WORDS, clock=SimulatedClock(AT), boot="0000beef", lasts_s=lasts_s)
    payload = sealed(sealer)
    assert seconds(payload["expirytime"]) - seconds(payload["time"]) == ends_after_days * 86_400


def sealed(sealer: Sealer) -> dict[str, Any]:
    (draft,) = sealer.drafts(event())
    payload: dict[str, Any] = json.loads(unb64(draft.seal(1, GENESIS)[0].split(".")[1]))
    return payload


def clock_of(sealer: Sealer) -> str:
    """What an envelope made now says of the clock, twice the same."""
    payload = sealed(sealer)
    assert payload["data"].get("quality", {}).get("clock", "unsynced") == payload["clock"]
    return str(payload["clock"])
