"""The public notices that lie beside the citizens' page: one for each comune, of the configurations that really run.

The invariant: a notice never describes a configuration that its node does not name as its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.commands.patto import described
from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.contract.topics import Class
from agent.contract.types import StateData
from agent.errors import Refused, UserError
from agent.governance import notice
from agent.governance.agreement import Agreement
from agent.governance.union import Union
from agent.subscriber.tables import Tables

_STATES = "SELECT token FROM statement WHERE topic LIKE ?"


def notices(
    union: Union, agreed: Sequence[Agreement], configs: Sequence[Path], tables: Tables, ring: KeyRing, *, at: float
) -> dict[str, str]:
    """Names of files and their text; UserError where a node of `configs` says that it runs another one."""
    nodes = [described(path) for path in configs]
    running = dict(_running(tables, ring))
    for node, path in zip(nodes, configs, strict=True):
        runs = running.get(f"{union.id}/{node.name}", node.digest)
        if runs != node.digest:
            raise UserError(
                f"{path} has the digest {node.digest}, and {node.name} runs {runs}",
                hint="give the configuration that the node runs; nothing was written",
            )
    return {
        file_of(comune.id): notice.html(
            union, comune.id, agreed, [node for node in nodes if node.name.startswith(f"{comune.id}/")], at=at
        )
        for comune in union.comuni
    }


def file_of(comune: str) -> str:
    return f"avviso-{comune}.html"


def _running(tables: Tables, ring: KeyRing) -> Iterator[tuple[str, str]]:
    """Every node and the digest of the configuration that it named last."""
    for (token,) in tables.rows(_STATES, (f"%/{Class.STATE}/%",)):
        try:
            envelope = open_envelope(str(token), ring)
        except Refused:
            continue
        if isinstance(envelope.data, StateData):
            yield str(envelope.topic.name), envelope.data.cfg
