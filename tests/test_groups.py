"""Tests that share something dear, such as a browser before a simulated union, go to one worker: once set up, used by all."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import CHECKOUT

SHARING = """\
import pytest

pytestmark = pytest.mark.xdist_group("dear")

@pytest.mark.parametrize("number", range(6))
def test_one(number):
    pass
"""

SLOW_MODULE = re.compile(r"^pytestmark = .*pytest\.mark\.slow", re.MULTILINE)
SHARES = re.compile(r"^@pytest\.fixture\(scope=\"(module|package|session)\"", re.MULTILINE)


def test_slow_tests_that_share_what_a_module_makes_go_to_one_worker():
    """Otherwise two workers make it, and the second time is lost."""
    texts = {path.name: path.read_text() for path in (CHECKOUT / "tests").rglob("test_*.py")}
    sharing = {name: text for name, text in texts.items() if SLOW_MODULE.search(text) and SHARES.search(text)}
    assert [name for name, text in sharing.items() if "xdist_group" not in text] == []


@pytest.mark.slow
def test_a_group_of_tests_goes_to_one_worker(tmp_path):
    """As `make test` distributes them; releases of pytest and of pytest-xdist that do not fit each other let it be silently."""
    (tmp_path / "test_sharing.py").write_text(SHARING)
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "test_sharing.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    workers = re.findall(r"^\[(gw\d+)\].* PASSED", done.stdout, re.MULTILINE)
    assert (len(workers), len(set(workers))) == (6, 1)


UNEQUAL = """\
import pytest

def test_quick():
    pass

@pytest.mark.slow
def test_slow():
    pass

@pytest.mark.slow
@pytest.mark.timeout(600)
def test_long():
    pass
"""


@pytest.mark.slow
def test_long_tests_begin_where_workers_share_all(tmp_path):
    """Told from the short ones by the time that they are given at most."""
    (tmp_path / "test_unequal.py").write_text(UNEQUAL)
    (tmp_path / "conftest.py").write_text((CHECKOUT / "tests/conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-v", "-n", "1", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, "test_unequal.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.findall(r"PASSED \S*::(\w+)", done.stdout) == ["test_long", "test_slow", "test_quick"]
