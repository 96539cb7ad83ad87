"""A technician's phone: a browser that believes the authorities that it was given and no other.

Chromium on Linux takes what its user trusts from an NSS database in the home folder, as a phone takes it from its settings.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

PHONE: ViewportSize = {"width": 390, "height": 720}
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@contextmanager
def phone(home: Path, chromium: str, *, believes: Path | None, node: str) -> Iterator[Page]:
    """A page on such a phone, which finds `node` at this machine; `believes` is an authority's certificate."""
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    _certutil(database, "-N", "--empty-password")
    if believes:
        _certutil(database, "-A", "-n", "union", "-t", "C,,", "-i", str(believes))
    with sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=chromium,
            args=[*QUIET, f"--host-resolver-rules=MAP {node} 127.0.0.1"],
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        )
        try:
            yield browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, locale="en").new_page()
        finally:
            browser.close()


def _certutil(database: Path, *words: str) -> None:
    subprocess.run(["certutil", "-d", f"sql:{database}", *words], check=True, capture_output=True, timeout=60)
