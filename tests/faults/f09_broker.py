"""F9: the broker is killed, forgets sessions, overflows, has no subscriber (16), refuses (135).

python -m tests.faults.f09_broker [--count N] [--seed N] [--json]
"""

from __future__ import annotations

import random
import signal
from collections import Counter

from agent.provision.ca import common_name
from tests.brokers.roles import rights
from tests.brokers.town import NODE, STORE, WATCHER
from tests.faults import row
from tests.faults.tools.plant import Plant, plant

EVENTS = 60
SMALL_QUEUE = "max_queued_messages 10"
"""The default of 1000 would take long to fill; what overflows is acknowledged and gone all the same."""

KINDS = ("kill", "restart", "overflow", "no subscriber", "refusal")
BAD = ("lost", "altered")


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` faults of all kinds in turn; counts of what was seen."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(faults=count)
    with plant(broker=SMALL_QUEUE) as one:
        one.start_store()
        one.start_link()
        for number in range(count):
            one.put(EVENTS)
            one.work(randomness.uniform(0.0, 0.05))
            _fault(one, KINDS[number % len(KINDS)])
            counts["lost"] += one.settle()
        counts.update(events=one.put_so_far, altered=one.altered, duplicates=one.repeated)
    return counts


def _fault(one: Plant, kind: str) -> None:
    broker = one.town.broker
    match kind:
        case "kill":
            broker.kill()
            broker.start()
        case "restart":
            broker.stop()
            broker.start()
        case "overflow":  # the store's session is kept and its queue is too small for what comes
            one.kill("store")
            one.put(EVENTS)
            one.work(0.5)
            one.start_store()
        case "no subscriber":  # the store is away and the broker has forgotten it
            one.kill("store")
            broker.kill()
            (broker.folder / "mosquitto.db").unlink(missing_ok=True)
            broker.start()
            one.put(EVENTS)
            one.work(0.5)
            one.start_store()
        case "refusal":  # the node's right to write is taken away for a while
            _set_rights(one, node=False)
            one.put(EVENTS)
            one.work(0.5)
            _set_rights(one, node=True)


def _set_rights(one: Plant, *, node: bool) -> None:
    broker = one.town.broker
    broker.rights = rights(NODE, store=str(STORE), watcher=WATCHER)
    if not node:
        broker.rights[str(NODE)] = [line for line in broker.rights[str(NODE)] if line.startswith("read")]
    broker.write_rights()
    if broker.process is not None:
        broker.process.send_signal(signal.SIGHUP)
    assert common_name(str(NODE)) in (broker.folder / "acl").read_text()


if __name__ == "__main__":
    raise SystemExit(row.main("F9 broker", run, count=20, long=60, targets=BAD))
