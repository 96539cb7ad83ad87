"""Sense's side of a commissioning: the button that opens it, the test event, and what of it goes into the chain.

The invariants: only a button that is held opens it, a test event is told as what it is, and that commissioning was
opened, tried another view, ended, or left a report is signed like everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from agent.commands import assembly
from agent.commissioning import Answer, Commissioning, CommissioningSettings
from agent.config import TRIAL, Config
from agent.contract.envelope import Envelope
from agent.contract.topics import NodeName
from agent.contract.types import AckData
from agent.files import replace_whole
from agent.records import Audit, Event, Observation, Phase, Reason, Record, Severity
from agent.uplink import rights
from agent.uplink.door import correlation

_PRESSED = "pressed"


@dataclass(slots=True)
class Visit:
    """Owned by the node's one thread; `source` is whom a test event speaks for, `tried` that another view is looked at."""

    name: NodeName
    commissioning: Commissioning
    inbox: Path
    source: str
    settings: CommissioningSettings
    tried: bool = False
    _held_since: float | None = None
    _event: Event | None = None
    _answer: Answer | None = None

    @classmethod
    def of(cls, config: Config, folder: Path, *, tried: bool = False) -> Visit | None:
        """Of a node that has a camera or a sensor; without either there is nothing to commission."""
        first = next((one.id for one in (*config.cameras, *config.sensors)), "")
        inbox = Path(config.state_dir) / "inbox"
        return (
            cls(assembly.name(config), Commissioning(folder), inbox, first, config.commissioning, tried)
            if first
            else None
        )

    def see(self, observation: Observation) -> None:
        """Note when the button goes down and when it is let go."""
        if self.settings.button and (observation.source, observation.quantity) == (self.settings.button, _PRESSED):
            self._held_since = observation.at if observation.value else None

    def news(self, at: float) -> list[Record]:
        """What this second brings that the chain should tell."""
        if self._held_since is not None and at - self._held_since >= self.settings.hold_s:
            self._held_since = None
            self.commissioning.open()
            rights.ask(self.inbox)
        return [*self._opened_or_closed(at), *self._tried(at), *self._test(at)]

    def heard(self, asked: Envelope, at: float) -> None:
        """Note a person's verdict on the test event, for the page."""
        event, answer = self._event, self._answer
        if (
            event
            and answer
            and isinstance(asked.data, AckData)
            and asked.data.event == correlation(self.name, event.id)
        ):
            self._tell(msgspec.structs.replace(answer, answered_at=at, verdict=str(asked.data.verdict)))

    def _opened_or_closed(self, at: float) -> Iterator[Audit]:
        """Once each, also when this process was started anew in between."""
        is_open, told = self.commissioning.is_open(at), self.commissioning.told.exists()
        if is_open and not told:
            self.commissioning.told.touch()
            yield Audit(at, "commissioning", outcome="opened")
        elif told and not is_open:
            self.commissioning.told.unlink()
            yield Audit(at, "commissioning", outcome="closed")

    def _tried(self, at: float) -> Iterator[Audit]:
        if self.tried:
            self.tried = False
            yield Audit(at, "mask-changed", outcome="tried")

    def _test(self, at: float) -> Iterator[Event]:
        """The test event: told when it is asked for, over a second later; what waits for a verdict is the newest."""
        if self._event and self._event.phase is Phase.OPENED:
            self._event = replace(
                self._event, phase=Phase.CLOSED, at=at, duration_s=max(0.0, at - self._event.at), closed_by="command"
            )
            yield self._event
        elif self.commissioning.trial.exists():
            self.commissioning.trial.unlink()
            self._event = _trial(self.source, at)
            self._tell(Answer(at))
            yield self._event

    def _tell(self, answer: Answer) -> None:
        self._answer = answer
        replace_whole(self.commissioning.answer, msgspec.json.encode(answer))


def _trial(source: str, at: float) -> Event:
    reason = Reason("camera/observed", "trial", observed=1.0)
    return Event(
        id=f"{TRIAL} {at}", rule=TRIAL, kind="sensor", phase=Phase.OPENED, severity=Severity.INFO, at=at,
        source=source, reason=reason,
    )  # fmt: skip
