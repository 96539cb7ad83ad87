"""What the update process and sense tell one another: one file each way, words and numbers only.

`report.json` goes to sense, which signs it into `state` and `audit`; `alive.json` comes back from
sense, only while a release is on trial.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from agent.camera.settings import PiCameraSettings, SyntheticSettings, VideoSettings
from agent.config import Config
from agent.files import write_atomic
from agent.governance.agreement import Agreement
from agent.ota.ledger import Attempt, State
from agent.uplink.settings import BudgetSettings

T = TypeVar("T")
REPORT = "report.json"
ALIVE = "alive.json"
ASK = "ask"
"""While this file lies in the folder of updates, sense shows that it is alive."""

MAX_BYTES = 16_384

OFFERS = frozenset({"expired", "version", "threshold", "mismatch", "too-long", "absent", "malformed", "too-big", "seq"})
"""Why an offer is not believed."""

REFUSALS = frozenset({"absent", "too-long", "mismatch", "config", "node", "consent", "running", "disk"})
"""Why an order that is believed is not carried out, besides the option that would loosen a floor."""

ENDS = frozenset(
    {
        "by-hand",
        "interrupted",
        "boots",
        "silence",
        "gate",
        "no-process",
        "no-frames",
        "no-inference",
        "uplink-worse",
        "no-comparison",
        "disagrees",
        "slower",
    }
)
"""Why a trial ended."""


class Report(msgspec.Struct, frozen=True):
    """How far the newest update of this node has come."""

    state: State
    seq: int
    config: str
    why: str = ""
    subject: str = ""
    before: str = ""


class Compared(msgspec.Struct, frozen=True):
    """The new model beside the old one, in numbers."""

    frames: int
    agreement: float
    slower: float
    rss_mb: int


class Alive(msgspec.Struct, frozen=True):
    """That sense works: since when, with which configuration, which cameras gave frames and were understood."""

    at: float
    since: float
    cfg: str
    frames: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()
    connected: bool = False
    shadow: Compared | None = None


def of(attempt: Attempt) -> Report:
    """What is told of an attempt."""
    return Report(attempt.state, attempt.seq, attempt.config, attempt.why, attempt.subject, attempt.before)


def write(folder: Path, name: str, content: msgspec.Struct) -> None:
    write_atomic(folder / name, msgspec.json.encode(content), mode=0o640)


def read(path: Path, kind: type[T]) -> T | None:
    """What lies there; None where there is nothing or it is not what it should be."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_BYTES), type=kind)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def outcomes() -> frozenset[str]:
    """Every word that an audit record may say of an update."""
    return frozenset({f"offer-{word}" for word in OFFERS}) | REFUSALS | ENDS | options()


def options() -> frozenset[str]:
    """The options that may loosen a floor, as `Loosening.option` spells them."""
    inputs = {name for kind in (PiCameraSettings, VideoSettings, SyntheticSettings) for name in kind.__struct_fields__}
    places = {"", "-view-masks", "-view-zones-labels", "-view-lines-labels", "-input-driver"}
    return frozenset(
        {f"cameras{place}" for place in places}
        | {f"cameras-input-{_spelt(name)}" for name in inputs}
        | {f"uplink-budget-{_spelt(name)}" for name in BudgetSettings.__struct_fields__}
        | {f"uplink-broker-{name}" for name in ("host", "port", "ca")}
        | {"agreements"}
        | {f"agreements-{_spelt(name)}" for name in Agreement.__struct_fields__}
        | {"sound", "vision-labels", "vision-normality-k", "rules-event", "uplink-outbox-max-mb", "uplink-delete-on"}
    )


def cameras(config: Config) -> frozenset[str]:
    """The cameras that must give frames before a release is kept."""
    return frozenset(camera.id for camera in config.cameras)


def _spelt(name: str) -> str:
    return name.replace("_", "-")
