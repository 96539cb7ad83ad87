"""Whether a node may run a configuration that its comune has signed: its own, right, and no looser.

Pure: bytes in, a `Config` out or `Refused` with one word for what is wrong. The invariant: a line
that loosens a floor passes only if the comune's second key agreed to that line of that configuration.
"""

from __future__ import annotations

import hashlib

import msgspec

from agent.config import Config, check
from agent.contract.topics import NodeName
from agent.documents import convert, parse, problems_in
from agent.errors import ConfigError, Refused
from agent.ota.floors import Loosening, loosened, strangers


class Consent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a comune's second key agrees to: these lines of this one configuration of this one node."""

    node: str
    config: str
    lines: tuple[str, ...]


class Loosened(Refused):
    """A configuration that loosens floors without consent; `lines` are those that nobody agreed to."""

    def __init__(self, lines: list[Loosening]) -> None:
        super().__init__(
            lines[0].option,
            "; ".join(map(str, lines)),
            hint="the comune's second key must agree: piazza ota release --consent",
        )
        self.lines = lines


def understood(content: bytes, *, name: str) -> Config:
    """The configuration in these bytes; ConfigError lists every problem."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name}: not UTF-8 text", hint="save it as UTF-8") from error
    config = convert(parse(text, name=name), Config, name=name)
    problems = tuple(check(config))
    if problems:
        raise problems_in(name, problems)
    return config


def approve(content: bytes, *, running: Config, consent: bytes | None) -> Config:
    """The configuration that may replace the running one.

    Refused: `config` for one that is wrong, `node` for another node's or one whose state would move,
    `consent` for a consent that is none, Loosened for a floor.
    """
    try:
        config = understood(content, name="node.yaml")
    except ConfigError as error:
        raise Refused("config", error.message) from error
    moved = strangers(running, config)
    if moved:
        raise Refused("node", f"'{moved[0]}' is fixed when a node is put up", hint="a technician changes it there")
    agreed = _agreed(consent, content, config)
    open_lines = [line for line in loosened(running, config) if str(line) not in agreed]
    if open_lines:
        raise Loosened(open_lines)
    return config


def _agreed(consent: bytes | None, content: bytes, config: Config) -> frozenset[str]:
    """Lines that the second key agreed to, if it meant this node and these very bytes."""
    if consent is None:
        return frozenset()
    try:
        said = msgspec.json.decode(consent, type=Consent)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("consent", "what the second key signed is no consent") from error
    name = str(NodeName(config.node.union, config.node.comune, config.node.id))
    meant = (said.node, said.config) == (name, hashlib.sha256(content).hexdigest())
    return frozenset(said.lines) if meant else frozenset()
