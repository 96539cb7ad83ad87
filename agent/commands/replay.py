"""`piazza replay WORLD`: run a world on the simulated clock, in one thread, and print its events.

What is printed passed the same door as on a live node, so it is what a subscriber would be told.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent.clock import SimulatedClock
from agent.commands import assembly
from agent.config import Config, load
from agent.contract.sentences import sentence
from agent.contract.times import instant
from agent.contract.types import EventData
from agent.pipeline import Stream, merged, read, ticks, watch
from agent.records import ClockQuality
from agent.sensors import open_sensor
from agent.uplink.door import Door, Passed
from agent.world import World
from agent.world import load as load_world


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("world", type=Path, help="a folder with world.yaml and config.yaml")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as in events.jsonl")
    parser.add_argument("--all", action="store_true", help="counts, health and audit records too, not only events")


def run(options: argparse.Namespace) -> int:
    for passed in replay(options.world):
        if options.all or passed.klass == "evt":
            print(as_json(passed) if options.json else _as_text(passed))
    return 0


def replay(folder: Path) -> Iterator[Passed]:
    """What the node of `folder/config.yaml` tells of the world in `folder/world.yaml`."""
    config, world = load(folder / "config.yaml"), load_world(folder / "world.yaml")
    decider = assembly.decider(config, boot="replay")
    door = Door(assembly.name(config), assembly.vocabulary(config))
    for observation in merged(_streams(config, world)):
        for record in decider.update(observation):
            yield from door.let_out(record, clock=ClockQuality.NTP)


def as_json(passed: Passed) -> str:
    """One line: when, of what kind, and the payload."""
    told = {"time": instant(passed.at), "kind": passed.kind, "id": passed.correlation, "severity": passed.severity}
    known = {name: value for name, value in told.items() if value is not msgspec.UNSET}
    return msgspec.json.encode({**known, **msgspec.to_builtins(passed.data)}).decode()


def _streams(config: Config, world: World) -> list[Stream]:
    """Every source with a clock of its own, the ticks first."""
    streams = [ticks(SimulatedClock(world.since), until=world.until)]
    sight = assembly.detector(config.vision, timer=SimulatedClock().monotonic)
    for section in config.cameras:
        camera = assembly.camera(section, clock=SimulatedClock(world.since), scene=world, start=world.since)
        eye = assembly.eye(section, config.vision, sight)
        streams.append(watch(section.id, camera, section.view.masks, eye))
    for settings in config.sensors:
        clock = SimulatedClock(world.since)
        sensor = open_sensor(settings, clock=clock, readings=world.sensors, start=world.since)
        streams.append(read(sensor, clock, until=world.until))
    return streams


def _as_text(passed: Passed) -> str:
    """One line for a person: an event as a sentence, anything else as its numbers."""
    told = f"{instant(passed.at)} {passed.kind:12}"
    if isinstance(passed.data, EventData):
        return f"{told} {passed.data.phase:8} {sentence(passed.data)}"
    facts = (f"{name}={value}" for name, value in msgspec.to_builtins(passed.data).items() if name != "quality")
    return f"{told} {' '.join(facts)}".rstrip()
