"""`piazza link`: carries the outbox to the broker. This process sees no camera and holds no signing key.

It reads only its own sections of the configuration, so a slip in a rule does not cut the node off.
A broker that refuses it is asked again and again: nothing is lost meanwhile, and somebody may be
mending it far away.
"""

from __future__ import annotations

import argparse
import logging
import random
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from agent import logs
from agent.clock import SystemClock
from agent.commands.renewed import RENEWED, Renewed
from agent.contract.certificates import topics
from agent.contract.topics import NAME, NAMED, NodeName
from agent.documents import convert, read_plain
from agent.notify import Notify, Pulse, on_end
from agent.transport import Address
from agent.transport.errand import Way
from agent.transport.held import hold
from agent.transport.mqtt import MqttTransport
from agent.uplink import life
from agent.uplink.inbox import ANSWER, Inbox
from agent.uplink.link import Link
from agent.uplink.outbox import OutboxReader
from agent.uplink.settings import BrokerSettings, UplinkSettings

log = logging.getLogger(__name__)

Id = Annotated[str, Meta(pattern=NAME, description=NAMED)]
SESSION_S = 3600
"""How long the broker keeps what comes for a node that is away; receipts are retained anyway."""

OUTBOX = "outbox"


class _Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The name alone; where the signing key lies is not for this process."""

    union: Id
    comune: Id
    id: Id


class LinkConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a node's configuration that concerns its way out."""

    node: _Node
    uplink: UplinkSettings
    state_dir: str = "/var/lib/piazza"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("/etc/piazza/node.yaml"), help="the node's configuration")


def run(options: argparse.Namespace) -> int:
    logs.start()
    renewed = Renewed(options.config)
    config = load(options.config)
    stop = threading.Event()
    on_end(stop.set)
    clock, notify = SystemClock(), Notify.of_service()
    pulse = Pulse.of(notify, [OUTBOX])
    link = open_link(config, clock, say=notify.status)
    if key := config.uplink.broker.key:
        hold(Path(key))
    notify.ready("carrying the outbox")
    link.run(lambda: stop.is_set() or renewed(), beat=lambda: pulse.beat(OUTBOX, clock.monotonic()))
    log.info("link has ended")
    return RENEWED if renewed() else 0


def load(path: Path) -> LinkConfig:
    """What `path` says about the way out; ConfigError lists every problem of these sections."""
    document = read_plain(path)
    if not isinstance(document, Mapping):
        return convert(document, LinkConfig, name=str(path))
    ours = _only(document, LinkConfig)
    if isinstance(ours.get("node"), Mapping):
        ours["node"] = _only(ours["node"], _Node)
    return convert(ours, LinkConfig, name=str(path))


def open_link(config: LinkConfig, clock: SystemClock, *, say: Callable[[str], None] = lambda _: None) -> Link:
    """A link that has not yet begun; UserError for TLS files that cannot work."""
    folder, node = Path(config.state_dir), config.node
    randomness = random.SystemRandom()
    transport = MqttTransport(
        address(config.uplink.broker),
        clock=clock,
        randomness=randomness,
        client_id=f"{node.union}.{node.comune}.{node.id}",
        session_s=SESSION_S,
    )
    return Link(
        NodeName(node.union, node.comune, node.id),
        OutboxReader(folder / "outbox.sqlite"),
        transport,
        Inbox(folder / "inbox"),
        config.uplink,
        clock=clock,
        randomness=randomness,
        alive=lambda: life.runs(folder),
        say=say,
        certificate=_certificate(config),
    )


def _certificate(config: LinkConfig) -> Way | None:
    """By which `piazza enrol renew` asks for one that lasts longer; its question lies where link may only read."""
    node, place = config.node, config.uplink.broker.certificate
    asked = topics(NodeName(node.union, node.comune, node.id), "node")
    return Way.beside(Path(place), asked, answer=Path(config.state_dir) / "inbox" / ANSWER) if place else None


def address(broker: BrokerSettings) -> Address:
    """The broker as a transport wants it."""
    return Address(**msgspec.structs.asdict(broker))


def _only(document: Mapping[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The members of a document that `kind` knows."""
    return {name: document[name] for name in kind.__struct_fields__ if name in document}
