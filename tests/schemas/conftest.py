"""One message of each class as it is really made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.contract.envelope import spell
from agent.contract.topics import Class
from agent.contract.types import AckData, CommandData, Data, PublicData, PublicHour, ReceiptData, ResultData
from tests.contract.makers import NODE, payload
from tests.uplink.nodes import STATE, Node, audit, event, health, stat

LATER = "2026-05-01T08:31:00.000Z"


@pytest.fixture
def sent(tmp_path: Path) -> dict[str, Any]:
    """One payload of each class as it is really made, by class."""
    node = Node(tmp_path)
    node.spool.birth(STATE)
    for record in (event(), stat(), health(), audit()):
        node.spool.put(record)
    node.tick()
    node.spool.flush()
    envelopes = [*node.seen(), node.statement(Class.STATE), node.statement(Class.HEAD)]
    others: dict[Class, Data] = {
        Class.RCPT: ReceiptData(node=str(NODE), cum=3, ranges=((5, 6),)),
        Class.CMD: CommandData(node=str(NODE), command="resend", deadline=LATER, first=1, last=2),
        Class.RES: ResultData(command="00000000000000aa", outcome="done"),
        Class.ACK: AckData(node=str(NODE), event="00000000000000aa", verdict="useful"),
        Class.PUB: PublicData(
            node=str(NODE), place="gate", hours=(PublicHour(since=LATER, count=12),), k=10, epsilon=1.0, mean_error=0.85
        ),
    }
    made = {str(e.klass): json.loads(spell(e.payload)) for e in envelopes}
    return made | {str(klass): json.loads(spell(payload(klass, data))) for klass, data in others.items()}
