"""The browser in which the pages of this room are read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.console.shots import QUIET


@pytest.fixture(scope="module")
def browser(program) -> Iterator[Browser]:
    path = program("chromium")
    with sync_playwright() as started:
        made = started.chromium.launch(executable_path=path, args=QUIET)
        yield made
        made.close()
