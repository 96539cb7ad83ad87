"""How many of 10,000 generated events, and as many counts and health records, are valid in the words of other systems.

Every type, phase and severity in turn, with numbers of a seed; each is sealed by a node, opened and verified, exported,
and judged by the target's own schema: CAP's and ONVIF's XSD, the Smart Data Models' attributes, and what Home
Assistant documents of its discovery. Of CAP the alerts of events that an operator confirmed.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, get_args

from lxml import etree

from agent.clock import SimulatedClock
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import Key, KeyRing
from agent.contract.topics import Class, NodeName
from agent.contract.types import AckData, EventKind
from agent.records import Event, Health, Phase, Reason, Severity, Stat
from agent.simulation.nodes import SimulatedNode
from agent.simulation.script import CAMERA, GATE
from agent.subscriber.exports import cap, homeassistant, ngsi, onvif
from agent.subscriber.speaker import Speaker
from bench.machine import show
from tests.console.rooms import NOON, signer
from tests.subscriber.exports import targets

NODE = NodeName("romagna", "faenza", "n-1")
OPERATOR = NodeName("romagna", "centre", "room")
LABELS = ("person", "bicycle", "car", "")


class Judges:
    """Each target's schema; `take` counts what is valid and what is not."""

    def __init__(self) -> None:
        self.cap, self.onvif, self.models = targets.cap_schema(), targets.onvif_schema(), targets.entity_schemas()
        self.home = {name: targets.discovery_schema(name) for name in ("sensor", "binary_sensor")}
        self.valid: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    def take(self, envelope: Envelope, verdict: Envelope | None) -> None:
        if verdict is not None:
            alert = cap.alert(envelope, verdict, comune="Faenza")
            self._count("cap", valid=self.cap.validate(etree.fromstring(alert.encode())))
        if (message := onvif.message(envelope)) is not None:
            self._count("onvif", valid=self.onvif.validate(etree.fromstring(onvif.xml(message))))
        for entity in ngsi.entities(envelope):
            self._count("ngsi-ld", valid=self.models[entity["type"]].is_valid(entity))
        for topic, payload in homeassistant.messages(envelope):
            if topic.endswith("/config"):
                judge = self.home[topic.split("/")[1]]
                self._count("home-assistant", valid=judge.is_valid(json.loads(payload)))

    def _count(self, target: str, *, valid: bool) -> None:
        (self.valid if valid else self.wrong)[target] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--count", type=int, default=10_000, help="events (default: 10000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    ring, judges = known(), Judges()
    node = SimulatedNode(NODE, signer(str(NODE)), SimulatedClock(NOON))
    speaker = Speaker(OPERATOR, signer(str(OPERATOR)), clock=SimulatedClock(NOON + 60))
    for record in _records(Random(options.seed), options.count):
        for outgoing in node.seal(record):
            envelope = open_envelope(outgoing.token, ring)
            judges.take(envelope, _confirmed(envelope, speaker, ring) if isinstance(record, Event) else None)
    figures: dict[str, Any] = {"events": options.count, "seed": options.seed}
    for target in ("cap", "onvif", "ngsi-ld", "home-assistant"):
        figures[f"{target} valid"] = judges.valid[target]
        figures[f"{target} not valid"] = judges.wrong[target]
    show(figures, as_json=options.json)


def _records(randomness: Random, count: int) -> Iterator[Event | Stat | Health]:
    """So many events of every kind, phase and severity, and a count and a health record for each tenth."""
    forms = itertools.cycle(itertools.product(get_args(EventKind), Phase, Severity, LABELS))
    for number, (kind, phase, severity, label) in zip(range(count), forms, strict=False):
        at = NOON + number
        expected = randomness.choice((None, round(randomness.uniform(0, 400), 1)))
        reason = Reason(f"{GATE}/person/stay_s", "stay", round(randomness.uniform(0, 4000), 1), expected)
        yield Event(f"happening {number}", "stays", kind, phase, severity, at, CAMERA, reason, GATE, label)
        if number % 10 == 0:
            counted = (
                (f"{GATE}/person/entered", float(randomness.randrange(200))),
                (f"{GATE}/person/left", float(randomness.randrange(200))),
            )
            yield Stat(CAMERA, at - 900, at, round(randomness.random(), 2), counted)
            yield Health(at, (("cpu_temp_c", 51.0), ("disk_free_pct", 40.0), ("uptime_s", float(number))))


def _confirmed(event: Envelope, speaker: Speaker, ring: KeyRing) -> Envelope:
    data = AckData(node=str(NODE), event=str(event.payload.correlationid), verdict="useful")
    return open_envelope(speaker.say(Class.ACK, "verdict", data).token, ring)


def known() -> KeyRing:
    """The keys of the node and of the operator."""
    made = KeyRing()
    for name, role in ((NODE, "node"), (OPERATOR, "operator")):
        own = signer(str(name))
        made.add(Key(own.kid, own.public, role, str(name)))
    return made


if __name__ == "__main__":
    main()
