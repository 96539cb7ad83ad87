"""`piazza store` before it reaches a broker: which database it opens, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli import main
from agent.clock import SystemClock
from agent.provision.bench import Bench


@pytest.fixture
def keys(tmp_path: Path) -> str:
    at = SystemClock().now()
    bench = Bench.make(tmp_path / "keys", at=at)
    bench.add_signer("store", "romagna/centre/store-1", at=at)
    return str(bench.folder)


def test_stores_that_share_need_one_database(keys: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["store", "--keys", keys, "--share", "stores", "--db", str(tmp_path / "events.sqlite")]) == 2
    assert "postgresql://" in capsys.readouterr().err


def test_a_database_server_that_does_not_answer_is_said_without_its_address(
    keys: str, capsys: pytest.CaptureFixture[str]
):
    assert main(["store", "--keys", keys, "--db", "postgresql://somebody@/piazza?host=/nowhere/at/all"]) == 1
    said = capsys.readouterr().err
    assert "PostgreSQL" in said
    assert "somebody@" not in said


def test_a_consumer_group_has_a_name(keys: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    database = str(tmp_path / "events.sqlite")
    assert main(["store", "--keys", keys, "--db", database, "--from", "nats://broker.example"]) == 2
    assert "--share GROUP" in capsys.readouterr().err
