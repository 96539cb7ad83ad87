"""One server of each cluster that `deploy/` describes, with the rights that an agreement gives: they are the same as on three."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.commands.rabbit import Rabbit
from agent.contract.topics import NodeName
from agent.governance import lists
from agent.governance.rights import Right
from agent.provision.bench import Bench
from tests.brokers.deployed import NatsCluster, Parties, RabbitCluster

ROOM = NodeName("romagna", "centre", "room")


class Granted(Parties):
    """Parties with the rights that they are given."""

    granted: tuple[Right, ...] = ()

    def rights(self):
        return list(self.granted)


class OneNats(NatsCluster):
    """It starts at once."""

    def install(self):
        first = super().install()[:1]
        path = self.folder / "broker-1" / "nats.conf"
        text = path.read_text()
        start, end = text.index("cluster {"), text.index("# The gateway")
        path.write_text((text[:start] + text[end:]).replace("stream_replicas: 3", "stream_replicas: 1"))
        return first

    def members(self):
        return 1


class OneRabbit(RabbitCluster):
    """It takes most of a minute to start on a busy machine, so it is told another list instead of begun anew."""

    def install(self):
        first = super().install()[:1]
        path = self.folder / "broker-1" / "rabbitmq.conf"
        kept = [line for line in path.read_text().splitlines() if not line.startswith("cluster_")]
        path.write_text("\n".join(kept) + "\n")
        return first

    @property
    def control(self) -> str:
        """`rabbitmqctl` of this server."""
        set_ = [f"{name}={value}" for name, value in self._epmd.items()]
        return shlex.join(["env", *set_, f"{self.PLACE}/rabbitmqctl", "--quiet", "-n", "broker-1@localhost"])


@dataclass
class SharedRabbit:
    """The one that all tests of a session use, each with its own list; `access` is the list in force."""

    broker: OneRabbit
    bench: Bench

    @property
    def access(self) -> Path:
        return self.broker.folder / "rights.json"

    def go_by(self, granted: Sequence[Right]) -> None:
        before = self.access.read_text() if self.access.exists() else ""
        after = lists.rabbitmq(granted)
        Rabbit(self.broker.control, self.access).take(before, after)
        self.access.write_text(after)
