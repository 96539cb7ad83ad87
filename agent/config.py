"""The node's configuration: the rooms' own sections put together, and checks across them.

Only `commands/` read it; a room is handed its own section, never the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from agent.anomaly.feasts import CalendarSettings
from agent.anomaly.flood import RULE as FLOOD
from agent.anomaly.flood import AlertSettings
from agent.anomaly.lane import matches
from agent.anomaly.lost import RULE as LOST
from agent.anomaly.options import Condition, Member
from agent.anomaly.settings import CombinedRule, RuleSettings, TogetherRule
from agent.camera.settings import CameraSettings
from agent.clock import CLOCK
from agent.commissioning import CommissioningSettings
from agent.contract.topics import NAME, NAMED
from agent.documents import lines, nearest, problems_in, read
from agent.governance import agreement
from agent.governance.agreement import Agreement
from agent.sensors.settings import AudioSettings, ButtonSettings, LampSettings, SensorSettings, pins
from agent.uplink.measures import DECIMALS, RANGES
from agent.uplink.settings import UplinkSettings
from agent.vision import drawn
from agent.vision.settings import View, VisionSettings

Id = Annotated[str, Meta(pattern=NAME, description=NAMED)]


TRIAL = "commissioning-test"
"""The id of the built-in rule of a technician's test event; no rule of a configuration may have it."""
_OF_THE_CAMERA = frozenset({"*", "camera", "scene"})
_PLACED = 2
"""So many slashes are in the quantity of a zone or line."""


class NodeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who the node is, as in its topics; its private signing key and the public keys it trusts."""

    union: Id
    comune: Id
    id: Id
    signing_key: str = "/etc/piazza/keys/sign.pem"
    keyring: str = "/etc/piazza/keys/ring.json"


class CameraSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One camera: where its frames come from and what is looked at in them."""

    id: Id
    input: CameraSettings
    view: View


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One node."""

    version: Literal[1]
    node: NodeSettings
    uplink: UplinkSettings
    state_dir: str = "/var/lib/piazza"
    timezone: str = "Europe/Rome"
    calendar: CalendarSettings = CalendarSettings()
    cameras: tuple[CameraSection, ...] = ()
    sensors: tuple[SensorSettings, ...] = ()
    sound: bool = False
    lamp: LampSettings | None = None
    vision: VisionSettings = VisionSettings()
    rules: tuple[RuleSettings, ...] = ()
    alerts: AlertSettings = AlertSettings()
    commissioning: CommissioningSettings = CommissioningSettings()
    agreements: tuple[Agreement, ...] = ()


def load(path: Path) -> Config:
    """The configuration at `path`; ConfigError lists every problem with its path."""
    config = read(path, Config)
    problems = tuple(check(config))
    if problems:
        raise problems_in(str(path), problems, lines(path))
    return config


def check(config: Config) -> Iterator[str]:
    """What no section can see alone: ids given twice, zones nobody drew, a time zone nobody knows."""
    yield from _twice("cameras and sensors", [CLOCK, *sources(config)])
    yield from _twice("sensors and lamp", pins((*config.sensors, config.lamp)))
    yield from _twice("rules", [LOST, TRIAL, FLOOD, *(rule.id for rule in config.rules)])
    for number, camera in enumerate(config.cameras):
        yield from _twice(f"cameras[{number}].view", _places(camera.view))
        wrong = drawn.problems(camera.view, config.vision.labels)
        yield from (f"cameras[{number}].view.{problem}" for problem in wrong)
    for number, sensor in enumerate(config.sensors):
        if isinstance(sensor, AudioSettings) and not config.sound:
            yield f"sensors[{number}]: a microphone, but `sound` is false; set it only where an agreement allows it"
    for number, rule in enumerate(config.rules):
        yield from _strangers(config, rule, f"rules[{number}]")
    yield from _twice("calendar.days", [day.id for day in config.calendar.days])
    yield from _agreed(config)
    button = config.commissioning.button
    if button and button not in {one.id for one in config.sensors if isinstance(one, ButtonSettings)}:
        yield f"commissioning.button: '{button}' is no button among the sensors of this node"
    try:
        ZoneInfo(config.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield f"timezone: '{config.timezone}' is no zone of the IANA database, such as Europe/Rome"


def sources(config: Config) -> list[str]:
    """Ids of everything that observes."""
    return [one.id for one in (*config.cameras, *config.sensors)]


def may_listen(config: Config, at: float) -> bool:
    """Whether a microphone may be used at an instant: the configuration says so, and an agreement that holds."""
    return config.sound and any(one.sound and one.holds(at) for one in config.agreements)


def declared(config: Config) -> frozenset[str]:
    """Ids that an audit record may be about."""
    rules, agreements = {rule.id for rule in config.rules}, {one.id for one in config.agreements}
    return frozenset({*sources(config), *rules, *agreements})


def places(config: Config) -> frozenset[str]:
    """Ids of all zones and lines."""
    return frozenset(place for camera in config.cameras for place in _places(camera.view))


def _places(view: View) -> list[str]:
    return [zone.id for zone in view.zones] + [line.id for line in view.lines]


def _agreed(config: Config) -> Iterator[str]:
    """What is wrong with the agreements under which the node works."""
    yield from _twice("agreements", [one.id for one in config.agreements])
    if config.sound and not any(one.sound for one in config.agreements):
        yield "sound: no agreement under which this node works says `sound: true`, so it may not listen"
    for number, one in enumerate(config.agreements):
        yield from (f"agreements[{number}].{problem}" for problem in agreement.problems(one))
        if config.node.comune not in one.comuni:
            yield f"agreements[{number}].comuni: '{config.node.comune}' is not among them, so it is none of this node"


def _strangers(config: Config, rule: RuleSettings, path: str) -> Iterator[str]:
    if isinstance(rule, CombinedRule):
        for name, some in (("all", rule.all), ("any", rule.any), ("none", rule.none)):
            for number, one in enumerate(some):
                yield from _strange(config, one, f"{path}.{name}[{number}]")
    elif isinstance(rule, TogetherRule):
        for number, member in enumerate(rule.of):
            yield from _strange(config, member, f"{path}.of[{number}]")
    else:
        yield from _strange(config, rule, path)


def _strange(config: Config, rule: RuleSettings | Condition | Member, path: str) -> Iterator[str]:
    """A source, a place or a quantity that this node has not: the rule would be silent for ever."""
    if rule.source and rule.source not in sources(config):
        yield f"{path}.source: '{rule.source}' is no camera or sensor of this node{nearest(rule.source, sources(config))}"
        return
    zone, slash, _ = rule.quantity.partition("/")
    measure = rule.quantity.rpartition("/")[2]
    if slash and zone not in places(config) | _OF_THE_CAMERA:
        yield f"{path}.quantity: '{zone}' is no zone or line of this node{nearest(zone, places(config))}"
    elif measure != "*" and measure not in DECIMALS:
        yield f"{path}.quantity: '{measure}' is nothing that a node tells{nearest(measure, DECIMALS)}"
    elif rule.quantity.count("/") == _PLACED:
        yield from _untold(config, rule, f"{path}.quantity")
    for option in ("above", "below", "at_least"):
        yield from _beyond(measure, getattr(rule, option, None), f"{path}.{option}")


def _untold(config: Config, rule: RuleSettings | Condition | Member, path: str) -> Iterator[str]:
    """A quantity of a zone or line that none of the views in question can tell."""
    views = [camera.view for camera in config.cameras if rule.source in {"", camera.id}]
    known = {quantity for view in views for quantity in drawn.told(view)}
    if not any(matches(rule.quantity, quantity) for quantity in known):
        yield f"{path}: no zone or line tells '{rule.quantity}'{nearest(rule.quantity, known)}"


def _beyond(measure: str, limit: float | None, path: str) -> Iterator[str]:
    """A limit that no reading can pass, or that every reading passes."""
    least, most = RANGES.get(measure, (-math.inf, math.inf))
    if limit is not None and not least <= limit <= most:
        yield f"{path}: {limit:g} is out of the range of {measure}, {least:g} to {most:g}: is it in another unit?"


def _twice(where: str, ids: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            yield f"{where}: the id '{one}' is taken"
        seen.add(one)
