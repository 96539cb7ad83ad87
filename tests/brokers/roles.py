"""The access list of the contract for one node, one store and one watcher; the node's comune is literal."""

from __future__ import annotations

from collections.abc import Sequence

from agent.contract.topics import NodeName, pattern

SAYS = ("state", "evt", "stat", "health", "audit", "head", "res")
HEARS = ("rcpt", "cmd", "ack", "cfg", "ota")


def rights(node: NodeName, *, store: str, watcher: str, operator: str = "") -> dict[str, list[str]]:
    """Party -> what mosquitto lets it do."""
    union = node.union

    def own(klass: str) -> str:
        return pattern(union, node.comune, node.node, klass)

    asks = [f"write {own(klass)}" for klass in ("cmd", "ack")] + [f"read {own('res')}"]
    return {
        **({operator: asks} if operator else {}),
        str(node): [f"write {own(klass)}" for klass in SAYS] + [f"read {own(klass)}" for klass in HEARS],
        store: [f"read {pattern(union, klass=klass)}" for klass in (*SAYS, "cmd", "ack")]
        + [f"write {pattern(union, klass=klass)}" for klass in ("rcpt", "res")],
        watcher: [f"read {pattern(union, klass=klass)}" for klass in (*SAYS, *HEARS)],
    }


def fleet_rights(
    nodes: Sequence[NodeName], *, stores: Sequence[str], watcher: str, speaker: str
) -> dict[str, list[str]]:
    """The same for many nodes and several stores, and for a speaker who may publish for all nodes."""
    union = nodes[0].union
    found: dict[str, list[str]] = {}
    for node, store in ((node, store) for node in nodes for store in stores):
        found |= rights(node, store=store, watcher=watcher)
    said = [f"write {pattern(union, klass=klass)}" for klass in SAYS]
    return found | {speaker: [*said, f"read {pattern(union, klass='rcpt')}"]}
