"""The story: forty gates through a week, a market, a football evening, a broken node.

Pure and seeded. Records come in the order of their time.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from agent.contract.topics import NodeName
from agent.records import Audit, Event, Health, Phase, Reason, Record, Severity, Stat

QUARTER_S = 900.0
LONGEST_S = 1800.0
"""The longest that an event lasts."""

QUARTERS_AN_HOUR, QUARTERS_A_DAY = 4, 96
GATE, CAMERA, BUTTON = "gate", "cam", "button"
MASKED = hashlib.sha256(b"the first node's masks").hexdigest()
RULES = ("crowd", "stays", "unusual", "turned", "wrong-way", "help")
BUSY_PER_QUARTER = 60.0
"""People through the gate in the busiest quarter of an hour of an ordinary day, at a node of size 1."""


Happening = tuple[str, str, Severity, Reason]
"""Rule, type, severity and reason."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One node of the story: `size` scales how many people pass."""

    name: NodeName
    size: float


@dataclass(frozen=True, slots=True)
class Story:
    """What is not ordinary: a weekly market, a football evening, a node that falls silent."""

    seed: int
    market: str
    football: str
    broken: str
    broken_at: float
    """From then on the broken node says nothing."""
    events_a_day: float = 2.0
    """Of the ordinary kind, at each node."""


def records(story: Story, spot: Spot, since: float, until: float) -> list[Record]:
    """Everything that one node tells between two instants, in order; a call for later times goes on seamlessly."""
    told: list[Record] = []
    for quarter in range(math.floor((since - LONGEST_S) / QUARTER_S) - 1, math.ceil(until / QUARTER_S)):
        chance = random.Random(f"{story.seed} {spot.name} {quarter}")  # noqa: S311 -- a story, not a secret
        told += _counts(story, spot, quarter * QUARTER_S, chance)
        told += _machine(spot, quarter)
        told += _act(story, spot, quarter * QUARTER_S)
        told += _happenings(story, spot, quarter * QUARTER_S, chance)
    inside = (record for record in told if since <= record.at < until and not _is_broken(story, spot, record.at))
    return sorted(inside, key=lambda record: record.at)


def expected(spot: Spot, at: float) -> float:
    """People in the quarter of an hour around `at` on an ordinary day."""
    when = datetime.fromtimestamp(at, UTC)
    hour = when.hour + when.minute / 60
    day = math.exp(-(((hour - 10.5) / 3.2) ** 2)) + 0.9 * math.exp(-(((hour - 18.0) / 2.6) ** 2)) + 0.02
    weekend = 0.6 if when.weekday() == 6 else 1.0  # noqa: PLR2004 -- Sunday
    return BUSY_PER_QUARTER * spot.size * day * weekend


def special(story: Story, spot: Spot, at: float) -> float:
    """How many times the usual number there are, because of a market or of a match."""
    when = datetime.fromtimestamp(at, UTC)
    if spot.name.comune == story.market and when.weekday() == 1 and 6 <= when.hour < 12:  # noqa: PLR2004 -- Tuesday
        return 3.5
    if spot.name.comune == story.football and when.weekday() == 5 and 18 <= when.hour < 22:  # noqa: PLR2004 -- Saturday
        return 5.0
    return 1.0


def _counts(story: Story, spot: Spot, begin: float, chance: random.Random) -> Iterator[Stat]:
    mean = expected(spot, begin) * special(story, spot, begin)
    entered = _poisson(mean, chance)
    left = max(0, entered + round(chance.gauss(0, math.sqrt(mean + 1) / 3)))
    coverage = 1.0 if chance.random() > 0.02 else round(chance.uniform(0.3, 0.95), 2)  # noqa: PLR2004
    values = {f"{GATE}/person/entered": float(entered), f"{GATE}/person/left": float(left)}
    yield Stat(CAMERA, begin, begin + QUARTER_S, coverage, tuple(sorted(values.items())))


def _machine(spot: Spot, quarter: int) -> Iterator[Health]:
    """The node's own numbers, once an hour; without the dice of the story, which they must not change."""
    if quarter % QUARTERS_AN_HOUR:
        return
    chance = random.Random(f"{spot.name} {quarter}")  # noqa: S311 -- a story, not a secret
    values = {
        f"{CAMERA}/fps": round(chance.gauss(9.6, 0.3), 1),
        f"{CAMERA}/observed": round(chance.uniform(0.97, 1.0), 2),
        "cpu_temp_c": round(chance.gauss(54.0, 3.0), 1),
        "disk_free_pct": round(70.0 - quarter % 5000 / 500, 1),
    }
    yield Health(quarter * QUARTER_S + 60.0, tuple(sorted(values.items())))


def _act(story: Story, spot: Spot, begin: float) -> Iterator[Audit]:
    """On Monday at noon (UTC) the first node of the market's comune has its masks changed, which its neighbours are told."""
    when = datetime.fromtimestamp(begin, UTC)
    at_noon = (when.weekday(), when.hour, when.minute) == (0, 12, 0)
    if spot.name.node == "n-0001" and spot.name.comune == story.market and at_noon:
        yield Audit(begin + 300.0, "mask-changed", digest=MASKED)


def _happenings(story: Story, spot: Spot, begin: float, chance: random.Random) -> Iterator[Event]:
    times = special(story, spot, begin)
    usual = expected(spot, begin)
    if times > 1 and chance.random() < 0.15:  # noqa: PLR2004
        reason = Reason(f"{GATE}/person/entered", "baseline", round(usual * times), round(usual, 1),
                        round(math.sqrt(usual + 1), 1), 8, "weeks")  # fmt: skip
        yield from _life(("unusual", "anomaly", Severity.WARNING, reason), spot, begin, chance)
    busy = usual * times / BUSY_PER_QUARTER / spot.size
    for share, happening in _ordinary(chance):
        if chance.random() < share * story.events_a_day / QUARTERS_A_DAY * (0.3 + busy):
            yield from _life(happening, spot, begin, chance)


def _ordinary(chance: random.Random) -> Iterator[tuple[float, Happening]]:
    """Share of all ordinary events, and what happens."""
    stay = Reason(f"{GATE}/person/stay_s", "stay", float(chance.randint(185, 900)), 180.0)
    crowd = Reason(f"{GATE}/person/count", "occupancy", float(chance.randint(26, 60)), 25.0)
    against = Reason(f"{GATE}/person/out", "crossing", 1.0, 0.0)
    yield 0.55, ("stays", "loitering", Severity.NOTICE, stay)
    yield 0.3, ("crowd", "occupancy", Severity.WARNING, crowd)
    yield 0.1, ("wrong-way", "crossing", Severity.NOTICE, against)
    yield 0.03, ("turned", "tamper", Severity.ALARM, Reason("camera/moved_by", "health", 0.2, 0.02))
    yield 0.02, ("help", "report", Severity.ALARM, Reason("pressed", "button", 1.0))


def _life(happening: Happening, spot: Spot, begin: float, chance: random.Random) -> Iterator[Event]:
    """Opened, and closed some minutes later."""
    rule, kind, severity, reason = happening
    at = begin + chance.uniform(0, QUARTER_S)
    lasted = chance.uniform(60, LONGEST_S)
    zone = "" if kind in ("report", "tamper") else GATE
    opened = Event(
        id=f"{spot.name} {rule} {at:.3f}",
        rule=rule,
        kind=kind,
        phase=Phase.OPENED,
        severity=severity,
        at=at,
        source=BUTTON if kind == "report" else CAMERA,
        reason=reason,
        zone=zone,
        label="person" if zone else "",
    )
    yield opened
    yield replace(opened, phase=Phase.CLOSED, at=at + lasted, duration_s=lasted, closed_by="rule")


def _is_broken(story: Story, spot: Spot, at: float) -> bool:
    return str(spot.name) == story.broken and at >= story.broken_at


def _poisson(mean: float, chance: random.Random) -> int:
    """A count; the normal distribution serves where Knuth's way would take long."""
    if mean > 30:  # noqa: PLR2004
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
