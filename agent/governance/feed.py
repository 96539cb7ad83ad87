"""What changed, as a feed that any reader follows (Atom, RFC 4287): a static file beside the citizens' page."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from agent.governance.site import ACTS, Change, Story

_ATOM = "http://www.w3.org/2005/Atom"


def atom(story: Story) -> str:
    """The feed; its entries keep their ids whenever it is written anew."""
    feed = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": "it"})
    newest = max((change.at for change in story.changes), default=story.at)
    _add(feed, "id", f"urn:piazza:{story.union.id}:changes")
    _add(feed, "title", f"{story.union.name}: che cosa è cambiato")
    _add(feed, "updated", _time(newest))
    _add(ET.SubElement(feed, "author"), "name", story.union.name)
    for change in story.changes:
        _entry(feed, change)
    return ET.tostring(feed, encoding="unicode", xml_declaration=True) + "\n"


def _entry(feed: ET.Element, change: Change) -> None:
    entry, (italian, english) = ET.SubElement(feed, "entry"), ACTS[change.action]
    _add(entry, "id", f"urn:piazza:{change.node}:{change.action}:{change.at:.3f}")
    _add(entry, "title", f"{change.node.partition('/')[2]}: {italian}")
    _add(entry, "updated", _time(change.at))
    _add(entry, "summary", f"{italian} ({english}) {change.digest}")


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
