"""A whole commissioning in a real browser on a phone's screen, against a real node and a real broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.aim.words import TITLES
from tests.aim.visit import visited

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(600), pytest.mark.xdist_group("browser")]

CHAIN = [
    ("commissioning", "opened"), ("mask-changed", "tried"), ("command", "received"), ("accepted", "night-open"),
]  # fmt: skip
MOST_TAPS = 40
LEAST_SIDE_PX = 48
"""Of what a gloved finger must hit (WCAG 2.2 asks for 24, and for 44 at its strictest)."""
LEAST_CONTRAST = 7.0
"""Of text with what lies behind it, WCAG's strictest; the sun takes the rest."""


def test_a_technician_comes_from_the_label_to_a_signed_report_that_the_chain_names(program, tmp_path: Path):
    """Every step measured, the drawn view tried and installed, the test event answered by the control room."""
    program("mosquitto")
    program("certutil")
    found = visited(tmp_path / "site", program("chromium"), tmp_path)
    states = {step.id: step.state for step in found.report.steps}
    assert states == {**dict.fromkeys(TITLES, "ok"), "night": "later"}
    assert found.report.accepted
    assert found.taps <= MOST_TAPS
    assert found.legible.side_px >= LEAST_SIDE_PX, found.legible
    assert found.legible.contrast >= LEAST_CONTRAST, found.legible
    assert next(one for one in found.chain if one in CHAIN) == CHAIN[0]
    assert set(CHAIN) <= set(found.chain)
    assert len(list(tmp_path.glob("visit-*.png"))) == len(found.shots)
