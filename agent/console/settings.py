"""What the configuration of a report form may say.

A form is a node of its own, with a key and a chain: its file is a node's configuration with a `form` and without
cameras, sensors and rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from agent.config import NodeSettings
from agent.contract.topics import NAME, NAMED
from agent.contract.types import Reported
from agent.documents import problems_in, read
from agent.uplink.settings import UplinkSettings

Id = Annotated[str, Meta(pattern=NAME, description=NAMED)]
Line = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[^\r\n<>]*$")]


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the comune, as coarse as people call it: a quarter, a square, never a house number."""

    id: Id
    name: Line


class FormSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where and what people may report, and how often all of them together."""

    title: Line
    areas: Annotated[tuple[Area, ...], Meta(min_length=2, max_length=40)]
    choices: Annotated[tuple[Reported, ...], Meta(min_length=1)] = get_args(Reported)
    port: Annotated[int, Meta(ge=0, le=65535)] = 8700
    per_hour: Annotated[
        int, Meta(ge=1, le=3600, description="new reports; repetitions of an open one count as one")
    ] = 60
    open_s: Annotated[
        float, Meta(ge=60.0, le=86_400.0, description="a report is over so long after its last repetition")
    ] = 1800.0


class FormConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file of `piazza form` and of the `piazza link` beside it."""

    version: Literal[1]
    node: NodeSettings
    uplink: UplinkSettings
    form: FormSettings
    state_dir: str = "/var/lib/piazza-form"


def load(path: Path) -> FormConfig:
    """The configuration at `path`; ConfigError lists every problem."""
    config = read(path, FormConfig)
    if problems := tuple(_problems(config.form)):
        raise problems_in(str(path), problems)
    return config


def _problems(form: FormSettings) -> Iterator[str]:
    for where, ids in (("areas", [area.id for area in form.areas]), ("choices", list(form.choices))):
        yield from (f"form.{where}: '{one}' is there {count} times" for one, count in Counter(ids).items() if count > 1)
