"""One wrong thing at a time on an otherwise right command line: one message, what to do next, code 2, nothing left behind."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main
from agent.clock import SystemClock
from tests.commands.places import Place
from tests.contract.makers import Chain

NO_DOCUMENT = "missing folder empty binary deep below-a-file"
NO_DATABASE = "folder binary list other newer below-a-file"

LINES = {
    "check {}": f"{NO_DOCUMENT} latin list",
    "sense --config {}": NO_DOCUMENT,
    "link --config {}": NO_DOCUMENT,
    "run --config {}": NO_DOCUMENT,
    "scene --config {}": NO_DOCUMENT,
    "confine --config {}": NO_DOCUMENT,
    "form --config {}": NO_DOCUMENT,
    "replay {}": NO_DOCUMENT,
    "models list --models {}": NO_DOCUMENT,
    "verify {} --keys keys/ring.json": "missing folder empty below-a-file",
    "verify events.txt --keys {}": NO_DOCUMENT,
    "audit {} --keys keys": "missing folder below-a-file",
    "audit --db {} --keys keys": f"{NO_DATABASE} missing",
    "audit events.txt --keys {}": NO_DOCUMENT,
    "explain some-id {}": "missing folder binary empty below-a-file",
    "export csv {} --keys keys": "missing folder other newer below-a-file",
    "store --keys {} --db fresh.sqlite": NO_DOCUMENT,
    "store --keys keys --db {}": NO_DATABASE,
    "watch --keys {}": NO_DOCUMENT,
    "command report romagna/brisighella/n-0017 --keys {}": NO_DOCUMENT,
    "witness show --db {}": f"{NO_DATABASE} missing",
    "witness watch --keys keys --memory {}": NO_DATABASE,
    "keys show {}": NO_DOCUMENT,
    "keys init {}": "binary below-a-file",
    "keys node {} romagna/faenza/n-1": NO_DOCUMENT,
    "keys node keys {}": NO_DOCUMENT,
    "keys watcher {} somebody": NO_DOCUMENT,
    "patto check {}": NO_DOCUMENT,
    "patto diff {} {}": NO_DOCUMENT,
    "public {} --keys keys --db fresh.sqlite": NO_DOCUMENT,
    "console {} --keys keys": NO_DOCUMENT,
    "ota release {} {}": NO_DOCUMENT,
    "accept compare {} {} --ring keys/ring.json": NO_DOCUMENT,
    "rollout start {} folder --keys keys": NO_DOCUMENT,
    "schema --html {}": "folder below-a-file",
    "demo --camera {} --seconds 0": "missing",
    "fleet keys --keys fleet --union {}": "below-a-file",
}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys, a node's document, a file of envelopes, and everything that is none of these."""
    folder = tmp_path_factory.mktemp("wrong")
    place = Place(folder)
    place.config()
    for role, name in (("store", "store-1"), ("operator", "desk"), ("auditor", "auditor"), ("witness", "witness")):
        place.bench.add_signer(role, f"romagna/centre/{name}", at=SystemClock().now())
    (folder / "events.txt").write_text("\n".join(Chain().make() for _ in range(2)))
    (folder / "folder").mkdir()
    (folder / "empty").touch()
    (folder / "binary").write_bytes(bytes(range(256)) * 8)
    (folder / "latin").write_bytes("node: {id: perché}\n".encode("latin-1"))
    (folder / "list").write_text("- 1\n- 2\n")
    (folder / "deep").write_text("version: 1\nnode: {union: [{comune: 3}]}\ncameras: [{view: {masks: {a: 1}}}]\n")
    for name, version in (("other", 0), ("newer", 999)):
        with sqlite3.connect(folder / name) as database:
            for table in ("envelope", "seen") if version else ("something",):
                database.execute(f"CREATE TABLE {table}(a)")
            database.execute(f"PRAGMA user_version = {version:d}")
        database.close()
    return folder


def held(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder below a folder, with its size and when it was last written."""
    found = {str(path): path.stat() for path in folder.rglob("*")}
    return {name: (state.st_size, state.st_mtime_ns) for name, state in found.items()}


@pytest.mark.parametrize(("line", "kind"), [(line, kind) for line, kinds in LINES.items() for kind in kinds.split()])
def test_a_wrong_path_is_one_message_with_a_hint(
    ground: Path, line: str, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(ground)
    before, name = held(ground), "binary/below" if kind == "below-a-file" else kind
    assert main(line.format(*[name] * line.count("{}")).split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    first, *_, last = said.err.splitlines()
    assert first.startswith("piazza: ")
    assert last.startswith("  -> ")
    assert len(last) > len("  -> ")
    assert held(ground) == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("check deep", "line 2: node.union: Expected `str`, got `array`"),
        ("check deep", "line 3: cameras[0].view.masks: Expected `array`, got `object`"),
        ("check binary", "binary: no text in UTF-8, by its byte 129\n"),
        ("check missing", "missing: no such file or directory\n"),
        ("export csv folder --keys keys", "folder: is a directory\n"),
        ("store --keys keys --db other", "other: a database of something else"),
        ("store --keys keys --db newer", "newer: made by a newer release"),
        ("witness show --db missing", "missing: there is no such file"),
        ("fleet keys --keys fleet --union A", "'A' is no name"),
        ("command report no-name --keys keys", "'no-name' is not union/comune/node"),
        ("keys watcher folder somebody", "folder/ca/ca.key"),
    ],
)
def test_the_message_says_what_is_wrong_where(
    ground: Path, line: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(ground)
    assert main(line.split()) == 2
    assert said in capsys.readouterr().err


NO_ROOM = """
import resource, sys
from agent.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
sys.exit(main(sys.argv[1:]))
"""


def test_where_there_is_no_room_no_half_a_key_is_left(tmp_path: Path):
    """What was half made could never be replaced: with room again, the same command makes it whole."""
    done = subprocess.run(
        [sys.executable, "-c", NO_ROOM, "keys", "init", str(tmp_path / "keys")],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "piazza: file too large")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert main(["keys", "init", str(tmp_path / "keys")]) == 0


@pytest.mark.parametrize("line", ["schema", "--version", "check node.yaml", "--help", "ota init --help"])
def test_where_what_is_said_finds_no_room_the_command_has_failed(ground: Path, line: str):
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "agent", *line.split()]
        done = subprocess.run(command, cwd=ground, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "piazza: no space left on device")
