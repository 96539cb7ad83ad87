"""PostgreSQL as a child process in a folder of its own, reached by a socket in that folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agent.clock import SystemClock

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where a database of a test lies: syncing a disk would cost time and show nothing."""

START_S = 120.0
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root."""


@dataclass
class Postgres:
    """One server with one superuser, `piazza`, and as many databases as are asked for."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and come back when it takes connections."""
        command = [
            _program("postgres"),
            "-D",
            str(self.folder / "data"),
            "-k",
            str(self.folder),
            "-c",
            "listen_addresses=",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **_owner())
        clock = SystemClock()
        until = clock.monotonic() + START_S
        while not self._answers():
            if clock.monotonic() > until:
                pytest.fail(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")
            clock.sleep(0.05)

    def address(self, database: str) -> str:
        """The URI of a database, made if it is not there."""
        with psycopg.connect(self._address("postgres"), autocommit=True) as db:
            if not db.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                db.execute(f'CREATE DATABASE "{database}"')
        return self._address(database)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)  # a group of its own: nothing else is in it
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._address("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _address(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.folder}&user=piazza"


@contextmanager
def postgres(*, below: str | None = MEMORY) -> Iterator[Postgres]:
    """A server that runs until the end of the block; the test is skipped where none is installed."""
    initdb = _program("initdb")
    with tempfile.TemporaryDirectory(prefix="pg", dir=below, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, UNPRIVILEGED)
        made = [initdb, "-D", str(folder / "data"), "-U", "piazza", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
        done = subprocess.run(made, capture_output=True, text=True, check=False, cwd=folder, **_owner())
        if done.returncode:
            pytest.skip(f"initdb cannot work here: {done.stderr.strip()}")
        server = Postgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.kill()


def _program(name: str) -> str:
    """Debian keeps the server's programs out of the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = shutil.which(name, path=":".join([*map(str, folders), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip("PostgreSQL is not installed: see requirements/apt.txt")
    return found


def _owner() -> dict[str, Any]:
    return {"user": UNPRIVILEGED, "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
