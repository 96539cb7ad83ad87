"""What a technician calls at a node works with what the package brings: `requirements/node.txt`, and nothing else of this environment."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys

import pytest

from agent.cli import VERBS
from tests.conftest import CHECKOUT

AT_A_NODE = (
    "sense", "link", "run", "verify", "explain", "scene", "models", "keys", "image", "enrol", "doctor", "status", "aim",
    "accept", "collect", "check", "confine", "ota", "replay",
)  # fmt: skip
IMPORTED = """
import importlib, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
missing = set(sys.argv[2].split())
sys.meta_path.insert(0, Missing())
for verb in sys.argv[1].split():
    importlib.import_module(f"agent.commands.{verb}")
"""


def distribution(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.slow
def test_every_verb_of_a_node_begins_with_what_the_package_brings():
    assert set(AT_A_NODE) <= set(VERBS)
    brought = set(re.findall(r"^([a-z0-9-]+)==", (CHECKOUT / "requirements/node.txt").read_text(), re.MULTILINE))
    missing = {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not {distribution(owner) for owner in owners} & {*brought, "piazza"}
    }
    assert {"pytest", "amqtt"} <= missing
    command = [sys.executable, "-c", IMPORTED, " ".join(AT_A_NODE), " ".join(missing)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert done.returncode == 0, done.stderr
