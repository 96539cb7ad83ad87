"""`map.yaml`: where nodes stand and what they look at, so that a page can draw them; beside `union.yaml`.

Nodes do not say it: a position is no part of the contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.documents import problems_in, read
from agent.governance.union import Union

FILE = "map.yaml"
Point = tuple[Annotated[float, Meta(ge=-90.0, le=90.0)], Annotated[float, Meta(ge=-180.0, le=180.0)]]
"""Degrees north and degrees east (WGS 84), as a receiver shows them."""

Outline = Annotated[tuple[Point, ...], Meta(min_length=3, max_length=2000)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """No unknown option."""


class View(_Strict, frozen=True):
    """What one camera covers: the compass bearing of its middle, how wide it is open, how far it tells people apart."""

    looks: Annotated[float, Meta(ge=0.0, lt=360.0, description="degrees, 0 is north and 90 east")]
    angle: Annotated[float, Meta(gt=0.0, le=360.0, description="degrees from the left edge to the right one")] = 60.0
    range_m: Annotated[float, Meta(gt=0.0, le=1000.0)] = 30.0


class NodePlace(_Strict, frozen=True):
    """One node: its pole, and the views of its cameras."""

    at: Point
    views: Annotated[tuple[View, ...], Meta(max_length=8)] = ()


class Ground(_Strict, frozen=True):
    """The whole of `map.yaml`: nodes as `comune/node`, and the borders of comuni."""

    version: Literal[1]
    nodes: dict[str, NodePlace] = {}
    outlines: dict[str, Outline] = {}


def load(folder: Path, union: Union) -> Ground:
    """The map of a union, empty where there is none; ConfigError lists every problem."""
    path = folder / FILE
    if not path.exists():
        return Ground(version=1)
    ground = read(path, Ground)
    if problems := tuple(_problems(ground, union)):
        raise problems_in(str(path), problems)
    return ground


def _problems(ground: Ground, union: Union) -> Iterator[str]:
    known = {comune.id: comune.nodes for comune in union.comuni}
    for name in ground.nodes:
        comune, _, node = name.partition("/")
        if node not in known.get(comune, ()):
            yield f"nodes.{name}: no such node in union.yaml (write comune/node, such as faenza/n-0001)"
    yield from (f"outlines.{comune}: no such comune in union.yaml" for comune in ground.outlines if comune not in known)
