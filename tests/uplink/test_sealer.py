"""The sealer asks about the clock now and then, not for every envelope."""

from __future__ import annotations

import json

from agent.clock import SimulatedClock
from agent.contract.jws import GENESIS, unb64
from agent.records import ClockQuality
from agent.uplink.envelope import Sealer
from tests.contract.makers import AT, NODE, signer
from tests.uplink.nodes import WORDS, event


def test_a_clock_that_is_set_shows_in_the_next_envelopes_within_a_second() -> None:
    clock = SimulatedClock(AT)
    answers = [ClockQuality.UNSYNCED, ClockQuality.NTP]
    sealer = Sealer(NODE, signer("node"), WORDS, clock=clock, boot="0000beef", trust=lambda: answers.pop(0))
    told = [clock_of(sealer), clock_of(sealer)]
    clock.sleep(1.0)
    assert [*told, clock_of(sealer)] == ["unsynced", "unsynced", "ntp"]


def clock_of(sealer: Sealer) -> str:
    """What an envelope made now says of the clock, twice the same."""
    (draft,) = sealer.drafts(event())
    payload = json.loads(unb64(draft.seal(1, GENESIS)[0].split(".")[1]))
    assert payload["data"].get("quality", {}).get("clock", "unsynced") == payload["clock"]
    return str(payload["clock"])
