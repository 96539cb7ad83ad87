"""Both databases that a store may have: what holds for the one holds for the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.brokers.postgres import Postgres, postgres

NUMBERS = count()
ON_POSTGRES = (pytest.mark.slow, pytest.mark.xdist_group("postgres"))


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with postgres() as started:
        yield started


@pytest.fixture
def address(server: Postgres) -> str:
    """A database of the test's own on a server."""
    return server.address(f"test{next(NUMBERS)}")


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=ON_POSTGRES)])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place for a store's database, as `--db` names it."""
    if request.param == "SQLite":
        return str(tmp_path / "events.sqlite")
    return str(request.getfixturevalue("address"))
