"""The page's answers: nothing without the secret, every access in the log, a verdict only where the role has one."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from agent.clock import SimulatedClock
from agent.console.app import COOKIE, QUEUED, _queue, application
from agent.console.archive import Archive
from agent.console.items import Item
from agent.console.search import Question
from agent.contract.audit import judge
from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.contract.types import AuditData
from agent.provision.keys import save_ring
from agent.provision.ring_file import RingFile
from agent.simulation.stage import POLICE, ROOM
from agent.transport.memory import MemoryBroker
from tests.console.rooms import NOON, Place, place

PATHS = [
    "/api/me",
    "/api/now",
    "/api/live",
    "/api/map",
    "/api/node",
    "/api/events",
    "/api/week",
    "/api/chains",
    "/api/event",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Place:
    return place(tmp_path_factory.mktemp("place"), days=0.3)


@pytest.fixture
def broker():
    return MemoryBroker(SimulatedClock(NOON))


@pytest.fixture
def desktop(built, broker):
    made = built.desktop(broker=broker)
    yield made
    made.archive.close()


@pytest.fixture
def page(desktop) -> Iterator[TestClient]:
    """A browser that has opened the address."""
    with TestClient(application(desktop)) as client:
        client.get("/", params={"key": desktop.secret})
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_without_the_secret_nothing_is_shown(desktop, path):
    with TestClient(application(desktop)) as stranger:
        assert stranger.get(path).status_code == 401
        assert stranger.get("/", params={"key": "guess"}).status_code == 401


@pytest.mark.parametrize("key", ["é", "日本", "\x00", "x" * 10_000])
def test_a_key_of_strange_letters_is_a_wrong_key(desktop, key):
    """Whoever guesses is refused and noted, whatever they send."""
    with TestClient(application(desktop)) as stranger:
        assert stranger.get("/", params={"key": key}).status_code == 401
        cookie = f"{COOKIE}=".encode() + key.encode("utf-8").replace(b"\x00", b"\xff")
        assert stranger.get("/api/now", headers={"cookie": cookie}).status_code == 401


def test_the_secret_leaves_the_address_bar(desktop):
    with TestClient(application(desktop), follow_redirects=False) as client:
        answer = client.get("/", params={"key": desktop.secret})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "samesite=strict" in answer.headers["set-cookie"].lower()


def test_the_page_may_load_nothing_from_elsewhere(page):
    answer = page.get("/")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "http" not in answer.text.replace("http-equiv", "")


def test_it_says_who_looks(page):
    me = page.get("/api/me").json()
    assert (me["role"], me["may_judge"], len(me["comuni"])) == ("operator", True, 6)


def test_now_history_weeks_and_chains_are_answered(page, built):
    assert len(page.get("/api/now").json()["nodes"]) == 9
    assert page.get("/api/events", params={"since": "2026-06-02T00:00:00.000Z"}).json()
    week = {"node": str(built.nodes[0].name), "quantity": "gate/person/left"}
    assert page.get("/api/week", params=week).json()["cells"]
    assert len(page.get("/api/chains").json()["chains"]) == 8


def test_a_broker_that_refuses_us_is_told_with_its_reason(page, desktop, broker):
    """Such as with a certificate that has expired."""
    broker.refused[ROOM.replace("/", ".")] = "our certificate has expired"
    desktop.room.transport.open()
    desktop.room.run_once()
    now = page.get("/api/now").json()
    assert (now["connected"], now["why"]) == (False, "our certificate has expired")


def test_a_wrong_question_is_refused_with_a_word(page):
    assert page.get("/api/events", params={"since": "yesterday"}).status_code == 400


def test_a_verdict_leaves_signed_under_the_nodes_topic(page, desktop, built, broker):
    desktop.room.transport.open()
    desktop.room.run_once()
    (item, *_) = page.get("/api/now").json()["open"] or page.get("/api/events").json()
    given = {"node": item["node"], "event": item["id"], "verdict": "useful"}
    assert page.post("/api/verdict", content=json.dumps(given)).json() == {"said": "useful"}
    desktop.room.run_once()
    (message,) = [message for message in broker.log if "/ack/" in message.topic]
    news = desktop.room.reader.read(message)
    assert news.envelope is not None
    assert (news.envelope.data.event, news.envelope.data.verdict) == (item["id"], "useful")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"node": "romagna-faentina/faenza/n-0001", "event": "0" * 16, "verdict": "guilty"}, 400),
        ({"node": "romagna-faentina/faenza/n-0001", "event": "x", "verdict": "false"}, 400),
        ({"node": "not a node", "event": "0" * 16, "verdict": "false"}, 400),
        ({"node": "elsewhere/faenza/n-0001", "event": "0" * 16, "verdict": "false"}, 403),
        ({}, 400),
    ],
)
def test_a_verdict_that_is_none_goes_nowhere(page, given, code):
    assert page.post("/api/verdict", content=json.dumps(given)).status_code == code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"useful"',
        b"\xff",
        b'{"node": 7, "event": [], "verdict": {}}',
        b"[" * 900,
        b" " * 2000,
    ],
)
def test_what_is_no_verdict_at_all_is_refused_with_one_sentence(page, body):
    answer = page.post("/api/verdict", content=body)
    assert (answer.status_code, answer.text.partition("\n")[0]) == (400, "no such verdict or event")


def test_no_other_site_may_post(page):
    given = {"node": "romagna-faentina/faenza/n-0001", "event": "0" * 16, "verdict": "false"}
    answer = page.post("/api/verdict", content=json.dumps(given), headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 401


def test_what_a_revoked_key_signed_is_shown_no_more(desktop, built, tmp_path):
    """Neither live nor from the store, while the page stays open."""
    save_ring(tmp_path / "ring.json", built.ring)
    file = RingFile(tmp_path / "ring.json")
    archive = Archive(built.where, file.ring, built.sight())
    desktop.room.look = file.look
    whose = {event["node"] for event in archive.events(Question(), at=NOON)}
    revoked = min(whose)
    others = KeyRing()
    for key in built.ring:
        if key.subject != revoked:
            others.add(key)
    save_ring(tmp_path / "ring.json", others)
    desktop.room.run_once()
    assert {event["node"] for event in archive.events(Question(), at=NOON)} == whose - {revoked}
    archive.close()


def test_the_police_judge_only_where_they_have_an_agreement(built):
    desktop = built.desktop(POLICE, MemoryBroker(SimulatedClock(NOON)))
    with TestClient(application(desktop)) as page:
        page.get("/", params={"key": desktop.secret})
        for comune, code in (("riolo/n-0005", 403), ("faenza/n-0001", 200)):
            given = {"node": f"romagna-faentina/{comune}", "event": "0" * 16, "verdict": "false"}
            assert page.post("/api/verdict", content=json.dumps(given)).status_code == code
    desktop.archive.close()


def test_every_access_is_signed_for_and_none_can_be_taken_out(desktop, page, built):
    path = desktop.log.path
    for comune in ("faenza", "solarolo", "riolo"):
        page.get("/api/events", params={"comune": comune})
    lines = path.read_bytes().splitlines()
    (told,) = (open_envelope(lines[-1], built.ring),)
    asked = hashlib.sha256(b"/api/events?comune=riolo").hexdigest()
    assert told.data == AuditData(action="access", subject="events", outcome="shown", digest=asked)
    assert (told.key.role, judge(lines, built.ring).whole) == ("operator", True)
    assert not judge([*lines[:-2], lines[-1]], built.ring).whole


def test_a_view_that_draws_itself_anew_is_one_look(page, desktop, built):
    """Until an hour has passed, or something else is asked for."""

    def looks(*asked: str) -> int:
        before = len(desktop.log.path.read_bytes().splitlines())
        for path in asked:
            assert page.get(path, headers={"piazza-again": "1"}).status_code == 200
        return len(desktop.log.path.read_bytes().splitlines()) - before

    page.get("/api/chains")
    assert looks(*["/api/chains"] * 5) == 0
    assert looks("/api/events", "/api/events") == 1
    desktop.clock.sleep(3600.0)
    assert looks("/api/chains", "/api/chains") == 1


def test_a_sheet_holds_every_word_of_a_happening_with_what_proves_it(page, built):
    closed = next(item for item in page.get("/api/events").json() if item["phase"] == "closed")
    asked = {"node": closed["node"], "event": closed["id"], "at": closed["at"]}
    sheet = page.get("/api/event", params=asked).json()
    assert [one["phase"] for one in sheet["messages"]] == ["opened", "closed"]
    digests = {open_envelope(one.token, built.ring).digest for one in built.told if b"." in one.token}
    assert {one["digest"] for one in sheet["messages"]} <= digests
    assert (sheet["event"]["id"], sheet["messages"][-1]["seq"]) == (closed["id"], closed["seq"])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"event": "0" * 16, "at": NOON}, 404),
        ({"event": "' OR 1=1 --", "at": NOON}, 404),
        ({"event": "0" * 16, "at": "now"}, 400),
        ({"event": "0" * 16, "at": "9" * 400}, 400),
        ({"node": "nobody", "event": "0" * 16, "at": NOON}, 400),
    ],
)
def test_a_sheet_of_nothing_is_none(page, asked, code):
    assert page.get("/api/event", params={"node": "romagna-faentina/faenza/n-0001", **asked}).status_code == code


def test_for_a_page_that_reads_no_more_nothing_piles_up():
    """When it reads again it begins anew."""
    waiting: asyncio.Queue[list[Item]] = asyncio.Queue()
    for number in range(QUEUED * 3):
        _queue(waiting, [{"kind": "event", "number": number}])
        assert waiting.qsize() <= QUEUED
    held = [waiting.get_nowait() for _ in range(waiting.qsize())]
    assert held[0] == [{"kind": "again"}]
    assert held[-1] == [{"kind": "event", "number": QUEUED * 3 - 1}]
