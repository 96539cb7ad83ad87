"""The page and its answers over HTTP: the only import of Starlette.

Whoever has the secret of this start (printed once, in the address) gets a cookie that scripts cannot
read; without it everything is refused. Nothing is loaded from elsewhere, and no other site may frame
the page or post to it.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from agent.clock import Clock
from agent.console.archive import Archive
from agent.console.items import Item
from agent.console.looks import Looks
from agent.console.places import shown
from agent.console.room import BEHIND, Room
from agent.console.search import Question
from agent.console.spoken import VERDICTS, spoken
from agent.contract.times import seconds
from agent.contract.topics import NodeName
from agent.errors import Refused, StoreError, UserError
from agent.governance.places import Ground
from agent.governance.rights import EVENT_KINDS
from agent.subscriber.accesses import AccessLog

PAGE = Path(__file__).parent / "page"
COOKIE = "piazza"
BEAT_S = 5.0
QUEUED = 600
"""Batches that wait for a page: what comes in a minute or more."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
AGAIN = "piazza-again"
"""What a page says with a question that it asks by itself: nobody has looked anew."""

PAGES = (
    "chains.js", "console.css", "console.js", "history.js", "map.js", "node.js", "open.js", "parts.js", "ring.js", "sheet.js",
    "state.js", "verdict.js", "week.js", "words.js",
)  # fmt: skip
FILES = {"": "index.html", **{name: name for name in PAGES}}

Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Desktop:
    """What the answers are made of."""

    room: Room
    archive: Archive
    log: AccessLog
    clock: Clock
    secret: str
    ground: Ground = Ground(version=1)  # noqa: RUF009 -- it is frozen
    timezone: str = "Europe/Rome"


def new_secret() -> str:
    """What the address of one start carries."""
    return secrets.token_urlsafe(24)


def application(desktop: Desktop) -> Starlette:
    """The whole of the console as an ASGI application."""
    answers, looks = Answers(desktop), Looks()
    guarded: dict[str, Answer] = {
        "/api/me": answers.me,
        "/api/now": answers.now,
        "/api/live": answers.live,
        "/api/map": answers.map,
        "/api/node": answers.node,
        "/api/event": answers.event,
        "/api/events": answers.events,
        "/api/week": answers.week,
        "/api/chains": answers.chains,
    }
    routes = [Route(path, _guarded(desktop, looks, answer)) for path, answer in guarded.items()]
    routes.append(Route("/api/verdict", _guarded(desktop, looks, answers.verdict), methods=["POST"]))
    routes += [Route(f"/{name}", _file(desktop, file)) for name, file in FILES.items()]
    return Starlette(routes=routes)


class Answers:
    """One method for each question of the page."""

    def __init__(self, desktop: Desktop) -> None:
        self._desktop = desktop

    async def me(self, _: Request) -> Response:
        """Who looks, and what there is to look at."""
        sight, at = self._desktop.room.desk.sight, self._desktop.clock.now()
        names = {comune.id: comune.name for comune in sight.union.comuni}
        comuni = [{"id": comune, "name": names[comune]} for comune in sight.comuni(at)]
        may_judge = any(self._desktop.room.may_judge(name) for name in sight.nodes(at))
        return _json({"party": sight.party, "role": sight.role, "union": sight.union.name, "comuni": comuni,
                      "may_judge": may_judge, "kinds": EVENT_KINDS, "verdicts": VERDICTS})  # fmt: skip

    async def now(self, _: Request) -> Response:
        return _json(await run_in_threadpool(self._desktop.room.now))

    async def live(self, _: Request) -> Response:
        """A stream of server-sent events, one batch of items each."""
        return StreamingResponse(_stream(self._desktop.room), media_type="text/event-stream", headers=HEADERS)

    async def map(self, _: Request) -> Response:
        """Where nodes stand and look, and the borders of comuni."""
        return _json(shown(self._desktop.ground, self._desktop.room.desk.sight, self._desktop.clock.now()))

    async def node(self, request: Request) -> Response:
        """One node closely: what it says, what is held of it, what it saw last."""
        name, at = NodeName.parse(request.query_params.get("node", "")), self._desktop.clock.now()
        if name not in self._desktop.room.desk.sight.nodes(at):
            return PlainTextResponse("your role sees no such node", status_code=403)

        def look() -> Item:
            return self._desktop.room.chart(name) | {"held": self._desktop.archive.of_node(name, at=at)}

        return _json(await run_in_threadpool(look))

    async def event(self, request: Request) -> Response:
        """One happening with what proves it; 404 where the store has none of that name that the role sees."""
        given, at = request.query_params, self._desktop.clock.now()
        node, event, near = (
            str(NodeName.parse(given.get("node", ""))),
            given.get("event", ""),
            _number(given.get("at", "")),
        )
        found = await run_in_threadpool(self._desktop.archive.happening, node, event, near, at=at)
        return (
            _json(found) if found else PlainTextResponse("the store has no such event for your role", status_code=404)
        )

    async def events(self, request: Request) -> Response:
        question = _question(request)
        return _json(await run_in_threadpool(self._desktop.archive.events, question, at=self._desktop.clock.now()))

    async def week(self, request: Request) -> Response:
        node, quantity = request.query_params.get("node", ""), request.query_params.get("quantity", "")
        desk = self._desktop

        def look() -> Item:
            return desk.archive.week(node, quantity, at=desk.clock.now(), timezone=desk.timezone)

        return _json(await run_in_threadpool(look))

    async def chains(self, _: Request) -> Response:
        """What the store holds of each chain, the last acts, and who looked at what."""
        archive, at = self._desktop.archive, self._desktop.clock.now()

        def look() -> Item:
            return {
                "chains": archive.chains(at=at),
                "audits": archive.audits(at=at),
                "accesses": archive.accesses(at=at),
            }

        return _json(await run_in_threadpool(look))

    async def verdict(self, request: Request) -> Response:
        """A person's word on an event; refused where the role has none, or the event is not known."""
        said = spoken(await request.body())
        name = NodeName.parse(said.node)
        if not self._desktop.room.may_judge(name):
            return PlainTextResponse("your role has no say here", status_code=403)
        self._desktop.room.judge(name, said.event, said.verdict)
        return _json({"said": said.verdict})


async def _stream(room: Room) -> AsyncIterator[str]:
    """Batches as they come, and a beat where none does, so that a page that is gone is noticed."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[list[Item]] = asyncio.Queue()

    def hear(items: list[Item]) -> None:
        loop.call_soon_threadsafe(_queue, waiting, items)

    stop = room.listen(hear)
    try:
        yield "retry: 1000\n\n"
        while True:
            batch = await _next(waiting)
            yield f"data: {json.dumps(batch, ensure_ascii=False)}\n\n" if batch else ": beat\n\n"
    finally:
        stop()


def _queue(waiting: asyncio.Queue[list[Item]], items: list[Item]) -> None:
    """For a page that may have stopped to read, such as of a laptop that sleeps: what it missed is let go of."""
    if waiting.qsize() >= QUEUED:
        while not waiting.empty():
            waiting.get_nowait()
        items = [{"kind": "again"}]
    waiting.put_nowait(items)


async def _next(waiting: asyncio.Queue[list[Item]]) -> list[Item]:
    """All that waits, or nothing after a while; a page that fell far behind begins anew."""
    try:
        batch = await asyncio.wait_for(waiting.get(), BEAT_S)
    except TimeoutError:
        return []
    while not waiting.empty():
        batch = [*batch, *waiting.get_nowait()]
    return batch if len(batch) <= BEHIND else [{"kind": "again"}]


def _guarded(desktop: Desktop, looks: Looks, answer: Answer) -> Answer:
    """Only with the cookie, only from our own page, and no look without a line in the log."""

    async def guarded(request: Request) -> Response:
        allowed = _same(request.cookies.get(COOKIE, ""), desktop.secret)
        posted = request.method == "POST" and request.headers.get("sec-fetch-site", "same-origin") != "same-origin"
        what, question = request.url.path.rpartition("/")[2], f"{request.url.path}?{request.url.query}".rstrip("?")
        if not allowed or posted:
            desktop.log.write(what, question, "refused")
            return PlainTextResponse("open the address that `piazza console` printed", status_code=401)
        again = request.method == "GET" and AGAIN in request.headers
        if looks.is_new(question, at=desktop.clock.now(), again=again):
            desktop.log.write(what, question, "shown")
        try:
            return await answer(request)
        except (UserError, Refused) as error:
            return PlainTextResponse(str(error), status_code=400)
        except StoreError as error:
            return PlainTextResponse(str(error), status_code=503)

    return guarded


def _file(desktop: Desktop, name: str) -> Answer:
    async def file(request: Request) -> Response:
        if given := request.query_params.get("key"):
            if not _same(given, desktop.secret):
                return PlainTextResponse("this address has ended; take the one that `piazza console` printed last", 401)
            back = RedirectResponse("/", status_code=303, headers=HEADERS)
            back.set_cookie(COOKIE, desktop.secret, httponly=True, samesite="strict")
            return back
        return FileResponse(PAGE / name, headers=HEADERS)

    return file


def _same(given: str, secret: str) -> bool:
    """Whether somebody knows the secret; as bytes, because text that is not ASCII could not be compared in constant time."""
    return secrets.compare_digest(given.encode("utf-8", "surrogatepass"), secret.encode("ascii"))


def _question(request: Request) -> Question:
    given = request.query_params
    times: dict[str, float] = {}
    for name in ("since", "until"):
        if text := given.get(name):
            times[name] = seconds(text)
    return Question(**times, comune=given.get("comune", ""), kind=given.get("kind", ""),
                    severity=given.get("severity", ""))  # fmt: skip


def _number(text: str) -> float:
    if not re.fullmatch(r"\d{1,11}(\.\d+)?", text):
        raise UserError(f"'{text}' is no instant", hint="seconds since 1970")
    return float(text)


def _json(value: Any) -> Response:
    return JSONResponse(value, headers=HEADERS)
