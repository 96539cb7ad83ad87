"""The bill of materials of the package: everything that lies in it, by name, version and licence, the same each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.inference.manifest import load
from tests.conftest import CHECKOUT

SAYS = {
    "Modern_Name": "License-Expression: MIT OR Apache-2.0",
    "classified": "License: see the file\nClassifier: License :: OSI Approved :: BSD License\nClassifier: Topic :: Internet",
    "old": "License: Apache 2.0",
    "silent": "Summary: says nothing of a licence",
    "piazza": "License: Apache-2.0",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder into which wheels were unpacked."""
    for name, said in SAYS.items():
        folder = tmp_path / f"{name}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.2\n{said}\n")
    return tmp_path


def bill(site: Path) -> dict[str, Any]:
    command = [sys.executable, str(CHECKOUT / "packaging/sbom.py"), "0.1.0-1", str(site), str(CHECKOUT / "models")]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1767225600"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_wheel_and_model_is_named_once_with_what_it_says_of_its_licence(site: Path):
    found = bill(site)
    libraries = {one["name"]: one.get("licenses") for one in found["components"] if one["type"] == "library"}
    assert libraries == {
        "classified": [{"license": {"name": "BSD License"}}],
        "modern-name": [{"expression": "MIT OR Apache-2.0"}],
        "old": [{"license": {"name": "Apache 2.0"}}],
        "silent": None,
    }
    models = {one["name"]: one for one in found["components"] if one["type"] == "machine-learning-model"}
    known = load(CHECKOUT / "models").models
    assert {name: one["hashes"][0]["content"] for name, one in models.items()} == {
        name: model.sha256 for name, model in known.items()
    }
    assert all(one["licenses"] for one in models.values())


def test_the_document_is_of_the_date_that_it_was_given(site: Path):
    found = bill(site)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["timestamp"] == "2026-01-01T00:00:00Z"
    assert found["metadata"]["component"]["version"] == "0.1.0-1"
    assert found == bill(site)
