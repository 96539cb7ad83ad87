"""The payloads of the contract, as allow-lists: an unknown member is refused.

Every text is an enumeration, an instant or matches a short pattern; every number is rounded before
it gets here. No field can hold a picture, a sound, a face, a plate, free text or a track.
`agent/schemas/` is generated from this module.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from agent.contract.topics import END, NAME
from agent.records import ClockQuality, Phase, Severity

MAX_SEQ = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""

Name = Annotated[str, Meta(pattern=NAME, max_length=32, description="an id from the node's configuration")]
FullName = Annotated[
    str, Meta(pattern=rf"^[a-z0-9-]{{1,32}}(?:/[a-z0-9-]{{1,32}}){{2}}{END}", description="union/comune/node")
]
Quantity = Annotated[
    str,
    Meta(
        pattern=rf"^[a-z0-9_-]{{1,32}}(?:/[a-z0-9_-]{{1,32}}){{0,2}}{END}",
        description="zone/label/measure or a measure",
    ),
]
Digest = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{64}}{END}", description="SHA-256")]
ShortDigest = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{12}}{END}", description="first 12 digits of a SHA-256")]
Instant = Annotated[
    str,
    Meta(
        pattern=rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){{2}}[.][0-9]{{3}}Z{END}",
        description="RFC 3339 in UTC, milliseconds",
    ),
]
KeyId = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_-]{{43}}{END}", description="RFC 7638 thumbprint of a key")]
EventId = Annotated[str, Meta(pattern=rf"^[0-9a-f]{{16}}{END}")]
Fraction = Annotated[float, Meta(ge=0.0, le=1.0)]
Seq = Annotated[int, Meta(ge=1, le=MAX_SEQ)]
Ranges = Annotated[tuple[tuple[Seq, Seq], ...], Meta(max_length=32, description="first and last, both included")]
Label = Literal[
    "", "person", "bicycle", "car", "motorcycle", "bus", "truck", "train", "boat", "dog", "animal", "vehicle", "object"
]
EventKind = Literal["anomaly", "crossing", "loitering", "occupancy", "tamper", "sensor", "help-button", "report"]
Reported = Literal["help", "crowd", "noise", "damage", "dark", "water", "smoke", "obstacle"]
"""What a person may report: choices, never words of their own; the rule of a `report` is the choice."""

EvidenceUnit = Literal["", "weeks", "tracks", "samples", "hours"]
Test = Literal[
    "limit", "presence", "absence", "schedule", "rate", "baseline", "crossing", "stay", "occupancy", "button",
    "switch", "trial", "normality", "health", "stuck", "chatter", "combined", "budget",
    "spike", "shift", "drift", "rhythm", "noise", "together", "report",
]  # fmt: skip
Verdict = Literal["received", "useful", "false", "unclear"]
Action = Literal[
    "boot", "dropped", "refused", "config-applied", "mask-changed", "mode-changed", "model-applied", "letter-refused",
    "command", "clock-stepped", "threshold-moved", "config-rolled-back", "config-refused",
    "commissioning", "accepted", "access",
]  # fmt: skip
"""What an audit record may tell; `refused` is a record of ours that the exit door kept back."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What all payload parts share: frozen, no unknown member.

    A default is never spelled out, so the empty text that stands for "not told" cannot come on the wire.
    """


class ReasonData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What was seen against what was expected."""

    quantity: Quantity
    test: Test
    observed: float
    expected: float | None = None
    spread: float | None = None
    evidence: float | None = None
    evidence_unit: EvidenceUnit = ""


class Quality(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """How far the numbers may be trusted."""

    observed: Fraction = 1.0
    clock: ClockQuality = ClockQuality.UNSYNCED
    visibility: Fraction = 1.0
    unverified: Annotated[bool, Meta(description="a person says so, and no sensor saw it")] = False


class EventData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`evt`: what was noticed."""

    rule: Name
    phase: Phase
    source: Name
    reason: ReasonData
    also: Annotated[tuple[ReasonData, ...], Meta(max_length=4)] = ()
    zone: Name = ""
    label: Label = ""
    duration_s: Annotated[float, Meta(ge=0.0)] | None = None
    closed_by: Literal["", "rule", "restart", "budget", "command", "stale"] = ""
    quality: Quality = Quality()


class StatData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`stat`: counts over an interval, with the share of it that was really observed."""

    source: Name
    since: Instant
    until: Instant
    coverage: Fraction
    values: Annotated[dict[Quantity, float], Meta(max_length=64)]


class HealthData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`health`: the machine's own numbers."""

    values: Annotated[dict[Quantity, float], Meta(max_length=64)]


class AuditData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`audit`: an act that somebody may have to answer for."""

    action: Action
    subject: Name = ""
    outcome: Name = ""
    digest: Digest = ""
    first: Seq | None = None
    last: Seq | None = None
    ranges: Ranges = ()


class ShadowData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A new model beside the one before it, on the same frames: what both found, and at what cost."""

    frames: Annotated[int, Meta(ge=0, le=100_000)]
    agreement: Annotated[Fraction, Meta(description="share of all things found that both found")]
    slower: Annotated[float, Meta(ge=0.0, le=100.0, description="time of the new model over that of the old")]
    rss_mb: Annotated[int, Meta(ge=0, le=100_000)]


class UpdateData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """How far the newest update of a node has come; `why` is one word for how it ended."""

    seq: Annotated[int, Meta(ge=1, le=MAX_SEQ)]
    phase: Literal["fetching", "verified", "staged", "trial", "idle", "committed", "rolled-back", "refused"]
    why: Name = ""
    shadow: ShadowData | None = None


class StateData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`state`: birth, will or going down, and what the node runs."""

    status: Literal["up", "lost", "down"]
    agent: Annotated[str, Meta(pattern=rf"^[0-9]{{1,4}}[.][0-9]{{1,4}}[.][0-9]{{1,4}}{END}")]
    cfg: ShortDigest
    model: ShortDigest
    contract: ShortDigest
    clock: ClockQuality
    delete_on: Literal["receipt", "puback"]
    pixels_network: Annotated[
        bool, Meta(description="true when an RTSP camera gives the process with pixels its camera's own address")
    ] = False
    update: UpdateData | None = None


class HeadData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`head`: the end of the chain at one moment; everything up to `seq` exists."""

    seq: Annotated[int, Meta(ge=0, le=MAX_SEQ)]
    digest: Digest


class ReceiptData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`rcpt`: the store has committed everything up to `cum`, and the `ranges` beyond it.

    `key` signed the highest of these numbers: a node that was replaced begins a new chain with a new
    key, and a receipt for its predecessor must not let it delete.
    """

    node: FullName
    key: KeyId | Literal[""] = ""
    cum: Annotated[int, Meta(ge=0, le=MAX_SEQ)]
    ranges: Ranges = ()


class CommandData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`cmd`: what a person asks of one node, void after the deadline; `target` is a rule to relearn or a mode."""

    node: FullName
    command: Literal["report", "relearn", "resend", "restart", "commission", "mode"]
    deadline: Instant
    target: Name = ""
    first: Seq | None = None
    last: Seq | None = None


class ResultData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`res`: what became of the command with this id; of `resend`, `ranges` are numbers that nobody can give any more (`gone`), or that the asker may not read (`role`).

    A store that answers names the `node` whose numbers it was asked for.
    """

    command: EventId
    node: FullName | Literal[""] = ""
    outcome: Literal["done", "refused", "failed", "expired"]
    why: Name = ""
    ranges: Ranges = ()


class AckData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`ack`: a person's verdict on an event of a node."""

    node: FullName
    event: EventId
    verdict: Verdict


class PublicHour(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Passages within the hour from `since`; without a count there were too few to be told."""

    since: Instant
    count: Annotated[int, Meta(ge=1, le=MAX_SEQ)] | None = None
    coverage: Annotated[Fraction, Meta(description="share of the hour that was really observed")] = 1.0


class PublicData(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`pub`: protected counts of one place by the hour, with what protects them."""

    node: FullName
    place: Name
    hours: Annotated[tuple[PublicHour, ...], Meta(max_length=24)]
    k: Annotated[int, Meta(ge=1, le=1_000_000, description="an hour with fewer is told without its count")]
    epsilon: Annotated[float, Meta(ge=0.0, description="of the noise, for one passage; 0 for none")]
    mean_error: Annotated[float, Meta(ge=0.0, description="by how much the noise changes a count on average")]


Data = (
    EventData
    | StatData
    | HealthData
    | AuditData
    | StateData
    | HeadData
    | ReceiptData
    | CommandData
    | ResultData
    | AckData
    | PublicData
)
KINDS: dict[str, type[Data]] = {
    "evt": EventData,
    "stat": StatData,
    "health": HealthData,
    "audit": AuditData,
    "state": StateData,
    "head": HeadData,
    "rcpt": ReceiptData,
    "cmd": CommandData,
    "res": ResultData,
    "ack": AckData,
    "pub": PublicData,
}
"""Type of `data` for each class that carries an envelope."""


class Payload(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A CloudEvents 1.0 event in its JSON format, with the chain's own attributes.

    Chained classes (evt, stat, health, audit) have `seq` and `prev`, and their `id` is the number;
    all others have neither. `mono` is seconds since the boot that `boot` names.
    """

    specversion: Literal["1.0"]
    id: Annotated[str, Meta(pattern=rf"^[0-9a-f]{{1,16}}{END}")]
    source: Annotated[str, Meta(pattern=rf"^//piazza(?:/[a-z0-9-]{{1,32}}){{3}}{END}")]
    type: Annotated[str, Meta(pattern=rf"^piazza[.][a-z]{{2,8}}[.][a-z0-9-]{{1,32}}[.]v1{END}")]
    time: Instant
    recordedtime: Instant
    expirytime: Instant | UnsetType = UNSET
    seq: Seq | UnsetType = UNSET
    prev: Digest | UnsetType = UNSET
    boot: Annotated[str, Meta(pattern=rf"^[0-9a-f]{{8}}{END}")]
    mono: Annotated[float, Meta(ge=0.0)]
    clock: ClockQuality
    severity: Severity | UnsetType = UNSET
    correlationid: EventId | UnsetType = UNSET
    cfg: ShortDigest | UnsetType = UNSET
    model: ShortDigest | UnsetType = UNSET
    data: msgspec.Raw
