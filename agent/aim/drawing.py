"""What was drawn by finger becomes part of the node's document, or is refused with its reason.

The document is changed as plain values and checked whole, as `piazza check` would; it is written as JSON, which is YAML.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agent.config import Config, check
from agent.documents import convert, parse, problems_in
from agent.errors import UserError
from agent.vision.settings import View


class Drawn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole view of one camera as it shall be."""

    camera: str
    view: View


def redrawn(text: str, drawn: Drawn, *, name: str) -> str:
    """The document with the view of one camera in place of the old one.

    Raises:
        UserError: no such camera.
        ConfigError: the document would not be good any more, for instance because a rule looks at a zone that went.
    """
    document: dict[str, Any] = parse(text, name=name)
    cameras = [camera for camera in document.get("cameras", []) if camera.get("id") == drawn.camera]
    if not cameras:
        raise UserError(f"no camera is called {drawn.camera}", hint="see the cameras of the document")
    cameras[0]["view"] = msgspec.to_builtins(drawn.view)
    config = convert(document, Config, name=name)
    if problems := tuple(check(config)):
        raise problems_in(name, problems)
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"
