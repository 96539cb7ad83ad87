"""Who may see the page, and what each of its questions does: no network here, the server only carries.

The invariant: without the code of the label nothing is answered, five wrong codes make everybody wait a minute, and
when half an hour has passed nothing is answered at all.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from agent import __version__
from agent.aim.drawing import Drawn, redrawn
from agent.aim.report import Report, digest
from agent.aim.steps import CONFIRMED, WORDS, Site, measured, passed
from agent.clock import Clock
from agent.commissioning import LASTS_S
from agent.contract.topics import NAME
from agent.errors import Refused, UserError
from agent.provision.checks import Facts
from agent.provision.identity import Lock

TRIES = 5
PAUSE_S = 60.0


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a page may say besides what it draws."""

    step: str = ""
    ok: bool = False
    zone: str = ""
    expected: int = 0


@dataclass(slots=True, kw_only=True)
class AimDesk:
    """One commissioning of one node."""

    facts: Callable[[float], Facts]
    lock: Lock
    clock: Clock
    document: Path
    folder: Path
    contacts: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    site: Site = field(default_factory=Site)
    finished: bool = False
    _sessions: set[str] = field(default_factory=set)
    _wrong: int = 0
    _closed_until: float = 0.0
    _ends: float = field(init=False)

    def __post_init__(self) -> None:
        self._ends = self.clock.monotonic() + LASTS_S

    @property
    def proposal(self) -> Path:
        """The document as it was drawn here; it is put in place when commissioning ends."""
        return self.folder / "node.yaml"

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
        facts = self.facts(self.clock.now())
        self.site.see(facts)
        steps = measured(facts, self.site, contacts=self.contacts)
        return {
            "node": facts.node,
            "left_s": round(self._ends - self.clock.monotonic()),
            "cameras": list(facts.cameras),
            "zones": list(self.zones),
            "steps": [{**msgspec.to_builtins(step), "title": WORDS[step.id]} for step in steps],
            "numbers": msgspec.to_builtins(facts.numbers),
        }

    def draw(self, drawn: Drawn) -> None:
        """Keep a view that was drawn; UserError with the reason where it cannot be."""
        current = self.proposal if self.proposal.exists() else self.document
        text = redrawn(current.read_text(encoding="utf-8"), drawn, name="node.yaml")
        self.proposal.write_text(text, encoding="utf-8")
        self.zones = tuple(zone.id for zone in drawn.view.zones)
        self.site.decided |= {"masks"} | ({"zones"} if drawn.view.zones or drawn.view.lines else set())

    def say(self, asked: Asked) -> None:
        """A person's answer, or the beginning and end of the walk test."""
        if asked.step in CONFIRMED:
            self.site.confirmed[asked.step] = asked.ok
        elif asked.step == "walk":
            self.site.walk(asked.zone, expected=asked.expected)
        elif asked.step == "walked":
            self.site.walk_end()
        else:
            raise UserError(f"'{asked.step}' is no step that a person answers for", hint="aim, event, walk or walked")

    def finish(self) -> Report:
        """Write the report beside the proposal; whoever has the signing key signs it when this process has ended."""
        now = self.clock.now()
        facts = self.facts(now)
        steps = measured(facts, self.site, contacts=self.contacts)
        content = (self.proposal if self.proposal.exists() else self.document).read_bytes()
        report = Report(
            node=facts.node,
            at=now,
            agent=__version__,
            config=digest(content),
            accepted=passed(steps),
            steps=tuple(steps),
        )
        (self.folder / "report.json").write_bytes(msgspec.json.encode(report))
        self.finished = True
        return report

    def picture(self, camera: str) -> bytes | None:
        """The place without people, as sense drew it; None while there is none."""
        if not re.match(NAME, camera):
            return None
        file = self.folder / f"backdrop-{camera}.png"
        return file.read_bytes() if file.is_file() else None
