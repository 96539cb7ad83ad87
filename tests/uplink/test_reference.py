"""docs/reference/contract.md gives the decimals that the door really uses."""

from __future__ import annotations

import re

from agent.uplink.door import REFUSALS
from agent.uplink.measures import DECIMALS
from tests.conftest import CHECKOUT

PAGE = (CHECKOUT / "docs" / "reference" / "contract.md").read_text()


def test_every_measure_stands_in_the_reference_with_its_decimals() -> None:
    section = PAGE.partition("## What a number may tell")[2].partition("## ")[0]
    rows = re.findall(r"^\| (\d) \| (.*) \|$", section, re.MULTILINE)
    told = {name: int(decimals) for decimals, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert told == dict(DECIMALS)


def test_every_word_of_refusal_stands_in_the_reference() -> None:
    section = PAGE.partition("## Refusals")[2].partition("## ")[0]
    assert set(re.findall(r"`([a-z-]+)`", section)) >= REFUSALS
