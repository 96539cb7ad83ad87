"""What records of processing stand on: documents, and the line on which each of their values was given."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import documents
from agent.governance.agreement import Agreement
from agent.governance.union import Union

DIGITS = 12
"""Of a document's SHA-256, as in the messages of a node."""


@dataclass(frozen=True, slots=True)
class Paper:
    """One document that was read."""

    name: str
    digest: str
    lines: Mapping[str, int]

    @classmethod
    def of(cls, path: Path, *, name: str) -> Paper:
        """The paper at `path`, which was read and found good; `name` is what people call it."""
        return cls(name, hashlib.sha256(path.read_bytes()).hexdigest()[:DIGITS], documents.lines(path))

    def cite(self, option: str) -> str:
        """`union.yaml:14`, or that the value is the default where the document does not give it."""
        return f"{self.name}:{self.lines[option]}" if option in self.lines else f"{self.name} (default {option})"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a node's configuration says: of what, which option, how much or what."""

    topic: str
    option: str
    value: str


@dataclass(frozen=True, slots=True)
class Node:
    """One node as it is configured."""

    name: str
    paper: Paper
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """Everything that a record is made from; agreements are those that hold at the instant `at`."""

    union: Union
    union_paper: Paper
    agreements: Sequence[tuple[Agreement, Paper]]
    nodes: Sequence[Node]
    at: float

    @property
    def papers(self) -> tuple[Paper, ...]:
        return (
            self.union_paper,
            *(paper for _, paper in self.agreements),
            *(node.paper for node in self.nodes),
        )
