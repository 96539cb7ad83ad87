"""An operator's night before the page: a long list, a wrong key, a call for help while nobody looks, a report to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from agent.clock import SimulatedClock
from agent.contract.envelope import open_envelope
from agent.contract.types import AckData, AuditData
from agent.records import Event, Phase, Reason, Severity
from agent.simulation.nodes import SimulatedNode
from tests.console.rooms import NOON, Place, place, signer
from tests.console.served import Served
from tests.console.shots import PATIENCE_MS
from tests.console.test_states import fits, keep, look, nodes, opened, shown, stay

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

expect.set_options(timeout=PATIENCE_MS)
SIZES = ((1280, 900), (390, 800))
COUNT_TONES = """
window.tones = 0;
const Real = OscillatorNode;
window.OscillatorNode = class extends Real { constructor(...given) { super(...given); window.tones += 1; } };
"""
HELD = """
const real = setTimeout;
window.setTimeout = (call, ms, ...given) => real(call, ms === 5000 ? 1e8 : ms, ...given);
"""
"""The seconds in which a verdict can be taken back do not end, however slow this machine is."""
HURRIED = """
const real = setTimeout;
window.setTimeout = (call, ms, ...given) => real(call, ms >= 15000 ? 100 : ms, ...given);
"""
"""An open view is drawn anew as soon as it was drawn."""


@pytest.fixture(params=SIZES, ids=["desk", "phone"])
def page(request, browser) -> Iterator[Page]:
    yield from shown(browser, *request.param, locale="it-IT")


@pytest.fixture
def built(tmp_path) -> Place:
    return place(tmp_path, days=0.0)


@pytest.fixture
def console(built) -> Iterator[Served]:
    yield from opened(built)


def pressed() -> Event:
    reason = Reason("pressed", "button", 1.0)
    return Event("help", "help", "help-button", Phase.OPENED, Severity.ALARM, NOON, "button", reason)


def said(console: Served, page: Page) -> list[str]:
    """Verdicts that have left the page, once there is one."""
    for _ in range(PATIENCE_MS // 100):
        console.turn()
        if found := [message for message in console.broker.log if "/ack/" in message.topic]:
            news = [console.desktop.room.reader.read(one) for one in found]
            return [
                str(one.envelope.data.verdict)
                for one in news
                if one.envelope and isinstance(one.envelope.data, AckData)
            ]
        page.wait_for_timeout(100)
    return []


def findings(page: Page) -> list[str]:
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in Axe().run(page).response["violations"]]


def test_a_wrong_key_is_taken_back(page, console, built):
    """Of two verdicts the one that was taken back has not left; the node would have learned from the first."""
    console.hear(*(one for name in ("one", "two") for one in nodes(built)[0].seal(stay(name=name))))
    page.add_init_script(HELD)
    look(page, console)
    page.focus("#open")
    page.keyboard.press("3")
    expect(page.locator("#waiting")).to_contain_text("Parte fra 5 secondi: falso")
    assert findings(page) == []
    assert fits(page)
    page.keyboard.press("Escape")
    expect(page.locator("#waiting")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("2")
    expect(page.locator("#waiting")).to_contain_text("utile")
    page.goto("about:blank")
    assert said(console, page) == ["useful"]


def test_a_verdict_leaves_with_whoever_closes_the_page(page, console, built):
    console.hear(*nodes(built)[0].seal(stay()))
    look(page, console)
    page.keyboard.press("2")
    page.goto("about:blank")
    assert said(console, page) == ["useful"]


def test_thirty_events_are_gone_through_with_two_keys(page, console, built):
    """What has a verdict says so in the list, and `n` goes to the next that has none."""
    node = nodes(built)[0]
    console.hear(*(one for number in range(30) for one in node.seal(stay(name=f"{number}", at=NOON - number))))
    look(page, console)
    expect(page.locator("#open-title")).to_have_text("Eventi aperti (30)")
    first = page.locator("#open li").first
    page.keyboard.press("2")
    page.keyboard.press("n")
    expect(page.locator("#open li[aria-selected=true]")).not_to_have_id(str(first.get_attribute("id")))
    page.keyboard.press("3")
    for _ in range(PATIENCE_MS // 100):
        console.turn()
        if page.locator("#open li", has_text="✓").count() > 1:
            break
        page.wait_for_timeout(100)
    expect(page.locator("#open li", has_text="✓ utile")).to_have_count(1)
    expect(page.locator("#open li", has_text="✓ falso")).to_have_count(1)
    expect(page.locator("#open-title")).to_have_text("Eventi aperti (30, 28 senza verdetto)")


def test_a_help_button_is_heard_by_whoever_wants_to_hear(page, console, built):
    """Once the sound is on; the title says how many calls nobody has answered."""
    page.add_init_script(COUNT_TONES)
    look(page, console)
    expect(page.locator("#sound")).to_have_text("Suono spento")
    page.click("#sound")
    expect(page.locator("#sound")).to_have_text("Suono acceso")
    tried = page.evaluate("tones")
    assert tried > 0
    node = nodes(built)[0]
    console.hear(*node.seal(stay()))
    expect(page.locator("#open li")).to_have_count(1)
    assert page.evaluate("tones") == tried  # a stay is no call
    console.hear(*node.seal(pressed()))
    expect(page).to_have_title("(1) Piazza")
    assert page.evaluate("tones") > tried
    page.keyboard.press("Shift")
    expect(page).to_have_title("Piazza")


def test_without_the_sound_nothing_is_heard_and_the_title_tells(page, console, built):
    page.add_init_script(COUNT_TONES)
    look(page, console)
    console.hear(*nodes(built)[0].seal(pressed()))
    expect(page).to_have_title("(1) Piazza")
    assert page.evaluate("tones") == 0


def test_an_open_view_is_drawn_anew_by_itself_and_is_one_look(page, console, built):
    """What is in the store later stands there without a click, and the log has one record of the history."""
    page.add_init_script(HURRIED)
    look(page, console)
    page.click("#tab-history")
    expect(page.locator("#found")).to_have_text("0 eventi")
    for number in (1, 2):
        node = SimulatedNode(built.nodes[number].name, signer(str(built.nodes[number].name)), SimulatedClock(NOON))
        keep(built, node.seal(stay(name=f"{number}")))
        expect(page.locator("#rows tbody tr")).to_have_count(number)
    told = [open_envelope(line, built.ring).data for line in console.desktop.log.path.read_bytes().splitlines()]
    assert [one.subject for one in told if isinstance(one, AuditData)].count("events") == 1


def test_an_event_has_a_sheet_that_proves_it_and_an_address_for_a_colleague(page, console, built, browser):
    """Number, digest and key of each message, who looked, and nothing else of the page on paper."""
    node = nodes(built)[0]
    told = [
        *node.seal(stay()),
        *node.seal(replace(stay(Phase.CLOSED, at=NOON + 60), duration_s=60.0, closed_by="rule")),
    ]
    keep(built, told)
    look(page, console)
    page.click("#tab-history")
    page.locator("#rows a").first.click()
    sheet = page.locator("#sheet")
    expect(sheet.locator("tbody tr")).to_have_count(2)
    for text in ("sosta prolungata", str(node.name), "romagna-faentina/centre/room", "autentico"):
        expect(sheet).to_contain_text(text)
    assert findings(page) == []
    page.emulate_media(media="print")
    expect(page.locator("nav")).to_be_hidden()
    expect(page.locator("#sheet-print")).to_be_hidden()
    expect(sheet.locator("table")).to_be_visible()
    page.emulate_media(media="screen")
    expect(page).to_have_url(re.compile("#event/"))
    address = page.url
    assert "key=" not in address
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page).to_have_url(re.compile("#history$"))
    colleague = page.context.new_page()
    colleague.goto(address)
    expect(colleague.locator("#sheet tbody tr")).to_have_count(2)


def test_an_address_of_no_event_says_so(page, console):
    look(page, console)
    page.goto(console.address.partition("?")[0] + f"#event/romagna-faentina/faenza/n-0001/{'0' * 16}/{NOON}")
    expect(page.locator("#alarm")).to_contain_text("the store has no such event for your role")
    expect(page.locator("#sheet")).to_be_hidden()
