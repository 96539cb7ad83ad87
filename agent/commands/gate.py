"""The health gate of an update: whether the node is as well with the new release as it was before.

What sense says of itself in `alive.json`, and what link says of its connection. Only sense can have
written the former, only link the latter; the process that updates has neither camera nor network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.config import load
from agent.files import write_atomic
from agent.ota import report
from agent.ota.ledger import Attempt
from agent.ota.releases import CONFIG
from agent.ota.report import ALIVE, Alive, Compared
from agent.ota.update import Verdict
from agent.uplink import numbers

FRESH_S = 15.0
"""How old the latest word of sense may be: three times as long as it lets pass between two."""

STEADY_S = 15.0
"""How long sense must have run without a fall: one that dies after its first frame is not well."""

COMPARED_FRAMES = 20
LEAST_AGREEMENT = 0.5
MOST_SLOWER = 2.0
"""When a new model is too unlike the old one, or too slow, to be kept without a person's word."""

SHORT = 12
"""Digits of a configuration's digest that sense tells."""


@dataclass(frozen=True, slots=True)
class AliveGate:
    """`state` is the node's state folder, `folder` the one of updates within it."""

    state: Path
    folder: Path
    now: Callable[[], float]

    def begin(self, attempt: Attempt) -> None:
        """Remember whether the node was connected."""
        del attempt
        connected = numbers.read(self.state / "inbox").get("link_connected", 0.0) > 0.0
        write_atomic(self.folder / "before", b"connected\n" if connected else b"alone\n", mode=0o640)

    def judge(self, attempt: Attempt) -> Verdict:
        """Whether the node is as well as before with the release on trial."""
        wanted = report.cameras(load(self.folder / "releases" / attempt.release / CONFIG))
        return self.well(attempt.config, wanted)

    def well(self, config: str, wanted: frozenset[str]) -> Verdict:
        """Good when every camera gave frames that were understood, for long enough, and the way out is no worse.

        `config` is the SHA-256 of the configuration that should run, `wanted` are its cameras.
        """
        alive = report.read(self.state / ALIVE, Alive)
        if alive is None or alive.cfg != config[:SHORT] or not 0.0 <= self.now() - alive.at + 1.0 <= FRESH_S:
            return Verdict(None, "no-process")
        if not wanted <= set(alive.frames):
            return Verdict(None, "no-frames")
        if not wanted <= set(alive.inferred):
            return Verdict(None, "no-inference")
        if self._was_connected() and not alive.connected:
            return Verdict(None, "uplink-worse")
        if alive.shadow and (verdict := _compared(alive.shadow)):
            return verdict
        return Verdict(True if alive.at - alive.since >= STEADY_S else None, "silence")

    def _was_connected(self) -> bool:
        before = self.folder / "before"
        return before.is_file() and before.read_bytes() == b"connected\n"


def _compared(shadow: Compared) -> Verdict | None:
    """Why a new model is not kept, or not yet; None where nothing speaks against it."""
    if shadow.frames < COMPARED_FRAMES:
        return Verdict(None, "no-comparison", patient=True)
    if shadow.agreement < LEAST_AGREEMENT:
        return Verdict(False, "disagrees")
    return Verdict(False, "slower") if shadow.slower > MOST_SLOWER else None
