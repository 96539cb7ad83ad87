"""The tests of the exit door see it when a part of the door is missing: each part is taken out of a copy of the tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
DOOR = "agent/uplink/door.py"
GUARDS = ("tests/uplink/test_door.py", "tests/uplink/test_budget.py")
PARTS = {
    "the whole door": (DOOR, "if value in allowed or (empty", "if True or (empty"),
    "names of quantities": (
        DOOR, 'return DECIMALS[_declared("measure", measure, _MEASURES)]', "return DECIMALS.get(measure, 2)"
    ),
    "zones and labels in a quantity": (DOOR, '            _declared("quantity", place, names)', "            pass"),
    "the hash of an event's id": (
        DOOR, 'return hashlib.sha256(f"{name} {event_id}".encode()).hexdigest()[:16]', "return event_id"
    ),
    "the form of a payload": (
        DOOR, "made: T = _DECODERS[kind].decode(_ENCODER.encode(kind(**members)))", "made: T = kind(**members)"
    ),
    "numbers in an audit record": (DOOR, "if audit.action != DROPPED and", "if False and"),
    "significant digits": (
        "agent/uplink/measures.py", 'coarse = float(f"{value:.{SIGNIFICANT}g}")', "coarse = value"
    ),
    "what is no number": ("agent/uplink/measures.py", "if not math.isfinite(value) or", "if"),
    "bytes an hour": (
        "agent/uplink/budget.py", "if self.spent(klass, at=at) + size > self._limits.get(klass, 0):", "if size < 0:"
    ),
}  # fmt: skip
"""Part -> file, what stands there, what stands there without it."""


def copied(folder: Path) -> Path:
    for name in ("agent", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "worlds", "faults", "vision", "camera")
        shutil.copytree(CHECKOUT / name, folder / name, ignore=None if name == "agent" else ignored)
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    return folder


def guarded(tree: Path) -> subprocess.CompletedProcess[str]:
    """The guards' word on a tree: 0 when they pass, 1 when a test fails."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *GUARDS]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_guards_pass_on_a_copy_as_it_is(tmp_path: Path) -> None:
    """The control, without which a failing copy would show nothing."""
    done = guarded(copied(tmp_path))
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_the_guards_fail_without(part: str, tmp_path: Path) -> None:
    name, standing, without = PARTS[part]
    path = copied(tmp_path) / name
    text = path.read_text()
    assert text.count(standing) == 1, "the part is not where this test takes it out"
    path.write_text(text.replace(standing, without))
    done = guarded(tmp_path)
    assert done.returncode == 1, done.stdout[-2000:]
    assert "failed" in done.stdout
