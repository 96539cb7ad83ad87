"""What all tests share: where real data, clips and foreign programs are, and a clear word when they are not.

A laptop may lack things and skips what needs them; on CI (`CI=true`) a missing program is a failure.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("piazza", deadline=None, max_examples=25)  # a busy machine is no failure
hypothesis.settings.register_profile("full", deadline=None, max_examples=200)  # `make test` asks for it
hypothesis.settings.load_profile("piazza")

CHECKOUT = Path(__file__).resolve().parent.parent

for _number in (signal.SIGINT, signal.SIGHUP):
    # What a shell starts in the background, or under nohup, ignores these, and so would every process that a test starts and
    # ends by them. A function of ours, which does nothing either, is not handed on.
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers share all tests, the long ones begin: what is left at the end is quick, so no worker waits for another."""
    if config.getoption("loadgroup", default=False):
        items.sort(key=_patience_s, reverse=True)


def _patience_s(item: pytest.Item) -> float:
    """The time that a slow test is given at most, which tells the long from the short."""
    patience = item.get_closest_marker("timeout")
    return float(patience.args[0]) if patience else float(bool(item.get_closest_marker("slow")))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real videos and series; tests that need it skip where it is absent."""
    named = os.environ.get("PIAZZA_DATA")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}: set PIAZZA_DATA to the data folder")
    return folder


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Gives the path of a foreign program by its name: `program("mosquitto")`."""
    return _path_of


def _path_of(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    return found or _absent(f"no program '{name}': install what requirements/apt.txt lists")


@pytest.fixture(scope="session")
def clip() -> Path:
    """The demo's CCTV clip, as tools/fetch_clip leaves it."""
    path = CHECKOUT / ".cache" / "vtest.avi"
    return path if path.is_file() else Path(_absent(f"no {path.name}: fetch it with tools/fetch_clip"))


def _absent(what: str) -> str:
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why a test was tried again: it may be green by now, and nobody would learn what had been wrong."""
    for report in terminalreporter.getreports("rerun"):
        why = [line for line in report.longreprtext.splitlines() if line.startswith("E ")]
        terminalreporter.write_line(f"tried again: {report.nodeid}")
        for line in why[:20]:
            terminalreporter.write_line(f"  {line}")
