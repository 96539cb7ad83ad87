"""The part of a union's map that one role is shown.

The invariant: places and borders of the comuni that it sees, and of no other.
"""

from __future__ import annotations

import msgspec

from agent.console.items import Item
from agent.console.sight import Sight
from agent.governance.places import Ground


def shown(ground: Ground, sight: Sight, at: float) -> Item:
    """What a role is shown of the map at an instant."""
    seen = {f"{name.comune}/{name.node}": str(name) for name in sight.nodes(at)}
    comuni = set(sight.comuni(at))
    return {
        "nodes": {seen[name]: msgspec.to_builtins(place) for name, place in ground.nodes.items() if name in seen},
        "outlines": {comune: points for comune, points in ground.outlines.items() if comune in comuni},
    }
