"""What one party may see and say at an instant: the same rights that the broker is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.contract.topics import ITSELF, Class, NodeName, Topic
from agent.governance.agreement import Agreement
from agent.governance.rights import TOLD, Right, Verb, allowed, changes, rights, roles
from agent.governance.union import Union


@dataclass(slots=True)
class Sight:
    """One party's view; nothing without a right."""

    union: Union
    agreements: Sequence[Agreement]
    party: str
    _rights: tuple[Right, ...] = field(default=())
    _until: float = field(default=float("-inf"))
    _since: float = field(default=float("inf"))
    _nodes: tuple[NodeName, ...] = field(default=())

    @property
    def role(self) -> str:
        """What the union or an agreement calls this party; empty for a stranger."""
        return roles(self.union, self.agreements).get(self.party, "")

    def follow(self, union: Union, agreements: Sequence[Agreement]) -> None:
        """Go by other documents from now on."""
        self.union, self.agreements, self._since = union, agreements, float("inf")

    def sees(self, topic: Topic, at: float) -> bool:
        return allowed(self._own(at), self.party, Verb.READ, topic)

    def says(self, topic: Topic, at: float) -> bool:
        return allowed(self._own(at), self.party, Verb.WRITE, topic)

    def filters(self, at: float) -> tuple[str, ...]:
        """Topic filters to subscribe to, exactly as wide as the rights; an answer about a certificate is asked for when one is due."""
        shown = (right for right in self._own(at) if right.verb is Verb.READ and right.klass is not TOLD)
        return tuple(dict.fromkeys(right.pattern for right in shown))

    def comuni(self, at: float) -> tuple[str, ...]:
        """Comuni of which anything is seen, in the union's order."""
        own = {right.comune for right in self._own(at)}
        return tuple(comune.id for comune in self.union.comuni if comune.id in own)

    def nodes(self, at: float) -> tuple[NodeName, ...]:
        """Nodes whose state is seen, whether they were ever heard or not."""
        self._own(at)
        return self._nodes

    def _own(self, at: float) -> tuple[Right, ...]:
        if not self._since <= at < self._until:
            everybody = rights(self.union, self.agreements, at=at)
            self._rights = tuple(right for right in everybody if right.party == self.party)
            coming = changes(self.union, self.agreements, after=at)
            self._since, self._until = at, coming[0] if coming else float("inf")
            self._nodes = tuple(name for name in self._all() if allowed(
                self._rights, self.party, Verb.READ, Topic(name, Class.STATE, ITSELF)))  # fmt: skip
        return self._rights

    def _all(self) -> Iterator[NodeName]:
        for comune in self.union.comuni:
            yield from (NodeName(self.union.id, comune.id, node) for node in comune.nodes)
