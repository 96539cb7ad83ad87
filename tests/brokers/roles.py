"""The access list of the contract for one node, one store and one watcher; the node's comune is literal."""

from __future__ import annotations

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
