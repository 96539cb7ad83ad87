"""The page in the states that an operator meets on a bad day: nothing there, no broker, a silent node, a crowd of nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from agent.clock import SimulatedClock
from agent.console.room import LATER_S
from agent.contract.envelope import open_envelope
from agent.contract.topics import NodeName
from agent.governance import places
from agent.records import Event, Phase, Reason, Severity
from agent.simulation import stage
from agent.simulation.nodes import SimulatedNode
from agent.simulation.script import CAMERA, GATE
from agent.subscriber.board import SILENT_S
from agent.subscriber.holding import Item
from agent.subscriber.store import Store
from agent.transport.memory import MemoryBroker
from tests.console.rooms import NOON, Place, place, signer
from tests.console.served import Served, served
from tests.console.shots import PATIENCE_MS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

expect.set_options(timeout=PATIENCE_MS)
TABS = ("now", "map", "history", "week", "chain")
FOR_MINUTES = re.compile(r"SILENT while its neighbours speak · for \d+ min")
STAY = Reason(f"{GATE}/person/stay_s", "stay", 240.0, 180.0)


@pytest.fixture
def desk(browser) -> Iterator[Page]:
    yield from shown(browser, 1280, 900)


@pytest.fixture
def phone(browser) -> Iterator[Page]:
    yield from shown(browser, 390, 800)


def shown(browser: Browser, width: int, height: int, *, locale: str = "en-GB") -> Iterator[Page]:
    """A page in a dark room."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale=locale, color_scheme="dark")
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def built(tmp_path) -> Place:
    """Eight nodes whose store is empty."""
    return place(tmp_path, days=0.0)


@pytest.fixture
def console(built) -> Iterator[Served]:
    yield from opened(built)


def opened(built: Place) -> Iterator[Served]:
    broker = MemoryBroker(SimulatedClock(NOON))
    desktop = built.desktop(broker=broker)
    desktop.room.desk.began = NOON
    ground = places.load(built.town.folder, built.town.union)
    with served(replace(desktop, ground=ground), broker) as console:
        console.begin()
        yield console


def nodes(built: Place) -> list[SimulatedNode]:
    return [SimulatedNode(node.name, signer(str(node.name)), SimulatedClock(NOON)) for node in built.nodes]


def stay(phase: Phase = Phase.OPENED, *, name: str = "one", at: float = NOON) -> Event:
    return Event(name, "stays", "loitering", phase, Severity.NOTICE, at, CAMERA, STAY, GATE, "person")


def look(page: Page, console: Served) -> None:
    page.goto(console.address)
    page.wait_for_selector("body[data-ready]")


def fits(page: Page) -> bool:
    """Nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def findings(page: Page, tabs: Sequence[str] = TABS) -> list[str]:
    """What axe-core says of each view, and what does not fit."""
    found = []
    for tab in tabs:
        page.click(f"#tab-{tab}")
        expect(page.locator(f"#{tab}")).to_be_visible()
        found += [f"{tab}: {one['id']}: {one['nodes'][0]['html']}" for one in Axe().run(page).response["violations"]]
        found += [] if fits(page) else [f"{tab}: too wide"]
    return found


def test_an_empty_store_and_nodes_that_were_never_heard(phone, console):
    look(phone, console)
    expect(phone.locator("#calm")).to_have_text("No event is open.")
    assert findings(phone) == []
    phone.click("#tab-map")
    phone.locator("#comuni button").first.click()
    expect(phone.locator("#node .state")).to_contain_text("not heard yet")
    expect(phone.locator("#node dl")).to_contain_text("not since")


def test_a_broker_that_dies_and_returns(phone, console, built):
    """The page says so at once; what was closed meanwhile is closed when the store has told."""
    node = nodes(built)[0]
    console.hear(*node.seal(stay()), *node.seal(stay(name="two")))
    look(phone, console)
    expect(phone.locator("#open li")).to_have_count(2)
    console.broker.up = False
    console.broker.crash()
    console.turn()
    expect(phone.locator("#broker")).to_contain_text("NO BROKER")
    assert findings(phone, ["now", "map"]) == []
    missed = node.seal(stay(Phase.CLOSED, at=NOON + 9))
    keep(built, missed)
    console.broker.up = True
    for later_s in LATER_S:
        console.turn()
        console.desktop.room.clock.sleep(later_s)
    console.turn()
    expect(phone.locator("#broker")).to_have_text("Connected to the broker")
    expect(phone.locator("#open li")).to_have_count(1)


def keep(built: Place, said) -> None:
    """The store has heard it."""
    store = Store(built.database)
    store.commit([Item(open_envelope(one.token, built.ring), one.token.decode()) for one in said], at=NOON)
    store.close()


def test_a_node_that_is_silent_while_its_neighbours_speak_is_raised_on_every_view(desk, console, built):
    """In words, at the top, with the way to it; its neighbours are in the same comune."""
    first, *others = nodes(built)
    clock = console.desktop.room.clock
    console.hear(*(node.birth() for node in (first, *others)))
    for _ in range(2):
        clock.sleep(SILENT_S * 0.6)
        console.hear(*(node.birth() for node in others))
    look(desk, console)
    for tab in TABS:
        desk.click(f"#tab-{tab}")
        expect(desk.locator("#raised[role=alert]")).to_contain_text(
            "Silent while its neighbours speak: n-0001 (Faenza) since"
        )
    assert desk.title().startswith("⚠")
    assert findings(desk, ["now", "map"]) == []
    desk.click("#raised button")
    expect(desk.locator("#node .state")).to_contain_text(FOR_MINUTES)
    expect(desk.locator("#chart .spot.alone")).to_have_attribute("aria-label", FOR_MINUTES)
    console.hear(first.birth())
    expect(desk.locator("#raised")).not_to_contain_text("n-0001")


def test_the_map_is_walked_with_the_keyboard_alone(desk, console, built):
    console.hear(*(node.birth() for node in nodes(built)))
    look(desk, console)
    desk.focus("#tab-now")
    desk.keyboard.press("ArrowRight")
    for _ in range(20):
        desk.keyboard.press("Tab")
        if desk.evaluate("document.activeElement.classList.contains('spot')"):
            break
    chosen = []
    for key in ("0", "ArrowUp", "ArrowLeft", "ArrowDown"):
        desk.keyboard.press(key)
        chosen.append(desk.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert len(set(chosen)) > 1
    desk.keyboard.press("Enter")
    if not desk.locator("#chart .spot:focus .sign[d]").count():
        desk.keyboard.press("Enter")
    desk.keyboard.press("Enter")
    expect(desk.locator("#node h3")).to_be_visible()


def test_six_hundred_nodes_with_long_names(phone, tmp_path):
    """Names as long as the contract lets them be break no view, and every node is on the map."""
    built = place(tmp_path, days=0.0)
    whole = stage.write(tmp_path / "large", nodes=600, seed=1, at=NOON, broken_at=NOON)
    for console in opened(replace(built, town=whole)):
        name = NodeName(stage.UNION, "faenza", "n-0001")
        speaking = SimulatedNode(name, signer(str(name)), SimulatedClock(NOON))
        console.hear(speaking.birth(), *(one for number in range(30) for one in speaking.seal(stay(name=f"{number}"))))
        look(phone, console)
        phone.click("#tab-map")
        expect(phone.locator("#comuni button")).to_have_count(601)
        counted = (
            "[...document.querySelectorAll('#chart .count')].reduce((sum, one) => sum + Number(one.textContent), 0)"
        )
        alone = "document.querySelectorAll('#chart .spot .sign[d]').length"
        assert phone.evaluate(f"{counted} + {alone}") == 600
        assert fits(phone)


def test_an_address_that_has_ended_says_what_to_do(phone, console):
    phone.goto(console.address.partition("?")[0])
    expect(phone.locator("#broker")).to_contain_text("open the address that `piazza console` printed")
    answer = phone.goto(f"{console.address}x")
    assert answer is not None
    assert answer.status == 401
    expect(phone.locator("body")).to_contain_text("take the one that `piazza console` printed last")


def test_a_page_that_opens_later_names_what_was_not_believed(desk, console):
    """Nobody sat there when it came, and no archive has it."""
    name = NodeName(stage.UNION, "faenza", "n-0001")
    console.hear(SimulatedNode(name, signer("thief"), SimulatedClock(NOON)).birth())
    look(desk, console)
    expect(desk.locator("#alarm-text")).to_contain_text("faenza/n-0001/state")
    desk.click("#dismiss")
    expect(desk.locator("#alarm")).to_be_hidden()


def test_a_store_that_fails_is_told_and_the_page_goes_on(desk, console, built):
    look(desk, console)
    console.desktop.archive.close()
    desk.click("#tab-history")
    expect(desk.locator("#alarm")).to_be_visible()
    desk.click("#dismiss")
    desk.click("#tab-now")
    expect(desk.locator("#calm")).to_be_visible()


def test_a_console_that_has_ended_is_told_on_its_page(desk, built):
    for console in opened(built):
        look(desk, console)
        expect(desk.locator("#broker")).to_have_text("Connected to the broker")
    expect(desk.locator("#broker")).to_contain_text("THE CONSOLE DOES NOT ANSWER")
