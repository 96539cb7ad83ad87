"""The control room: what a hundred thousand events cost the desk.

python -m bench.console [--json]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path
from time import process_time

from agent.console.desk import Desk
from agent.simulation.script import Story, records
from agent.subscriber import Reader
from agent.transport import Message
from bench import machine
from tests.console.rooms import DAY_S, NOON, Place, place

FED = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        built = place(Path(folder) / "union", days=10.0)
        machine.show(fed(built), as_json=options.json)


def fed(built: Place) -> dict[str, float]:
    """What the desk keeps after a hundred thousand events, and microseconds for each."""
    desk, reader = Desk(built.sight()), Reader(built.ring, partial=True)
    story = Story(2, "faenza", "riolo", "", 0.0, 400.0)
    node, spot = built.nodes[0], built.town.spots[0]
    told = [one for record in records(story, spot, NOON, NOON + 5 * DAY_S) for one in node.seal(record)]
    news = [reader.read(Message(one.topic, one.token)) for one in told]
    before, began, count = rss_mib(), process_time(), 0
    while count < FED:
        for one in news:
            desk.take(one, at=NOON)
            count += 1
    spent = process_time() - began
    return {"fed": count, "desk_us": round(spent / count * 1e6, 1), "desk_mib": round(rss_mib() - before, 1)}


def rss_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
