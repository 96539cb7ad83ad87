"""The pictures of the guides: each is in a guide, and each guide's picture is one that a command makes and a test checks."""

from __future__ import annotations

import re

from tests.console.shots import IMAGES, SHOTS
from tests.pages import CHECKOUT

GUIDES = ("control-room", "police", "dpo")


def test_every_picture_of_the_three_guides_is_taken_by_the_command():
    shown = {
        name
        for guide in GUIDES
        for name in re.findall(r"\.\./img/([\w-]+)\.png", (CHECKOUT / "docs" / "guide" / f"{guide}.md").read_text())
    }
    assert shown == {shot.name for shot in SHOTS}


def test_every_picture_is_there_in_the_size_that_was_asked_for():
    """Width and height stand in the header of a PNG."""
    for shot in SHOTS:
        head = (IMAGES / f"{shot.name}.png").read_bytes()[16:24]
        assert (int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")) == shot.size


def test_every_picture_claims_something():
    assert all(shot.shows for shot in SHOTS)
