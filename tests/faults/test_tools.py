"""The tools beside the matrix stand for themselves: their examples run, and they know nothing of Piazza."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.run import CHECKOUT, FOLDER

PAGE = FOLDER / "tools" / "README.md"
EXAMPLES = dict(
    re.findall(r"^## (.+?)\n.*?^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
)  # fmt: skip
OURS = {"plant", "canary"}
TOOLS = sorted(path for path in (FOLDER / "tools").glob("*.py") if path.stem not in OURS)


@pytest.mark.slow
@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_of_the_page_runs_as_it_stands(tmp_path: Path, title: str) -> None:
    script = tmp_path / "example.py"
    script.write_text(EXAMPLES[title])
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONHASHSEED": "random"}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", TOOLS, ids=lambda path: path.stem)
def test_a_tool_imports_nothing_of_ours(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.partition(".")[0] in ("agent", "tests")}


@pytest.mark.parametrize("path", TOOLS, ids=lambda path: path.stem)
def test_the_page_names_every_tool_and_shows_how_most_are_used(path: Path) -> None:
    assert f"| `{path.name}` |" in PAGE.read_text()
    assert path.stem == "partition" or f"tools.{path.stem} import" in "".join(EXAMPLES.values())
