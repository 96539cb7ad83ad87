"""The configurations of `deploy/`, started as they are shipped: only places, ports and names of machines are others.

Each deployment has ports for its nodes and one for its store, and servers that can be killed one by one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar
from urllib.request import urlopen

from agent.clock import SystemClock
from agent.contract.topics import ACCESS, Class, NodeName
from agent.errors import PiazzaError
from agent.governance import lists
from agent.governance.rights import HEARS, READS, SAYS, WRITES, Right, Verb
from agent.provision.bench import Bench
from agent.provision.ca import Authority
from agent.provision.revoked import Revoked
from tests.brokers.mosquitto import free_port

DEPLOY = Path(__file__).resolve().parent.parent.parent / "deploy"
START_S = 120.0
PLACES = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/lib/rabbitmq/bin"


class NotInstalled(PiazzaError):
    """The broker is not on this machine."""


@dataclass
class Server:
    """One process of a deployment; a group of its own, so that nothing of it outlives a kill."""

    name: str
    command: Sequence[str]
    port: int
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=self.folder, env={**os.environ, **self.environment},
                start_new_session=True,
            )  # fmt: skip

    def wait(self) -> None:
        """Until it takes connections."""
        clock = SystemClock()
        until = clock.monotonic() + START_S
        while not self._listens():
            gone = self.process is None or self.process.poll() is not None
            if gone or clock.monotonic() > until:
                log = (self.folder / f"{self.name}.log").read_text()[-3000:]
                raise RuntimeError(f"{self.name} did not start:\n{log}")
            clock.sleep(0.1)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass
class Parties:
    """Who speaks to the brokers: nodes, one store, and a watcher who reads all that nodes say."""

    bench: Bench
    nodes: Sequence[NodeName]
    store: NodeName
    watcher: NodeName
    bridges: Sequence[NodeName] = ()
    other_stores: Sequence[NodeName] = ()

    @property
    def comuni(self) -> list[str]:
        return sorted({node.comune for node in self.nodes})

    def rights(self) -> list[Right]:
        """As `piazza patto apply` would grant them."""
        granted: list[Right] = []
        for node in self.nodes:
            own = (str(node), node.union, node.comune, node.node)
            granted += [Right(own[0], verb, *own[1:], klass) for verb, klass in _of_node()]
        for comune in self.comuni:
            stores = ((store, "store") for store in (self.store, *self.other_stores))
            bridges = ((one, "bridge") for one, own in zip(self.bridges, self.comuni, strict=False) if own == comune)
            for who, role in (*stores, *bridges, (self.watcher, "operator")):
                granted += [Right(str(who), Verb.READ, who.union, comune, "+", klass) for klass in READS[role]]
                granted += [Right(str(who), Verb.WRITE, who.union, comune, "+", klass) for klass in WRITES[role]]
        for store in (self.store, *self.other_stores):
            seat = (store.union, store.comune, "+", Class.AUDIT, ACCESS)
            granted += [Right(str(store), verb, *seat) for verb in (Verb.READ, Verb.WRITE)]
        return granted


def _of_node() -> list[tuple[Verb, Class]]:
    return [*((Verb.WRITE, klass) for klass in SAYS), *((Verb.READ, klass) for klass in HEARS)]


class Deployment(ABC):
    """Servers in a folder; `install` writes their files."""

    NAME: ClassVar[str]
    PROGRAM: ClassVar[str]

    def __init__(self, folder: Path, parties: Parties) -> None:
        found = shutil.which(self.PROGRAM, path=PLACES)
        if found is None:
            raise NotInstalled(f"{self.PROGRAM} is not installed", hint="see requirements/apt-brokers.txt")
        self.program = found
        self.folder = folder
        self.parties = parties
        folder.mkdir(parents=True)
        self.servers = self.install()

    @abstractmethod
    def install(self) -> list[Server]: ...

    def start(self) -> None:
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait()

    def close(self) -> None:
        for server in self.servers:
            server.kill()

    def members(self) -> int:
        """How many servers say that they belong together."""
        return len(self.servers)

    def node_ports(self) -> list[int]:
        """Where nodes may connect: the first that lives is taken."""
        return [server.port for server in self.servers if server.process is not None]

    def store_ports(self) -> list[int]:
        return self.node_ports()

    def broker_of(self) -> dict[str, int]:
        """Port by comune, where comuni have brokers of their own."""
        return {}

    def _file(self, shipped: str, changes: dict[str, str], *, name: str) -> Path:
        """A shipped file with other places and ports; what is to be changed must be there."""
        text = (DEPLOY / shipped).read_text()
        for old, new in changes.items():
            if old not in text:
                raise RuntimeError(f"deploy/{shipped} has no '{old}'")
            text = text.replace(old, new)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def _keys(self) -> dict[str, str]:
        bench = self.parties.bench
        return {
            "/etc/piazza/broker/ca.pem": str(bench.ca),
            "/etc/piazza/broker/tls.pem": str(bench.broker.certificate),
            "/etc/piazza/broker/tls.key": str(bench.broker.key),
        }


class OneMosquitto(Deployment):
    """deploy/mosquitto: one broker; the server that is killed is the only one, and comes back."""

    NAME = "mosquitto"
    PROGRAM = "mosquitto"

    def install(self) -> list[Server]:
        return [self._server("mosquitto/mosquitto.conf", "centre", {})]

    def _server(self, shipped: str, name: str, more: dict[str, str]) -> Server:
        folder, port = self.folder / name, free_port()
        folder.mkdir()
        access = folder / "acl"
        access.write_text(lists.mosquitto(self.parties.rights()))
        access.chmod(0o600)
        changes = {
            **self._keys(),
            "/etc/piazza/broker/crl.pem": str(self._revoked()),
            "/etc/piazza/broker/acl": str(access),
            "/var/lib/mosquitto/": f"{folder}/",
            "pid_file /run/mosquitto/mosquitto.pid": f"user {folder.owner()}",
            "listener 8883": f"listener {port} 127.0.0.1",
            **more,
        }
        return Server(
            name, [self.program, "-c", str(self._file(shipped, changes, name=f"{name}.conf"))], port, self.folder
        )

    def _revoked(self) -> Path:
        """The authority's list, with nobody on it."""
        revoked = Revoked(Authority(self.parties.bench.folder / "ca"))
        revoked.add((), at=SystemClock().now())
        return revoked.list_file


class Bridged(OneMosquitto):
    """deploy/bridge: a broker in the comune of the nodes, one in the centre where the store is."""

    NAME = "bridge"

    def install(self) -> list[Server]:
        centre = self._server("mosquitto/mosquitto.conf", "centre", {})
        joined = zip(self.parties.comuni, self.parties.bridges, strict=True)
        return [centre, *(self._bridge(comune, bridge, centre) for comune, bridge in joined)]

    def broker_of(self) -> dict[str, int]:
        return dict(zip(self.parties.comuni, (server.port for server in self.servers[1:]), strict=True))

    def _bridge(self, comune: str, bridge: NodeName, centre: Server) -> Server:
        files = self.parties.bench.tls(str(bridge))
        more = {
            "UNION": bridge.union,
            "COMUNE": comune,
            "centre.example:8883": f"localhost:{centre.port}",
            "/etc/piazza/broker/bridge.pem": str(files.certificate),
            "/etc/piazza/broker/bridge.key": str(files.key),
        }
        return self._server("bridge/comune.conf", comune, more)

    def node_ports(self) -> list[int]:
        return [self.servers[1].port]

    def store_ports(self) -> list[int]:
        return [self.servers[0].port]


class NatsCluster(Deployment):
    """deploy/nats: three servers with JetStream and their MQTT gateways."""

    NAME = "nats"
    PROGRAM = "nats-server"

    def install(self) -> list[Server]:
        self._monitor = free_port()
        routes = [free_port() for _ in range(3)]
        self.groups = [free_port() for _ in range(3)]
        return [self._server(number, routes) for number in range(3)]

    def members(self) -> int:
        with urlopen(f"http://127.0.0.1:{self._monitor}/jsz") as answer:
            return int(json.load(answer)["meta_cluster"]["cluster_size"])

    def _server(self, number: int, routes: list[int]) -> Server:
        port, name = free_port(), f"broker-{number + 1}"
        changes = {
            **self._keys(),
            "127.0.0.1:8222": f"127.0.0.1:{self._monitor if number == 0 else free_port()}",
            "0.0.0.0:4222": f"127.0.0.1:{self.groups[number]}",
            "0.0.0.0:6222": f"127.0.0.1:{routes[number]}",
            "0.0.0.0:8883": f"127.0.0.1:{port}",
            "/var/lib/nats": str(self.folder / name / "jetstream"),
            "/run/nats-server/nats-server.pid": str(self.folder / name / "pid"),
            **{f"broker-{one + 1}:6222": f"localhost:{route}" for one, route in enumerate(routes)},
        }
        configuration = self._file("nats/nats.conf", changes, name=f"{name}/nats.conf")
        (self.folder / name / "authorization.conf").write_text(lists.nats(self.parties.rights()))
        return Server(name, [self.program, "-c", str(configuration)], port, self.folder, {"PIAZZA_SERVER": name})


class RabbitCluster(Deployment):
    """deploy/rabbitmq: three servers; only their names and ports keep them apart on one machine."""

    NAME = "rabbitmq"
    PROGRAM = "rabbitmq-server"
    PLACE = "/usr/lib/rabbitmq/bin"

    def install(self) -> list[Server]:
        self.program = f"{self.PLACE}/rabbitmq-server"
        port = free_port()
        self._epmd = {"ERL_EPMD_PORT": str(port), "ERL_EPMD_ADDRESS": "127.0.0.1", "HOME": str(self.folder)}
        self._names = Server("epmd", [shutil.which("epmd", path=PLACES) or "epmd"], port, self.folder, self._epmd)
        self._definitions = self.folder / "definitions.json"
        document = json.loads(lists.rabbitmq(self.parties.rights()))
        document |= json.loads((DEPLOY / "rabbitmq" / "policy.json").read_text())
        self._definitions.write_text(json.dumps(document))
        return [self._server(number) for number in range(3)]

    def start(self) -> None:
        """One after the other: the first makes the cluster's cookie, the others join it.

        The name server of Erlang is started here, because one that RabbitMQ starts by itself outlives it.
        """
        for server in (self._names, *self.servers):
            server.start()
            server.wait()

    def close(self) -> None:
        super().close()
        self._names.kill()

    def members(self) -> int:
        asked = [f"{self.PLACE}/rabbitmqctl", "--quiet", "-n", "broker-1@localhost", "eval"]
        done = subprocess.run(
            [*asked, "length(rabbit_nodes:all_running())."], env={**os.environ, **self._epmd}, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        return int(done.stdout)

    def _server(self, number: int) -> Server:
        port, name = free_port(), f"broker-{number + 1}"
        changes = {
            **self._keys(),
            "mqtt.listeners.ssl.default = 8883": f"mqtt.listeners.ssl.default = 127.0.0.1:{port}",
            "/etc/piazza/broker/definitions.json": str(self._definitions),
            **{f"rabbit@broker-{one}": f"broker-{one}@localhost" for one in (1, 2, 3)},
        }
        environment = {
            **self._epmd,
            "RABBITMQ_NODENAME": f"{name}@localhost",
            "RABBITMQ_CONFIG_FILE": str(self._file("rabbitmq/rabbitmq.conf", changes, name=f"{name}/rabbitmq.conf")),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(
                self._file("rabbitmq/enabled_plugins", {}, name=f"{name}/enabled_plugins")
            ),
            "RABBITMQ_MNESIA_BASE": str(self.folder / name),
            "RABBITMQ_LOG_BASE": str(self.folder / name),
            "RABBITMQ_PID_FILE": str(self.folder / name / "pid"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }
        return Server(name, [self.program], port, self.folder, environment)


DEPLOYMENTS: tuple[type[Deployment], ...] = (OneMosquitto, Bridged, NatsCluster, RabbitCluster)
