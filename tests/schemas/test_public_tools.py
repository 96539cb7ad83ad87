"""The contract's documents before the public's own tools: AsyncAPI's parser, and a validator that we did not write."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

from agent.commands.schema import documents
from agent.governance import terms
from tests.conftest import CHECKOUT
from tests.governance.unions import POLICE, folder, loaded

HERE = CHECKOUT / "tests" / "schemas" / "public"
TOOLS = CHECKOUT / ".cache" / "asyncapi"


@pytest.fixture(scope="module")
def parser() -> Path:
    """The parser, installed once from its lock into .cache; skipped where no npm is, or no registry answers."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed: AsyncAPI's parser is a package of Node.js")
    if not (TOOLS / "node_modules" / "@asyncapi").is_dir():
        TOOLS.mkdir(parents=True, exist_ok=True)
        for file in HERE.iterdir():
            shutil.copy(file, TOOLS)
        command = [npm, "ci", "--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
        done = subprocess.run(command, cwd=TOOLS, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            pytest.skip(f"npm could not install AsyncAPI's parser: {done.stderr[-300:]}")
    shutil.copy(HERE / "check.mjs", TOOLS)
    return TOOLS / "check.mjs"


def judged(parser: Path, document: str, folder: Path) -> dict[str, object]:
    (folder / "document.json").write_text(document)
    command = ["node", str(parser), str(folder / "document.json")]
    done = subprocess.run(command, cwd=parser.parent, capture_output=True, text=True, timeout=60, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_contract_is_valid_asyncapi(parser, tmp_path):
    assert judged(parser, documents()["asyncapi"], tmp_path) == {"valid": True, "errors": []}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_partners_view_is_valid_asyncapi(parser, tmp_path):
    whole, (agreement,) = loaded(folder(tmp_path, POLICE))
    assert judged(parser, json.dumps(terms.view(whole, agreement)), tmp_path) == {"valid": True, "errors": []}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_broken_document_is_found(parser, tmp_path):
    broken = json.loads(documents()["asyncapi"])
    broken["channels"]["evt"]["messages"]["evt"]["$ref"] = "#/components/messages/nothing"
    assert judged(parser, json.dumps(broken), tmp_path)["valid"] is False


@pytest.mark.parametrize("name", sorted(set(documents()) - {"asyncapi"}))
def test_a_schema_is_a_schema(name):
    jsonschema.Draft202012Validator.check_schema(json.loads(documents()[name]))
