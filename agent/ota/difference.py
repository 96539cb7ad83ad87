"""Two configurations compared, in words for whoever has to agree to the newer one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from agent.config import CameraSection, Config
from agent.ota.area import uncovered

_SAID_APART = ("cameras", "rules", "sensors", "agreements")


def difference(before: Config, after: Config) -> list[str]:
    """A sentence for each change; none where both say the same."""
    return [
        *_cameras(before, after),
        *_named("sensor", _by_id(before.sensors), _by_id(after.sensors)),
        *_named("rule", _by_id(before.rules), _by_id(after.rules)),
        *_named("agreement", _by_id(before.agreements), _by_id(after.agreements)),
        *_rest(before, after),
        *_readers(before, after),
    ]


def _cameras(before: Config, after: Config) -> Iterator[str]:
    old = {camera.id: camera for camera in before.cameras}
    new = {camera.id: camera for camera in after.cameras}
    yield from (f"camera {name} is gone" for name in old if name not in new)
    for name, camera in new.items():
        if name in old:
            yield from _camera(name, old[name], camera)
        else:
            yield f"camera {name} is new"


def _camera(name: str, before: CameraSection, after: CameraSection) -> Iterator[str]:
    yield from _masks(name, before, after)
    yield from _options(f"camera {name}: input", _plain(before.input), _plain(after.input))
    for kind, was, now in (
        ("zone", before.view.zones, after.view.zones),
        ("line", before.view.lines, after.view.lines),
    ):
        yield from _named(f"camera {name}: {kind}", _by_id(was), _by_id(now))


def _masks(name: str, before: CameraSection, after: CameraSection) -> Iterator[str]:
    more = uncovered(after.view.masks, before.view.masks)
    less = uncovered(before.view.masks, after.view.masks)
    if more:
        yield f"mask of camera {name} grows by {more:.2%} of the picture"
    if less:
        yield f"mask of camera {name} shrinks by {less:.2%} of the picture"


def _named(noun: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Things with an id: gone, new, or changed in some option."""
    yield from (f"{noun} {name} is gone" for name in before if name not in after)
    for name, thing in after.items():
        if name in before:
            yield from _options(f"{noun} {name}", before[name], thing)
        else:
            yield f"{noun} {name} is new{_kind(thing)}"


def _kind(thing: Mapping[str, Any]) -> str:
    kind = thing.get("kind") or thing.get("driver")
    return f" ({kind})" if kind else ""


def _rest(before: Config, after: Config) -> Iterator[str]:
    for name in before.__struct_fields__:
        if name not in _SAID_APART:
            yield from _options("", {name: _plain(getattr(before, name))}, {name: _plain(getattr(after, name))})


def _options(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """`a.b: 3 instead of 2` for each option that has another value, however deep."""
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _options(f"{where}{'.' if where else ''}{name}", old, new)
        else:
            gap = ": " if " " in where else "." if where else ""
            yield f"{where}{gap}{name}: {_value(new)} instead of {_value(old)}"


def _readers(before: Config, after: Config) -> Iterator[str]:
    """Who would newly see which events: by an agreement, or because they are told for the first time."""
    old, told = _seen(before), {rule.event for rule in before.rules}
    for partner, event in _seen(after):
        if (partner, event) not in old:
            yield f"{partner} would newly see {event} in {after.node.comune}"
    for event in dict.fromkeys(rule.event for rule in after.rules):
        if event not in told:
            yield f"whoever may read '{event}' of {after.node.comune} would newly see it from {after.node.id}"


def _seen(config: Config) -> dict[tuple[str, str], None]:
    """Partner and kind of event, where the node tells it and an agreement lets the partner see it."""
    told = {rule.event for rule in config.rules}
    return {(one.partner.id, event): None for one in config.agreements for event in one.events if event in told}


def _by_id(things: tuple[Any, ...]) -> dict[str, dict[str, Any]]:
    return {thing.id: _plain(thing) for thing in things}


def _plain(thing: Any) -> Any:
    return msgspec.to_builtins(thing)


def _value(value: Any) -> str:
    return "nothing" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
