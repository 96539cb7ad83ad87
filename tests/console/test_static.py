"""The citizens' pages without a web server: opened from a folder, as whoever hosts them would first look at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from agent import cli
from agent.console import form_page
from agent.console.form_server import PATH
from agent.contract.topics import NodeName
from agent.simulation.stage import COMUNI, SQUARE
from tests.console import test_form
from tests.console.rooms import place
from tests.console.shots import PATIENCE_MS
from tests.console.test_states import shown
from tests.subscriber.parts import looking

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(params=[1280, 390])
def page(request, browser) -> Iterator[Page]:
    """A page that notes whatever it asks for."""
    yield from shown(browser, request.param, 800, locale="it-IT")


def findings(page: Page) -> list[str]:
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme} {one['id']}: {one['nodes'][0]['html']}" for one in Axe().run(page).response["violations"]]
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    return [*found, "too wide"] if wide else found


def test_the_citizens_site_is_read_from_a_folder(page, tmp_path, monkeypatch):
    """Every page of it, on a desk and on a phone, without a request to anywhere."""
    made = place(tmp_path / "union")
    looking(tmp_path, made.ring, "publisher", NodeName.parse(SQUARE))
    monkeypatch.chdir(tmp_path)
    options = ["--db", "union/events.sqlite", "--days", "100000", "--signer", "publisher.pem"]
    assert cli.main(["public", "union", *options]) == 0
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    site = (tmp_path / "public").as_uri()
    page.goto(f"{site}/index.html")
    expect(page.locator("h1")).to_contain_text("i numeri delle piazze")
    assert findings(page) == []
    for comune, name in COMUNI.items():
        page.click(f"a[href='avviso-{comune}.html']")
        expect(page.locator("body")).to_contain_text(name)
        assert findings(page) == []
        page.go_back()
    assert {url.rpartition("/")[0] for url in asked if not url.startswith("data:")} == {site}


def test_the_report_form_is_sent_from_a_folder(page, tmp_path):
    """Its policy lets it go to the form's own address and to no other."""
    with ExitStack() as stack:
        form = test_form.Place(tmp_path, stack)
        file = Path(tmp_path / "segnala.html")
        file.write_text(form_page.form(form.server.settings, to=form.server.address.rstrip("/") + PATH))
        page.goto(file.as_uri())
        assert findings(page) == []
        page.check("input[value=noise]")
        page.select_option("#area", "centro")
        page.evaluate("setTimeout(() => document.querySelector('button').click())")
        for _ in range(PATIENCE_MS // 50):
            form.desk.run_once(0.05)
            if form.events():
                break
        expect(page.locator("[role=status]")).to_contain_text("Grazie")
        (event,) = form.events()
        assert event.topic.type == "report"
