"""How long a commissioning takes whom: a scripted browser on a phone's screen, against a real node and a real broker.

    python bench/commissioning.py [--rounds N] [--json]

Taps are those that a person makes too; seconds are the machine's, who reads and climbs is not in them. Needs Chromium, certutil and mosquitto.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from bench.machine import show
from tests.aim.visit import Outcome, visited


def measured(rounds: int) -> dict[str, str]:
    """Medians over the rounds; the steps are the same in each."""
    visits = [_one() for _ in range(rounds)]
    states = [step.state for step in visits[0].report.steps]
    seconds = statistics.median(visit.seconds for visit in visits)
    return {
        "steps passed": f"{states.count('ok')} of {len(states)}, {states.count('later')} left for the night",
        "taps and typed characters": f"{visits[0].taps}",
        "smallest thing to touch, and faintest text": f"{visits[0].legible.side_px:.0f} px, {visits[0].legible.contrast:.1f}:1",
        "from the code to the report": f"{seconds:.0f} s ({seconds / 60:.1f} min), {rounds} rounds",
    }


def _one() -> Outcome:
    with tempfile.TemporaryDirectory() as made:
        return visited(Path(made), shutil.which("chromium") or "chromium")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    show(measured(options.rounds), as_json=options.json)
