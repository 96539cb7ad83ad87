"""Sense's side of an update: it ends when another release runs, signs what became of it, shows that it is alive.

The process that updates has no right over this one: the new release takes effect because sense sees
that its configuration has become another file, ends, and is started again.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from agent.clock import CLOCK
from agent.commands import assembly
from agent.config import load
from agent.contract.types import ShadowData, StateData, UpdateData
from agent.errors import PiazzaError
from agent.inference import manifest
from agent.ota import report
from agent.ota.ledger import State
from agent.ota.releases import CONFIG
from agent.ota.report import ALIVE, ASK, REPORT, Alive, Compared, Report
from agent.records import Audit, Observation
from agent.uplink import numbers
from agent.vision import NO_MODEL, Detector
from agent.vision.shadow import Shadow

ALIVE_S = 5.0
TOLD = "told.json"
"""The newest report that an audit record was signed for: the release that a report is about ends the process that signs."""
COMPARED = "compared.json"
"""What the last comparison of two models came to, for the state of whoever starts after its trial."""
INFERENCE = "camera/inference_ms"
ON_TRIAL = (State.STAGED, State.TRIAL)
"""The release on trial may run before its trial is reported: the process that reports may have been cut off."""
ACTIONS = {
    State.COMMITTED: "config-applied",
    State.ROLLED_BACK: "config-rolled-back",
    State.REFUSED: "config-refused",
}


def use_models_beside(config: Path) -> Path:
    """Run the models that came with a release, where it brought a manifest of its own; where the others lie."""
    shipped, beside = manifest.folder(), config.resolve().parent
    if (beside / manifest.FILE).is_file():
        os.environ["PIAZZA_MODELS"] = str(beside)
    return shipped


def shadow(sight: Detector, folder: Path, shipped: Path, *, timer: Callable[[], float]) -> Shadow | None:
    """The model before with the one on trial at its side, while a release with another model is on trial.

    An old model that cannot be opened any more leaves nothing to compare with, and nobody else to answer.
    """
    told = report.read(folder / "ota" / REPORT, Report)
    before = folder / "ota" / "releases" / told.before if told and told.state in ON_TRIAL else None
    if before is None or sight.digest == NO_MODEL:
        return None
    try:
        settings = load(before / CONFIG).vision
        models = before if (before / manifest.FILE).is_file() else shipped
        old = assembly.detector(settings, timer=timer, models=models)
    except PiazzaError:
        return None
    return None if old.digest == sight.digest else Shadow(sight, old, timer=timer)


class Tried(msgspec.Struct, frozen=True):
    """What the comparison in the trial of one order came to."""

    seq: int
    compared: Compared


@dataclass(slots=True)
class Renewal:
    """Asked by sense every second; `told` is what the state has said of updates so far."""

    folder: Path
    renewed: Callable[[], bool]
    cfg: str
    since: float
    declared: frozenset[str] = frozenset()
    """Ids of the running configuration, which a refusal may name."""
    shadow: Shadow | None = None
    _report: Report | None = None
    _told: Report | None = None
    _signed: Report | None = None
    """What was told, until that is written down."""
    _stamp: int = 0
    _alive_at: float = 0.0
    _frames: set[str] = field(default_factory=set)
    _inferred: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """The birth tells how it stands; what the process before this one has signed is no news."""
        self._stamp = self._changed()
        self._report = report.read(self.folder / "ota" / REPORT, Report)
        self._told = report.read(self.folder / TOLD, Report)

    def told(self, state: StateData) -> StateData:
        """The state with what became of the newest update."""
        found = self._report
        if found is None or not found.seq:
            return state
        why = found.why if found.why in report.outcomes() else ""
        compared = self._compared()
        shadow = ShadowData(**msgspec.structs.asdict(compared)) if compared else None
        return msgspec.structs.replace(
            state, update=UpdateData(seq=found.seq, phase=found.state.value, why=why, shadow=shadow)
        )

    def see(self, observation: Observation) -> None:
        """Note a sign of life of a camera."""
        if observation.source != CLOCK:
            self._frames.add(observation.source)
            if observation.quantity == INFERENCE and observation.value > 0.0:
                self._inferred.add(observation.source)

    def news(self, at: float) -> list[Audit]:
        """What became of an update since the last call, to be signed; writes that sense is alive when that is asked."""
        if self._signed:
            report.write(self.folder, TOLD, self._signed)
            self._signed = None
        if (stamp := self._changed()) != self._stamp:
            self._stamp = stamp
            self._report = report.read(self.folder / "ota" / REPORT, Report)
        news = self._untold(at)
        if self._is_asked() and not 0.0 <= at - self._alive_at < ALIVE_S:
            self._alive_at = at
            self._write_alive(at)
        return [record for record in news if record.action]

    def _untold(self, at: float) -> list[Audit]:
        """What has become of the update since it was last told, by this process or by one before it."""
        found, before = self._report, self._told
        if found is None or found == before:
            return []
        self._told = self._signed = found
        return [self._audit(found, at)] if _is_news(before, found) else []

    def _audit(self, found: Report, at: float) -> Audit:
        action = "config-refused" if found.why.startswith("offer-") else ACTIONS.get(found.state, "")
        outcome = found.why if found.why in report.outcomes() else ""
        return Audit(at, action, subject=found.subject if found.subject in self.declared else "", outcome=outcome)

    def is_over(self) -> bool:
        """Whether sense is to be started again: another release runs, or the trial of its model has ended."""
        tried = self.shadow is not None and self._report is not None and self._report.state not in ON_TRIAL
        return tried or self.renewed()

    def _write_alive(self, at: float) -> None:
        connected = dict(numbers.vitals(self.folder / "inbox", at=at)).get("link_connected", 0.0) > 0.0
        frames, inferred = tuple(sorted(self._frames)), tuple(sorted(self._inferred))
        compared = self._compared() if self.shadow else None
        report.write(self.folder, ALIVE, Alive(at, self.since, self.cfg, frames, inferred, connected, compared))
        if compared:
            report.write(self.folder, COMPARED, Tried(self._report.seq if self._report else 0, compared))

    def _compared(self) -> Compared | None:
        """Numbers of the comparison so far, rounded to what they are for; after the trial what they came to."""
        if self.shadow is None:
            tried = report.read(self.folder / COMPARED, Tried)
            return tried.compared if tried and self._report and self._report.seq == tried.seq else None
        found = self.shadow.comparison
        rss_mb = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return Compared(found.frames, round(found.agreement, 2), round(min(found.slower, 100.0), 2), rss_mb)

    def _is_asked(self) -> bool:
        """Whether somebody wants to know that sense is alive: a trial, or whoever commits an image of the system."""
        return (self._report is not None and self._report.state is State.TRIAL) or (self.folder / "ota" / ASK).exists()

    def _changed(self) -> int:
        try:
            return (self.folder / "ota" / REPORT).stat().st_mtime_ns
        except OSError:
            return 0


def _is_news(before: Report | None, now: Report) -> bool:
    """An offer that is not believed, or an update that stands elsewhere than before."""
    if before is None or (now.state, now.seq) != (before.state, before.seq):
        return True
    return now.why != before.why and now.why.startswith("offer-")
