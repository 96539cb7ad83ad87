"""The access list of the contract for the nodes and roles that tests use, literal comune and all."""

from __future__ import annotations

from agent.contract.topics import NodeName, pattern

NODE = NodeName("romagna", "brisighella", "n-0017")
OTHER = NodeName("romagna", "faenza", "n-0018")
UNION = NODE.union

_WRITES = ("state", "evt", "stat", "health", "audit", "head", "res")
_READS = ("rcpt", "cmd", "ack", "cfg", "ota")


def _of(name: NodeName, klass: str) -> str:
    return pattern(name.union, name.comune, name.node, klass)


def node_rights(name: NodeName) -> list[str]:
    return [f"write {_of(name, klass)}" for klass in _WRITES] + [f"read {_of(name, klass)}" for klass in _READS]


RIGHTS = {
    NODE.node: node_rights(NODE),
    OTHER.node: node_rights(OTHER),
    "store": [f"read {pattern(UNION, klass=klass)}" for klass in _WRITES]
    + [f"readwrite {pattern(UNION, klass='rcpt')}"],
    "operator": [f"read {pattern(UNION, klass=klass)}" for klass in (*_WRITES, "rcpt", "ack")]
    + [f"write {pattern(UNION, klass=klass)}" for klass in ("cmd", "ack")],
    "public": [f"read {pattern(UNION, klass='pub')}"],
}
"""Role -> what mosquitto lets it do."""
