"""A camera whose library hangs: sense tells what it knows, and the process really ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.anomaly.lost import RULE
from agent.uplink.outbox import OutboxReader
from tests.commands.places import Place

pytestmark = pytest.mark.slow

LIBRARY = '''"""Stands for picamera2: gives three pictures and then none, and its own thread never ends."""

import threading

import numpy as np

from agent.clock import SystemClock
from tests.camera.double import Bench

Picamera2 = Bench(lambda number: np.full((96, 128, 3), number, np.uint8), clock=SystemClock(), hangs_at=3).library()
threading.Thread(target=threading.Event().wait, name="camera manager").start()
'''


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path, input={"driver": "picamera2", "width": 128, "height": 96, "stall_s": 1.0})
    yield made
    made.close()


def test_a_camera_that_hangs_ends_the_process_and_is_told_of(place: Place, monkeypatch: pytest.MonkeyPatch):
    """Exit code 1 lets the service manager start it anew; the event lies in the outbox by then."""
    (place.folder / "picamera2.py").write_text(LIBRARY)
    monkeypatch.setenv("PYTHONPATH", f"{place.folder}:{Path(__file__).parents[2]}")
    assert place.start("sense", "--config", str(place.config())).wait(120) == 1
    assert place.log("sense").rstrip().splitlines()[-2].startswith("piazza: camera 'square' gave no picture for 1")
    rows = OutboxReader(place.state / "outbox.sqlite").after(0, limit=99)
    assert [row.topic for row in rows if RULE in row.topic or row.topic.endswith("/tamper")]
