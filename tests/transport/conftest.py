"""The same tests run against the broker in a list and against mosquitto with TLS."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from agent.clock import SimulatedClock, SystemClock
from agent.provision.bench import Bench
from agent.transport import Address, Transport, Will
from agent.transport.memory import MemoryBroker
from agent.transport.mqtt import MqttTransport
from tests.brokers.mosquitto import Mosquitto

ALL = ("write #", "read #")
CLIENTS = ("anna", "bruno", "carla")


class AnyBench(Protocol):
    """A broker, and clients of it that may do anything."""

    def transport(self, name: str, *, session_s: int = 3600, will: Will | None = None) -> Transport: ...
    def crash(self) -> None: ...


class MemoryBench:
    def __init__(self) -> None:
        self.broker = MemoryBroker(SimulatedClock(1_700_000_000.0))

    def transport(self, name: str, *, session_s: int = 3600, will: Will | None = None) -> Transport:
        return self.broker.transport(name, session_s=session_s, will=will)

    def crash(self) -> None:
        self.broker.crash(forget=True)


class Clients:
    """MQTT clients of any broker, which are all closed in the end."""

    def __init__(self) -> None:
        self.clients: list[MqttTransport] = []

    def client(self, address: Address, **options: Any) -> MqttTransport:
        made = MqttTransport(address, clock=SystemClock(), randomness=random.Random(1), **options)
        self.clients.append(made)
        return made


class MosquittoBench(Clients):
    def __init__(self, broker: Mosquitto) -> None:
        super().__init__()
        self.broker = broker

    def transport(self, name: str, *, session_s: int = 3600, will: Will | None = None) -> Transport:
        return self.client(self.broker.address(name), session_s=session_s, will=will)

    def crash(self) -> None:
        self.broker.kill()
        self.broker.start()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """An authority, a broker's certificate and those of CLIENTS."""
    made = Bench.make(tmp_path_factory.mktemp("keys") / "bench", at=SystemClock().now())
    for name in CLIENTS:
        made.add_reader(name, at=SystemClock().now())
    return made


@pytest.fixture
def brokers(keys: Bench, tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Makes running brokers; keywords are fields of Mosquitto."""
    running: list[Mosquitto] = []

    def make(**options: Any) -> Mosquitto:
        rights = dict.fromkeys(CLIENTS, ALL)
        folder = tmp_path / f"broker-{len(running)}"
        broker = Mosquitto(**{"folder": folder, "bench": keys, "rights": rights, **options})
        running.append(broker)
        broker.start()
        return broker

    yield make
    for broker in running:
        broker.stop()


@pytest.fixture
def mosquitto(brokers: Callable[..., Mosquitto]) -> Iterator[MosquittoBench]:
    bench = MosquittoBench(brokers())
    yield bench
    for client in bench.clients:
        client.close()


@pytest.fixture(params=["memory", pytest.param("mosquitto", marks=pytest.mark.broker)])
def bench(request: pytest.FixtureRequest) -> AnyBench:
    if request.param == "memory":
        return MemoryBench()
    made: AnyBench = request.getfixturevalue("mosquitto")
    return made
