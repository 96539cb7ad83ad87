"""`union.yaml`: the comuni, their nodes, and the parties that belong to the union itself.

Partners from outside, such as the police, are not here: they come in only through an agreement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.contract.topics import NAME, NAMED, NodeName
from agent.contract.types import Instant
from agent.documents import problems_in, read

Id = Annotated[str, Meta(pattern=NAME, description=NAMED, max_length=32)]
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\r\n]*$")]
Role = Literal[
    "store", "operator", "maintainer", "auditor", "statistics", "publisher", "public", "witness", "bridge", "authority"
]

PROBE = "probe"
"""The node of every comune that does not exist: the permission table is tried with its name."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """No unknown option."""


class Comune(_Strict, frozen=True):
    """One municipality and its nodes."""

    id: Id
    name: Line
    nodes: tuple[Id, ...] = ()


class Party(_Strict, frozen=True):
    """Somebody of the union who connects; without `comuni` their role holds in all of them."""

    id: Id
    role: Role
    comuni: tuple[Id, ...] = ()


Days = Annotated[int, Meta(ge=1, le=3650)]


class Keeping(_Strict, frozen=True):
    """For how many days the union's store keeps what nodes say, by class."""

    evt: Days = 30
    stat: Days = 365
    health: Days = 30
    audit: Days = 365


class Published(_Strict, frozen=True):
    """How counts for everybody are protected; see `agent.governance.counts`."""

    k: Annotated[int, Meta(ge=1, le=1_000_000)] = 10
    epsilon: Annotated[float, Meta(ge=0.0, le=10.0)] = 1.0


class Commissioning(_Strict, frozen=True):
    """A technician at one node, for half an hour at most."""

    id: Id
    comune: Id
    node: Id
    since: Instant


class Union(_Strict, frozen=True):
    """The whole of `union.yaml`; `seat` stands for a comune in the names of parties."""

    version: Literal[1]
    id: Id
    name: Line
    contact: Line
    comuni: Annotated[tuple[Comune, ...], Meta(min_length=1)]
    parties: tuple[Party, ...] = ()
    commissioning: tuple[Commissioning, ...] = ()
    seat: Id = "centre"
    dpo: Line | None = None
    legal_basis: Line | None = None
    keep_days: Keeping = Keeping()
    public: Published = Published()

    def node_names(self) -> Iterator[NodeName]:
        """Every node, and the probe of every comune."""
        for comune in self.comuni:
            for node in (*comune.nodes, PROBE):
                yield NodeName(self.id, comune.id, node)

    def full_name(self, party: str) -> str:
        """What the certificate of a party says."""
        return str(NodeName(self.id, self.seat, party))


def load(path: Path) -> Union:
    """The union at `path`; ConfigError lists every problem."""
    union = read(path, Union)
    if problems := tuple(_problems(union)):
        raise problems_in(str(path), problems)
    return union


def unknown_comuni(union: Union, comuni: tuple[str, ...], where: str) -> Iterator[str]:
    """A problem for each of `comuni` that the union does not have."""
    known = [comune.id for comune in union.comuni]
    for comune in comuni:
        if comune not in known:
            yield f"{where}: '{comune}' is no comune of {union.id} (it has {', '.join(known)})"


def _problems(union: Union) -> Iterator[str]:
    yield from _twice("comuni", [comune.id for comune in union.comuni])
    yield from _twice("parties", [*(party.id for party in union.parties), *(one.id for one in union.commissioning)])
    for number, comune in enumerate(union.comuni):
        yield from _twice(f"comuni[{number}].nodes", comune.nodes)
        if PROBE in comune.nodes:
            yield f"comuni[{number}].nodes: '{PROBE}' is the node that permissions are tried with; choose another id"
        if comune.id == union.seat:
            yield f"comuni[{number}].id: '{union.seat}' is the seat of the parties; choose another `seat`"
    for number, party in enumerate(union.parties):
        yield from unknown_comuni(union, party.comuni, f"parties[{number}].comuni")
        if party.role == "bridge" and not party.comuni:
            yield f"parties[{number}].comuni: a bridge speaks for the nodes of the comuni that it names"
    for number, one in enumerate(union.commissioning):
        yield from unknown_comuni(union, (one.comune,), f"commissioning[{number}].comune")


def _twice(where: str, ids: tuple[str, ...] | list[str]) -> Iterator[str]:
    yield from (f"{where}: '{name}' is there {count} times" for name, count in Counter(ids).items() if count > 1)
