"""The nodes of the story: simulated ones that may say the words of its script."""

from __future__ import annotations

from agent.clock import SimulatedClock
from agent.contract.jws import Signer
from agent.contract.topics import NodeName
from agent.simulation.script import BUTTON, CAMERA, GATE, MASKED, RULES
from agent.uplink.door import Vocabulary
from agent.uplink.simulated import Outgoing, Simulated, hand_over

__all__ = ["WORDS", "Outgoing", "SimulatedNode", "hand_over"]

WORDS = Vocabulary(
    rules=frozenset(RULES), sources=frozenset({CAMERA, BUTTON}), zones=frozenset({GATE}), digests=frozenset({MASKED})
)


class SimulatedNode(Simulated):
    """One gate of the story."""

    def __init__(self, name: NodeName, signer: Signer, clock: SimulatedClock) -> None:
        super().__init__(name, signer, clock, WORDS)
