"""The page in a real browser, before a whole simulated union: read, judged, by keyboard, on a phone, in two languages."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from agent.clock import SystemClock
from agent.contract.audit import judge
from agent.provision.keys import load_ring
from tests.console.shots import PATIENCE_MS, SHOTS, addresses, opened, police_page

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

START_S = 200.0
expect.set_options(timeout=PATIENCE_MS)
NODES = 13
"""Twelve gates and the report form."""

TABS = ("now", "map", "history", "week", "chain")


@pytest.fixture(scope="module")
def union(program, tmp_path_factory) -> Iterator[tuple[dict[str, str], Path]]:
    """The addresses of all pages, and the folder of the union; the whole is started and ended by one command."""
    program("mosquitto")
    folder = tmp_path_factory.mktemp("union") / "files"
    log = folder.with_name("log")
    command = [
        "union",
        "simulate",
        "--folder",
        str(folder),
        "--nodes",
        "12",
        "--days",
        "0.5",
        "--port",
        "0",
        "--events",
        "60",
    ]
    with log.open("wb") as said:
        process = subprocess.Popen([sys.executable, "-m", "agent", *command], stdout=said, stderr=said)
    try:
        found = pages(process, log)
        with police_page(folder) as police:
            yield found | {"police": police}, folder
    finally:
        process.terminate()  # whoever runs us in the background may have had SIGINT ignored
        process.wait(START_S)
    assert re.search(r"union: 12 nodes, (\d+) records told, \1 stored", log.read_text())


def pages(process, log) -> dict[str, str]:
    clock = SystemClock()
    until = clock.monotonic() + START_S
    while clock.monotonic() < until and process.poll() is None:
        if found := addresses(log.read_text()):
            return found
        clock.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(params=["desk", "phone"])
def page(request, browser, union) -> Iterator[Page]:
    size = {"desk": (1280, 900), "phone": (390, 800)}[request.param]
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="it-IT")
    context.set_default_timeout(PATIENCE_MS)
    made = context.new_page()
    said: list[str] = []
    made.on("pageerror", lambda error: said.append(str(error)))
    made.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    made.goto(union[0]["console"])
    made.wait_for_selector("body[data-ready]")
    yield made
    context.close()
    assert said == []


def test_nobody_is_kept_out_by_how_the_page_is_made(page):
    """No finding of axe-core on any of its five views, in the light and in the dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for tab in TABS:
            page.click(f"#tab-{tab}")
            page.wait_for_timeout(300)
            found = Axe().run(page).response["violations"]
            assert [(tab, scheme, one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_the_page_speaks_italian_and_english(page):
    assert page.inner_text("#tab-now") == "Adesso"
    page.click("#language")
    assert page.inner_text("#tab-now") == "Now"
    assert page.get_attribute("html", "lang") == "en"
    page.click("#language")


def test_events_come_by_themselves_and_are_judged_with_one_key(page, union):
    """The verdict comes back from the broker, signed by the operator, and stands beside the event."""
    page.wait_for_selector("#open li")
    page.focus("#open")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("2")
    expect(page.locator("#detail dd").last).to_contain_text("room (sala operativa): utile")
    (log,) = (union[1] / "events.sqlite.access").glob("*.room.jws")
    assert judge(log.read_bytes().splitlines(), load_ring(union[1] / "keys" / "ring.json")).whole


def test_every_node_of_the_union_is_on_the_map(page):
    page.click("#tab-map")
    expect(page.locator("#comuni .node")).to_have_count(NODES)
    expect(page.locator("#comuni .comune")).to_have_count(6)


def test_a_node_is_found_on_the_map_and_looked_at_closely(page):
    """Where it stands, what its camera covers, its chain, its machine and what it saw last."""
    page.click("#tab-map")
    page.select_option("#where", "faenza")
    expect(page.locator("#chart .view.up").first).to_be_visible()
    page.locator("#chart .spot").first.click()
    for text in ("Faenza", "attivo", "conservati", "immagini al secondo", "processore", "Guarda", "Ultimi eventi"):
        expect(page.locator("#node")).to_contain_text(text)


def test_history_is_searched(page):
    page.click("#tab-history")
    page.wait_for_selector("#rows tbody tr")
    page.select_option("#search select[name=kind]", "occupancy")
    page.click("#search button")
    expect(page.locator("#rows tbody tr").first).to_contain_text("affollamento")
    expect(page.locator("#rows tbody tr", has_text="sosta")).to_have_count(0)


def test_a_week_is_a_heat_map_of_seven_days(page):
    page.click("#tab-week")
    page.wait_for_selector("#heat tbody tr")
    expect(page.locator("#heat tbody tr")).to_have_count(7)
    assert page.locator("#heat td:not(:empty)").count() >= 12


def test_the_chains_are_whole(page):
    """As soon as the store has what was told last; nobody has to ask again."""
    page.click("#tab-chain")
    expect(page.locator("#chains .ok")).to_have_count(NODES)


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_the_pages_show_what_the_pictures_of_the_guides_claim(browser, union, shot):
    """And nobody is kept out of the page in the picture: no finding of axe-core."""
    context, page = opened(browser, union[0], shot)
    found = Axe().run(page).response["violations"]
    context.close()
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_what_somebody_reports_is_on_the_page_as_not_verified(page, browser, union):
    """From the form on the citizens' site to the operator's list, over signatures, broker and store."""
    context = browser.new_context(locale="it-IT")
    context.set_default_timeout(PATIENCE_MS)
    form = context.new_page()
    form.goto(union[0]["form"])
    form.check("input[value=smoke]")
    form.select_option("#area", "borgo")
    form.click("button")
    expect(form.locator("[role=status]")).to_contain_text("Grazie")
    context.close()
    line = page.locator("#open li", has_text="fumo o fuoco")
    expect(line).to_contain_text("NON VERIFICATO")


def test_exporters_were_driven_too(union):
    exports = union[1] / "exports"
    assert (exports / "alerts.xml").read_text().count("<alert") >= 1
    assert all(path.stat().st_size for path in exports.iterdir())
    assert len(list(exports.iterdir())) == 5
