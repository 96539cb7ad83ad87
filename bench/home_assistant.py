"""How many of our discovery messages Home Assistant's own code takes: its schemas, its topics, its units.

Home Assistant pins the libraries that it runs with, other ones than ours, so it lives in an environment of its own, and
this program hands it the messages over a pipe: `python -m venv home`, `home/bin/pip install homeassistant==2024.3.3 paho-mqtt==1.6.1`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator
from random import Random

from agent.clock import SimulatedClock
from agent.contract.envelope import open_envelope
from agent.records import Health
from agent.simulation.nodes import SimulatedNode
from agent.subscriber.exports import homeassistant
from agent.uplink.measures import DECIMALS
from bench.exports import NODE, known
from bench.machine import show
from tests.console.rooms import NOON, signer

JUDGE = """
import json, sys
from homeassistant.components.mqtt import binary_sensor, sensor
from homeassistant.components.mqtt.discovery import TOPIC_MATCHER
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS
from homeassistant.const import __version__
judges = {"sensor": sensor.DISCOVERY_SCHEMA, "binary_sensor": binary_sensor.DISCOVERY_SCHEMA}
valid, wrong = 0, []
for line in sys.stdin:
    topic, payload = json.loads(line)
    prefix, _, rest = topic.partition("/")
    found = TOPIC_MATCHER.match(rest)
    try:
        taken = judges[found.group("component")](json.loads(payload))
        kind = taken.get("device_class")
        if found.group("component") == "sensor" and kind is not None:
            assert taken["unit_of_measurement"] in DEVICE_CLASS_UNITS[kind], "unit"
            assert taken["state_class"] in DEVICE_CLASS_STATE_CLASSES[kind], "state class"
        valid += 1
    except Exception as error:
        wrong.append(f"{topic}: {error}")
print(json.dumps([__version__, valid, wrong]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--python", required=True, help="of the environment that has Home Assistant")
    parser.add_argument("--count", type=int, default=1000, help="health records (default: 1000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    lines = "".join(json.dumps(one) + "\n" for one in _discovery(Random(options.seed), options.count))
    done = subprocess.run([options.python, "-c", JUDGE], input=lines, capture_output=True, text=True, check=True)
    version, valid, wrong = json.loads(done.stdout)
    figures = {"home assistant": version, "valid": valid, "not valid": len(wrong), "first": wrong[0] if wrong else ""}
    show(figures, as_json=options.json)


def _discovery(randomness: Random, count: int) -> Iterator[tuple[str, str]]:
    """Topic and payload of every discovery message of so many births and health records, of eight values each."""
    ring = known()
    node = SimulatedNode(NODE, signer(str(NODE)), SimulatedClock(NOON))
    for number in range(count):
        names = randomness.sample(sorted(DECIMALS), 8)
        health = Health(NOON + number, tuple((name, randomness.choice((0.0, 1.0))) for name in names))
        for outgoing in (node.birth(), *node.seal(health)):
            told = homeassistant.messages(open_envelope(outgoing.token, ring))
            yield from ((topic, payload) for topic, payload in told if topic.endswith("/config"))


if __name__ == "__main__":
    main()
