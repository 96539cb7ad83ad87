"""What no update may lower on its own: masks, retention, classes told, byte budget, minimum k, who receives.

Two configurations in, the lines that loosen out. The invariant: a change that is not known to be
harmless to these floors is named, and a new configuration is compared with the one that runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from agent.config import CameraSection, Config
from agent.contract.topics import EXPIRES_S, Class
from agent.governance.agreement import DAY_S, Agreement
from agent.ota.area import uncovered

NEGLIGIBLE = 1e-9
"""Share of a picture below which a mask has not moved: what computing with floats costs."""

_ID = re.compile(r"\[([^]]+)\]")
_HARMLESS = frozenset({"fps", "stall_s", "frozen_s", "patient", "loop", "pace"})
"""Options of a camera's input that move no pixel."""


@dataclass(frozen=True, slots=True)
class Loosening:
    """One line that loosens a floor: where it stands in the configuration, which floor, and what it means."""

    path: str
    floor: str
    says: str

    def __str__(self) -> str:
        return f"{self.path}: {self.says}"

    @property
    def thing(self) -> str:
        """The id of the camera, rule or agreement concerned, empty where it is the whole node."""
        found = _ID.search(self.path)
        return found[1] if found else ""

    @property
    def option(self) -> str:
        """The option as one word that an audit record can carry: `cameras-view-masks`."""
        return re.sub(r"[._]", "-", _ID.sub("", self.path))


def loosened(before: Config, after: Config) -> list[Loosening]:
    """Every line of `after` that is looser than `before`, in the order of a configuration."""
    return [found for floor in _FLOORS for found in floor(before, after)]


def strangers(before: Config, after: Config) -> list[str]:
    """What an update may never change, not even with consent: whose configuration it is and where its state lies."""
    fixed: tuple[tuple[str, Callable[[Config], object]], ...] = (
        ("node", lambda config: config.node),
        ("state_dir", lambda config: config.state_dir),
    )
    return [name for name, part in fixed if part(before) != part(after)]


def _masks(before: Config, after: Config) -> Iterator[Loosening]:
    known = {camera.id: camera for camera in before.cameras}
    for camera in after.cameras:
        path = f"cameras[{camera.id}]"
        if camera.id not in known:
            yield Loosening(path, "masks", "a camera that nobody agreed to")
            continue
        bare = uncovered(known[camera.id].view.masks, camera.view.masks)
        if bare > NEGLIGIBLE:
            yield Loosening(f"{path}.view.masks", "masks", f"{bare:.2%} of the picture would no longer be hidden")
        for name in _moved(known[camera.id], camera):
            yield Loosening(f"{path}.input.{name}", "masks", "the masks were drawn for another picture")


def _moved(before: CameraSection, after: CameraSection) -> Iterator[str]:
    """Options of the input by which the same masks would hide something else."""
    if type(before.input) is not type(after.input):
        yield "driver"
        return
    old, new = msgspec.to_builtins(before.input), msgspec.to_builtins(after.input)
    yield from (name for name in new if name not in _HARMLESS and new[name] != old[name])


def _labels(before: Config, after: Config) -> Iterator[Loosening]:
    for label in after.vision.labels:
        if label not in before.vision.labels:
            yield Loosening("vision.labels", "classes", f"'{label}' would newly be looked for")
    told = {label for _, labels in _watched(before) for label in labels}
    for path, labels in _watched(after):
        for label in labels:
            if label not in told:
                yield Loosening(f"{path}.labels", "classes", f"'{label}' would newly be counted")


def _watched(config: Config) -> Iterator[tuple[str, tuple[str, ...]]]:
    for camera in config.cameras:
        for zone in camera.view.zones:
            yield f"cameras[{camera.id}].view.zones[{zone.id}]", zone.labels
        for line in camera.view.lines:
            yield f"cameras[{camera.id}].view.lines[{line.id}]", line.labels


def _events(before: Config, after: Config) -> Iterator[Loosening]:
    told = {rule.event for rule in before.rules}
    for rule in after.rules:
        if rule.event not in told:
            yield Loosening(f"rules[{rule.id}].event", "classes", f"'{rule.event}' would newly be told")


def _sound(before: Config, after: Config) -> Iterator[Loosening]:
    if after.sound and not before.sound:
        yield Loosening("sound", "classes", "a microphone would newly be listened to")


def _retention(before: Config, after: Config) -> Iterator[Loosening]:
    old, new = before.uplink.outbox.max_mb, after.uplink.outbox.max_mb
    if new > old:
        yield Loosening("uplink.outbox.max_mb", "retention", f"{new} MB would be kept instead of {old}")


def _budget(before: Config, after: Config) -> Iterator[Loosening]:
    old, new = msgspec.to_builtins(before.uplink.budget), msgspec.to_builtins(after.uplink.budget)
    for name, kilobytes in new.items():
        if kilobytes > old[name]:
            yield Loosening(f"uplink.budget.{name}", "budget", f"{kilobytes} kB an hour instead of {old[name]}")


def _receivers(before: Config, after: Config) -> Iterator[Loosening]:
    old, new = before.uplink.broker, after.uplink.broker
    for name in ("host", "port", "ca"):
        if getattr(old, name) != getattr(new, name):
            said = f"'{getattr(new, name)}' instead of '{getattr(old, name)}'"
            yield Loosening(f"uplink.broker.{name}", "receivers", said)
    if (before.uplink.delete_on, after.uplink.delete_on) == ("receipt", "puback"):
        yield Loosening("uplink.delete_on", "receivers", "events would be let go before the store has them")


def _crowds(before: Config, after: Config) -> Iterator[Loosening]:
    old, new = before.vision.normality.k, after.vision.normality.k
    if new < old:
        yield Loosening("vision.normality.k", "k", f"what is learned might rest on {new} things instead of {old}")


def _agreements(before: Config, after: Config) -> Iterator[Loosening]:
    known = {one.id: one for one in before.agreements}
    for one in after.agreements:
        path = f"agreements[{one.id}]"
        if one.id not in known:
            yield Loosening(path, "receivers", f"{one.partner.id} would newly receive from {after.node.comune}")
            continue
        for name, says in _widened(known[one.id], one):
            floor = "retention" if name == "retention_days" else "receivers"
            yield Loosening(f"{path}.{name}", floor, says)
    gone = known.keys() - {one.id for one in after.agreements}
    if gone and (days := _kept_days(after)) > _kept_days(before):
        yield Loosening("agreements", "retention", f"events would last {days} days instead of {_kept_days(before)}")


def _kept_days(config: Config) -> int:
    """How long an event lasts while all agreements hold: as long as the strictest allows."""
    return min([EXPIRES_S[Class.EVT] // DAY_S, *(one.retention_days for one in config.agreements if one.events)])


def _widened(before: Agreement, after: Agreement) -> Iterator[tuple[str, str]]:
    """The terms by which a partner would receive more, for longer or for another purpose, and how."""
    for kind in after.events:
        if kind not in before.events:
            yield "events", f"{after.partner.id} would newly see {kind}"
    if after.sound and not before.sound:
        yield "sound", "it would newly allow to listen"
    if after.since < before.since:
        yield "since", f"would begin on {after.since} instead of {before.since}"
    if after.until > before.until:
        yield "until", f"would end on {after.until} instead of {before.until}"
    if after.retention_days > before.retention_days:
        yield "retention_days", f"events would be kept {after.retention_days} days instead of {before.retention_days}"
    for name in ("partner", "purpose", "legal_basis", "timezone"):
        if getattr(after, name) != getattr(before, name):
            yield name, "nobody agreed to another one"


_FLOORS = (_masks, _labels, _events, _sound, _retention, _budget, _crowds, _receivers, _agreements)
