"""Who may see the page, and what each of its questions does: no network here, the server only carries.

The invariant: without the code of the label nothing is answered, five wrong codes make everybody wait a minute, and
when half an hour has passed nothing is answered at all.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from agent import __version__
from agent.aim.drawing import Drawn, redrawn
from agent.aim.load import LASTS_S as LOAD_S
from agent.aim.load import loaded
from agent.aim.report import Report, digest
from agent.aim.scale import RECOGNISE, Length, Scale
from agent.aim.site import Peak, Site, Walk
from agent.aim.steps import Step, measured, passed
from agent.aim.words import TITLES
from agent.clock import Clock
from agent.commissioning import LASTS_S, SIGHT, Commissioning, Sight
from agent.contract.topics import NAME
from agent.errors import Refused, UserError
from agent.files import replace_whole, write_atomic
from agent.provision.facts import Facts
from agent.provision.identity import Lock
from agent.uplink.rights import Rights
from agent.vision.settings import View

TRIES = 5
PAUSE_S = 60.0
CONFIRMED = ("aim", "event")
"""Steps that a person answers for."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a page may say besides what it draws."""

    step: str = ""
    ok: bool = False
    zone: str = ""
    expected: Annotated[int, Meta(ge=0, le=100)] = 0


class Lengths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Known lengths in the picture of one camera."""

    camera: str
    lengths: Annotated[tuple[Length, ...], Meta(max_length=8)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """An earlier visit: the digest of its signed report, of its document, and its steps."""

    digest: str = ""
    config: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(slots=True, kw_only=True)
class AimDesk:
    """One commissioning of one node."""

    facts: Callable[[float], Facts]
    lock: Lock
    clock: Clock
    document: Path
    commissioning: Commissioning
    rights: Callable[[], Rights | None] = lambda: None
    contacts: tuple[str, ...] = ()
    views: dict[str, View] = field(default_factory=dict)
    before: Before = field(default_factory=Before)
    site: Site = field(default_factory=Site)
    load_s: float = LOAD_S
    finished: bool = False
    _sessions: set[str] = field(default_factory=set)
    _wrong: int = 0
    _closed_until: float = 0.0
    _opened_at: float = field(init=False)
    _ends: float = field(init=False)
    _load: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._opened_at, self._ends = self.clock.now(), self.clock.monotonic() + LASTS_S

    def enter(self, code: str) -> str:
        """A session for who has the label; Refused otherwise, and for a while after many wrong codes."""
        now = self.clock.monotonic()
        if now < self._closed_until:
            raise Refused("pause", "too many wrong codes: wait a minute")
        if not self.lock.opens(code):
            self._wrong += 1
            if self._wrong % TRIES == 0:
                self._closed_until = now + PAUSE_S
            raise Refused("code", "this is not the code on the label")
        session = secrets.token_urlsafe(24)
        self._sessions.add(session)
        return session

    def admits(self, session: str) -> bool:
        return session in self._sessions and self.clock.monotonic() < self._ends

    @property
    def over(self) -> bool:
        return self.finished or self.clock.monotonic() >= self._ends

    def state(self) -> dict[str, Any]:
        """What the page shows."""
        facts = self._learn()
        return {
            "node": facts.node,
            "left_s": round(self._ends - self.clock.monotonic()),
            "cameras": list(facts.cameras),
            "zones": sorted({zone.id for view in self.views.values() for zone in view.zones}),
            "views": msgspec.to_builtins(self.views),
            "steps": [_shown(step) for step in self._steps(facts)],
            "scales": {camera: _rows(scale) for camera, scale in self.site.scales.items()},
            "loading": self._load is not None and self._load.is_alive(),
            "numbers": msgspec.to_builtins(facts.numbers),
        }

    def sight(self, camera: str) -> dict[str, float]:
        """How sharp the lens of a camera is now, and at its best so far."""
        self._look(camera)
        peak = self.site.peaks.get(camera, Peak())
        return {"focus": round(peak.now, 2), "best": round(peak.best, 2), "share": round(peak.share, 3)}

    def draw(self, drawn: Drawn) -> None:
        """Keep a view that was drawn, which sense then tries; UserError with the reason where it cannot be."""
        text = redrawn(self._current().decode(), drawn, name="node.yaml")
        replace_whole(self.commissioning.proposal, text.encode())
        self.views[drawn.camera] = self.site.views[drawn.camera] = drawn.view
        self.site.peaks.setdefault(drawn.camera, Peak()).renew()

    def measure(self, asked: Lengths) -> None:
        """Take in known lengths; UserError where they cannot be right, or nothing was seen of the camera yet."""
        self._look(asked.camera)
        sight = self.site.sights.get(asked.camera)
        if sight is None:
            raise UserError(f"nothing was seen of {asked.camera} yet", hint="wait for its picture")
        scale = Scale.of(asked.lengths, width_px=sight.width, height_px=sight.height)
        self.site.scales[asked.camera] = scale

    def say(self, asked: Asked) -> None:
        """A person's answer, or something that shall begin or end."""
        match asked.step:
            case "walk":
                self.site.walk = Walk(zone=asked.zone, expected=asked.expected)
            case "walked" if self.site.walk:
                self.site.walk.ended = True
            case "load":
                self._begin_load()
            case "focus":
                self.site.peaks.clear()
            case "test":
                self.commissioning.trial.touch()
            case step if step in CONFIRMED:
                self.site.confirmed[step] = asked.ok
            case _:
                raise UserError(f"'{asked.step}' is no step that a person answers for", hint="aim, event, walk, load")

    def finish(self) -> Report:
        """Write the report beside the proposal; whoever has the signing key signs it when this process has ended."""
        facts = self._learn()
        steps = self._steps(facts)
        report = Report(
            node=facts.node,
            at=self.clock.now(),
            agent=__version__,
            config=digest(self._current()),
            accepted=passed(steps),
            steps=tuple(steps),
            before=self.before.digest,
        )
        write_atomic(self.commissioning.folder / "report.json", msgspec.json.encode(report))
        self.finished = True
        return report

    def picture(self, camera: str) -> bytes | None:
        """The place without people, as sense drew it; None while there is none."""
        file = self._file("backdrop-{camera}.png", camera)
        return file.read_bytes() if file and file.is_file() else None

    def _learn(self) -> Facts:
        facts = self.facts(self.clock.now())
        self.site.see(facts)
        for camera in facts.cameras:
            self._look(camera)
        tried = self.rights()
        self.site.rights = tried if tried and tried.at >= self._opened_at - LASTS_S else None
        self.site.answer = self.commissioning.answered()
        return facts

    def _steps(self, facts: Facts) -> list[Step]:
        same = self.before.config == digest(self._current())
        earlier = {step.id: step for step in self.before.steps} if same else {}
        return measured(facts, self.site, contacts=self.contacts, earlier=earlier)

    def _current(self) -> bytes:
        """The document as it stands: with what was drawn, or as it was."""
        drawn = self.commissioning.proposal
        return (drawn if drawn.exists() else self.document).read_bytes()

    def _look(self, camera: str) -> None:
        file = self._file(SIGHT, camera)
        try:
            if file:
                self.site.look(camera, msgspec.json.decode(file.read_bytes(), type=Sight))
        except (OSError, msgspec.DecodeError):
            return

    def _file(self, name: str, camera: str) -> Path | None:
        return self.commissioning.folder / name.format(camera=camera) if re.match(NAME, camera) else None

    def _begin_load(self) -> None:
        if self._load is None or not self._load.is_alive():
            self._load = threading.Thread(target=self._make_load, daemon=True)
            self._load.start()

    def _make_load(self) -> None:
        self.site.loaded = loaded(self._host, self.clock, cores=os.cpu_count() or 1, lasts_s=self.load_s)

    def _host(self) -> Mapping[str, float]:
        return self.facts(self.clock.now()).host


def _shown(step: Step) -> dict[str, Any]:
    """A step as the page shows it: every text in both languages."""
    return {
        "id": step.id,
        "state": step.state,
        "title": TITLES[step.id],
        "number": step.number,
        "todo": step.todo,
        "since": step.since,
    }


def _rows(scale: Scale) -> dict[str, float]:
    """Rows that the page draws: the horizon, and where faces can be recognised from."""
    return {"horizon": round(scale.horizon, 3), "faces": round(scale.row(RECOGNISE), 3)}
