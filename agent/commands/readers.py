"""Who may read what a store is asked for: by the agreements in force, or by the role alone.

The invariant: it is never wider than what the broker lets the same party read.
"""

from __future__ import annotations

from pathlib import Path

from agent.commands.followed import Followed
from agent.commands.in_force import Agreed
from agent.console.sight import Sight
from agent.contract.topics import NodeName, Topic
from agent.governance.rights import READS


def by_role(_who: NodeName, role: str, topic: Topic, _at: float) -> bool:
    """Without documents: the classes of a role; that it asks of its own comuni only, and no partner asks, the broker sees to."""
    return topic.klass in READS.get(role, ())


class Readers:
    """By the documents in one folder, as they change; UserError where they cannot be read at first."""

    def __init__(self, folder: Path) -> None:
        self._sights: dict[str, Sight] = {}
        self._follow(Agreed.load(folder))
        self._documents = Followed(folder, self._follow)

    def look(self, monotonic: float) -> None:
        """Go by other documents if they have changed."""
        self._documents.look(monotonic)

    def sees(self, who: NodeName, _role: str, topic: Topic, at: float) -> bool:
        """Whether a party may read now what belongs under a topic; a stranger never."""
        name = str(who)
        sight = self._sights.setdefault(name, Sight(self._agreed.union, self._agreed.agreements, name))
        return sight.sees(topic, at)

    def _follow(self, agreed: Agreed) -> None:
        self._agreed = agreed
        self._sights.clear()
