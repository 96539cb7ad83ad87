"""What is dear to start and serves several modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.clock import SystemClock
from agent.provision.bench import Bench
from tests.brokers.deployed import NotInstalled
from tests.governance.one_broker import ROOM, Granted, OneRabbit, SharedRabbit


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedRabbit]:
    """Whoever asks for it belongs to the group `rabbitmq`, so that one worker starts it, once."""
    path = tmp_path_factory.mktemp("rabbit")
    bench = Bench.make(path / "keys", at=SystemClock().now())
    try:
        broker = OneRabbit(path / "deployed", Granted(bench, (), ROOM, ROOM))
    except NotInstalled as missing:
        pytest.skip(f"{missing.message}: {missing.hint}")
    try:
        broker.start()
        yield SharedRabbit(broker, bench)
    finally:
        broker.close()
