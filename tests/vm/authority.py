"""The other side of the cable: broker, enrolment and store of a union, and what they have heard of the machine."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.contract.jws import unb64
from agent.provision.bench import Bench
from agent.provision.ca import common_name
from tests.conftest import CHECKOUT
from tests.vm.machine import HERE

NAME = "romagna-faentina/brisighella/n-0017"
AUTHORITY = "romagna-faentina/centre/authority"
STORE, MAINTAINER, WATCHER = "romagna-faentina/centre/store-1", "romagna-faentina/centre/maintainer-1", "watcher"
UPDATES = "piazza/v1/romagna-faentina/brisighella/all/ota/#"
PIAZZA = [sys.executable, "-m", "agent"]
BROKER = """listener 8883 {here}
cafile {bench.ca}
certfile {bench.broker.certificate}
keyfile {bench.broker.key}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
acl_file {acl}
"""
RIGHTS = f"""user {common_name(NAME)}
topic write piazza/v1/{NAME}/#
topic read piazza/v1/{NAME}/rcpt/#
topic read piazza/v1/{NAME}/crt/#
topic read {UPDATES}
user {common_name(AUTHORITY)}
topic read piazza/v1/+/+/+/csr/#
topic write piazza/v1/+/+/+/crt/#
user {common_name(STORE)}
topic readwrite piazza/v1/#
user {common_name(MAINTAINER)}
topic readwrite {UPDATES}
user {WATCHER}
topic read piazza/v1/#
"""
CLOCK = SystemClock()


@contextmanager
def authority(folder: Path) -> Iterator[Bench]:
    """Keys, broker and enrolment of a union, as long as the block lasts."""
    bench = Bench.make(folder / "keys", at=CLOCK.now(), hosts=[HERE])
    bench.add_signer("store", STORE, at=CLOCK.now())
    bench.add_signer("maintainer", MAINTAINER, at=CLOCK.now())
    bench.add_reader(WATCHER, at=CLOCK.now())
    bench.add_reader(AUTHORITY, at=CLOCK.now())
    (folder / "acl").write_text(RIGHTS)
    (folder / "acl").chmod(0o600)
    (folder / "mosquitto.conf").write_text(BROKER.format(here=HERE, bench=bench, acl=folder / "acl") + "user root\n")
    commands = (
        ["mosquitto", "-c", str(folder / "mosquitto.conf")],
        [
            *PIAZZA,
            "enrol",
            "serve",
            "--listen",
            HERE,
            "--keys",
            str(bench.folder),
            "--broker",
            HERE,
            "--name",
            AUTHORITY,
        ],
    )
    with (folder / "log").open("w") as log:
        started = [subprocess.Popen(command, cwd=CHECKOUT, stdout=log, stderr=log) for command in commands]
        try:
            yield bench
        finally:
            ended(started)
    print((folder / "log").read_text()[-3000:])


def begun_store(bench: Bench) -> subprocess.Popen[bytes]:
    """The union's store, which gives receipts."""
    party = ["--broker", HERE, "--keys", str(bench.folder), "--name", STORE]
    return subprocess.Popen([*PIAZZA, "store", *party, "--db", str(database(bench))], cwd=CHECKOUT)


def database(bench: Bench) -> Path:
    return bench.folder.parent / "events.sqlite"


def ask_store(bench: Bench, question: str) -> list[Any]:
    """Rows of the store's database, read beside it."""
    with closing(sqlite3.connect(f"file:{database(bench)}?mode=ro", uri=True, timeout=60)) as opened:
        return opened.execute(question).fetchall()


def ended(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
        process.wait()


def within(seconds: float, what: Callable[[], object]) -> float:
    """Ask until it is so; gives back how long that took."""
    began = CLOCK.monotonic()
    while not what():
        assert CLOCK.monotonic() < began + seconds, "it did not come about in time"
        CLOCK.sleep(0.5)
    return CLOCK.monotonic() - began


def told(bench: Bench, wanted: Callable[[Any], bool]) -> Any:
    """The first line of `piazza watch` that is wanted; every one on the way must be verified.

    Who comes in while a node sends again can hear a head before the records that it names: they were delivered already.
    """
    party = ["--broker", HERE, "--keys", str(bench.folder), "--name", WATCHER]
    command = [*PIAZZA, "watch", *party, "--all", "--json"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            for text in process.stdout or ():
                line = json.loads(text)
                is_ahead = {kind for kind, *_ in line.get("findings", ())} == {"behind"}
                assert is_ahead or line.get("mark", "verified") in {"verified", "duplicate", "late"}, text
                if "topic" in line and wanted(line):
                    return line
        finally:
            process.kill()
    raise AssertionError("piazza watch has ended")


def events(bench: Bench, rule: str) -> list[dict[str, Any]]:
    """What the store has verified and kept of a rule's events, in order of their numbers."""
    rows = ask_store(bench, "SELECT token FROM envelope WHERE klass = 'evt' ORDER BY chain, seq")
    payloads = [json.loads(unb64(token.split(".")[1])) for (token,) in rows]
    return [payload["data"] for payload in payloads if payload["data"]["rule"] == rule]
