"""What a person says on the page reaches the node: over the operator's own connection, a real broker and the node's link."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.console.desk import Desk
from agent.console.room import Room
from agent.console.sight import Sight
from agent.contract.topics import pattern
from agent.contract.types import AckData
from agent.governance.union import Comune, Party, Union
from agent.provision.keys import load_ring, load_signer
from agent.subscriber import Reader
from agent.subscriber.speaker import Speaker
from agent.transport.mqtt import MqttTransport
from agent.uplink.door import correlation
from agent.uplink.simulated import BIRTH
from tests.brokers.town import NODE, OPERATOR, event, town

PATIENCE_S = 120.0
UNION = Union(
    version=1, id=NODE.union, name="Romagna", contact="privacy@romagna.example", seat=OPERATOR.comune,
    comuni=(Comune(id="faenza", name="Faenza"), Comune(id=NODE.comune, name="Brisighella", nodes=(NODE.node,))),
    parties=(Party(id=OPERATOR.node, role="operator"),),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.broker
def test_a_verdict_of_the_page_is_in_the_nodes_hands(tmp_path: Path):
    clock, heard = SystemClock(), list[AckData]()
    with town(tmp_path / "town", uplink={"resend_s": 1.0}) as place:
        reads = [f"read {pattern(NODE.union, NODE.comune, klass=klass)}" for klass in ("evt", "state", "head", "ack")]
        place.broker.rights = {**place.broker.rights, str(OPERATOR): [*place.broker.rights[str(OPERATOR)], *reads]}
        place.broker.reread()
        spool, signer = place.spool(), load_signer(place.bench.signing_key(str(OPERATOR)))
        spool.birth(BIRTH)
        ring = load_ring(place.bench.ring)
        transport = MqttTransport(
            place.broker.address(str(OPERATOR)), clock=clock, randomness=random.Random(1), session_s=0
        )
        desk = Desk(Sight(UNION, (), str(OPERATOR)))
        room = Room(transport, Reader(ring), desk, Speaker(OPERATOR, signer, clock=clock), clock)
        transport.open()
        place.start("link")
        told = event(41, clock.now())
        spool.put(told)
        spool.flush()

        def seen() -> bool:
            room.run_once()
            return bool(desk.open())

        place.wait(seen, at_most_s=PATIENCE_S)
        (item,) = desk.open()
        assert item["id"] == correlation(NODE, told.id)
        assert room.may_judge(NODE)
        room.judge(NODE, item["id"], "false")

        def reached() -> bool:
            room.run_once()
            heard.extend(one.data for one in spool.tick(clock.now()) if isinstance(one.data, AckData))
            return bool(heard)

        place.wait(reached, at_most_s=PATIENCE_S)

        def told_back() -> bool:
            room.run_once()
            return bool(desk.open()[0]["verdicts"])

        place.wait(told_back, at_most_s=PATIENCE_S)
        transport.close()
    assert (heard[0].event, heard[0].verdict) == (item["id"], "false")
    assert [one["verdict"] for one in desk.open()[0]["verdicts"]] == ["false"]
