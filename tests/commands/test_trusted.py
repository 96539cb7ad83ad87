"""Who is trusted changes while a process runs, and it need not be started anew for that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import NodeName
from agent.contract.types import AuditData
from agent.provision.keys import load_ring, load_signer, save_ring
from agent.subscriber.holding import Held
from agent.subscriber.receipts import Receipts
from agent.uplink.inbox import Inbox, Letter
from agent.uplink.outbox import OutboxReader
from tests.commands.places import CLOCK, NODE, Place, wait

pytestmark = pytest.mark.slow

STORE = NodeName("romagna", "centre", "store")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def form(place: Place) -> Path:
    """The configuration of a report form with the node's own name."""
    node = yaml.safe_load(place.config().read_text())
    sections = {name: node[name] for name in ("version", "node", "state_dir", "uplink")}
    areas = [{"id": name, "name": name} for name in ("centro", "stazione")]
    path = place.folder / "form.yaml"
    path.write_text(yaml.safe_dump({**sections, "form": {"title": "Faenza", "port": 0, "areas": areas}}))
    return path


def waiting(place: Place) -> dict[int, str]:
    """Numbers that lie in the outbox, and what the audit records among them say came of something."""
    reader = OutboxReader(place.state / "outbox.sqlite")
    rows = {
        row.seq: open_envelope(row.token, load_ring(place.bench.ring)).data for row in reader.after(0, limit=10_000)
    }
    reader.close()
    return {seq: data.outcome if isinstance(data, AuditData) else "" for seq, data in rows.items()}


def sign(place: Place, cum: int) -> None:
    """Drop the store's receipt where link would."""
    receipts = Receipts(STORE, load_signer(place.bench.signing_key(str(STORE))), clock=CLOCK)
    node = next(key for key in load_ring(place.bench.ring) if key.role == "node")
    topic, token = receipts.receipt(str(NODE), Held(1, cum, node.kid, ((1, cum),)))
    Inbox(place.state / "inbox").put_latest(Letter(topic, token))


@pytest.mark.parametrize("verb", ["sense", "form"])
def test_a_key_is_believed_from_when_it_is_in_the_ring_until_it_is_taken_out(place: Place, verb: str):
    place.start(verb, "--config", str(place.config() if verb == "sense" else form(place)))
    wait(lambda: 1 in waiting(place))
    place.bench.add_signer("store", str(STORE), at=CLOCK.now())

    def let_go() -> bool:
        sign(place, 1)
        return 1 not in waiting(place)

    wait(let_go)
    without = KeyRing()
    for key in load_ring(place.bench.ring):
        if key.role == "node":
            without.add(key)
    save_ring(place.bench.ring, without)

    def refused() -> bool:
        sign(place, 1)
        return "unknown-key" in list(waiting(place).values())

    wait(refused)
