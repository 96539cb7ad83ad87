"""Tests that share something dear, such as a browser before a simulated union, go to one worker: once set up, used by all."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

SHARING = """\
import pytest

pytestmark = pytest.mark.xdist_group("dear")

@pytest.mark.parametrize("number", range(6))
def test_one(number):
    pass
"""


@pytest.mark.slow
def test_a_group_of_tests_goes_to_one_worker(tmp_path):
    """As `make test` distributes them; releases of pytest and of pytest-xdist that do not fit each other let it be silently."""
    (tmp_path / "test_sharing.py").write_text(SHARING)
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "test_sharing.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    workers = re.findall(r"^\[(gw\d+)\].* PASSED", done.stdout, re.MULTILINE)
    assert (len(workers), len(set(workers))) == (6, 1)
