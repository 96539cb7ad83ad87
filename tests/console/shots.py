"""The pictures of the guides: which page each shows, and what its readers are told that they see there.

`tools/screens` takes them; a test opens the same pages and finds the same things on them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page

from agent.simulation.stage import POLICE

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "img"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000
WIDE, PHONE = (1200, 800), (390, 800)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture; `shows` are places of the page (CSS) and the text that each holds."""

    name: str
    page: str
    tab: str = ""
    size: tuple[int, int] = WIDE
    language: str = "en"
    shows: tuple[tuple[str, str], ...] = ()
    click: str = ""
    first: str = ""
    """What the picture waits for besides; a test does not, where it takes minutes."""
    before: str = ""
    """The tab that is looked at first, where the picture tells who looked."""


SHOTS = (
    Shot("console-now", "console", "now", shows=(
        ("#open li", ""), ("#detail", "Observed"), ("#detail", "Check"), ("#detail .buttons", "2 useful"), ("#broker", "Connected"), ("#lately li", ""),
    )),
    Shot("console-history", "console", "history", shows=(
        ("#rows thead", "Verdicts"), ("#rows tbody", "room (control room): useful"), ("#rows tbody", "genuine"),
    )),
    Shot("console-sheet", "console", "history", size=(1200, 760), click="#rows a", shows=(
        ("#sheet h3", "Signed messages"), ("#sheet tbody", "opened"), ("#sheet tbody", "genuine"), ("#sheet-print", "Print"),
    )),
    Shot("console-reports", "console", "history-report", size=(1200, 420), shows=(
        ("#rows tbody", "a person says"), ("#rows tbody .person", "NOT VERIFIED"),
    )),
    Shot("console-police", "police", "history-report", size=(1200, 420), shows=(
        ("#who", "police-faenza (police)"), ("#rows tbody", "a person says"), ("#rows tbody .person", "NOT VERIFIED"),
    )),
    Shot("console-week", "console", "week", size=(1200, 560), shows=(("#heat tbody th", "Mon"), ("#heat thead", "23"))),
    Shot("console-chains", "console", "chain", size=(1200, 1500), before="history", shows=(
        ("#chains tbody", "whole"), ("#accesses", "room (control room)"), ("#accesses", "history: shown"),
    )),
    Shot("citizens", "citizens", size=(800, 900), shows=(
        ("h1", "i numeri delle piazze"), ("figcaption", "n-0001"), ("main", "Chi ha ricevuto eventi"),
    )),
    Shot("report-form", "form", size=PHONE, shows=(
        ("form", "Che cosa succede?"), ("form", "Rumore"), ("option", "Centro storico"), (".call", "112"),
    )),
    Shot("console-map", "console", "map", size=(1280, 1000), click="#comuni button", first=".spot.alone", shows=(
        ("#chart .spot", ""), ("#chart .comune-name", "Faenza"), ("#chart .scale", "km"), ("#node .ok", "held"), ("#node", "Looks"),
        ("#node", "pictures a second"), ("#node ol", "loitering"),
    )),
    Shot("console-phone", "console", "map", PHONE, "it", first=".node.alone", shows=(
        (".comune h3", "Faenza"), ("#comuni .node.up", "attivo"), ("#coverage", "nodi"), ("#map h2", "Nodi"),
    )),
)  # fmt: skip


def addresses(said: str) -> dict[str, str]:
    """Where the pages of a simulated union are, from what its command has printed; empty before all of them are."""
    patterns = {
        "console": r"open (http\S+)",
        "citizens": r"for citizens (http\S+)",
        "form": r"report something (http\S+)",
    }
    found = {name: re.search(pattern, said) for name, pattern in patterns.items()}
    return {name: match[1] for name, match in found.items() if match} if all(found.values()) else {}


@contextmanager
def police_page(folder: Path) -> Iterator[str]:
    """The address of the police's own console beside a simulated union, whose files are in `folder`."""
    config = json.loads((folder / "form.yaml").read_text())["uplink"]["broker"]
    reach = ["--broker", f"{config['host']}:{config['port']}", "--keys", str(folder / "keys"), "--name", POLICE]
    kept = ["--db", str(folder / "events.sqlite"), "--log", str(folder / "police.access"), "--port", "0"]
    command = [sys.executable, "-m", "agent", "console", str(folder), *reach, *kept]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as console:
        try:
            said = console.stdout.readline() if console.stdout else ""
            yield said.removeprefix("open ").strip()
        finally:
            console.terminate()


def opened(browser: Browser, where: dict[str, str], shot: Shot) -> tuple[BrowserContext, Page]:
    """A page as the picture has it, when it shows everything that it should."""
    locale = {"en": "en-GB", "it": "it-IT"}[shot.language]
    context = browser.new_context(viewport={"width": shot.size[0], "height": shot.size[1]}, locale=locale)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(where[shot.page])
    if shot.page in ("console", "police"):
        page.wait_for_selector("body[data-ready]")
        if shot.before:
            page.click(f"#tab-{shot.before}")
            page.wait_for_selector("#rows tbody tr")
        tab, _, kind = shot.tab.partition("-")
        page.click(f"#tab-{tab}")
        if kind:
            page.select_option("#search select[name=kind]", kind)
            page.click("#search button")
    if shot.click:
        page.locator(shot.click).first.click()
        page.evaluate("scrollTo(0, 0)")
    for place, text in shot.shows:
        page.locator(place).filter(has_text=text).first.wait_for(state="attached" if place == "option" else "visible")
    return context, page
