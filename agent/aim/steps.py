"""The steps of commissioning and what each measured: pure, from the node's facts and what the technician said.

A step is `ok`, `fail` (with what to do) or `wait` (not done yet). Words for the page are in both languages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from agent.provision.checks import Facts, Finding, findings

STEADY = 0.8
"""A camera is steady where its slowest rate seen is so much of its fastest."""
SAMPLES = 5
WORDS: dict[str, tuple[str, str]] = {
    "power": ("Power under load", "Alimentazione sotto carico"),
    "network": ("Way to the broker", "Collegamento al broker"),
    "clock": ("Clock", "Orologio"),
    "identity": ("Keys and certificate", "Chiavi e certificato"),
    "camera": ("Camera steady", "Telecamera stabile"),
    "aim": ("Aim: is the picture right?", "Mira: l'inquadratura è giusta?"),
    "masks": ("Hide windows, doors, gardens", "Coprire finestre, porte, giardini"),
    "zones": ("Zones and lines", "Zone e linee"),
    "sensors": ("Sensors one by one", "Sensori uno per uno"),
    "walk": ("Walk test", "Prova di passaggio"),
    "event": ("Test event acknowledged", "Evento di prova confermato"),
    "heat": ("Heat", "Temperatura"),
}
"""Step -> title in English and Italian, in the order of the page."""
CONFIRMED = ("aim", "event")
"""Steps that a person answers for."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the page and of the report."""

    id: str
    state: str
    number: str = ""
    todo: str = ""


@dataclass(slots=True, kw_only=True)
class Site:
    """What was learned since commissioning opened: rates, sensors that moved, answers, the walk test."""

    rates: dict[str, list[float]] = field(default_factory=dict)
    first: dict[str, dict[str, float]] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    confirmed: dict[str, bool] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    expected: int = 0
    most: int = 0
    walking: str = ""
    walked: bool = False

    def see(self, facts: Facts) -> None:
        """Take in the latest numbers."""
        for source, numbers in facts.numbers.items():
            if "camera/fps" in numbers:
                self.rates.setdefault(source, []).append(numbers["camera/fps"])
            started = self.first.setdefault(source, dict(numbers))
            if any(started.get(quantity, value) != value for quantity, value in numbers.items()):
                self.moved.add(source)
        if self.walking:
            self.most = max([self.most, *_counts(facts, self.walking)])

    def walk(self, zone: str, *, expected: int) -> None:
        """Begin to count the most people at once in a zone."""
        self.walking, self.expected, self.most, self.walked = zone, expected, 0, False

    def walk_end(self) -> None:
        self.walking, self.walked = "", True


def measured(facts: Facts, site: Site, *, contacts: tuple[str, ...]) -> list[Step]:
    """All steps as they stand; `contacts` are the sensors that somebody must move."""
    found = {finding.what: finding for finding in findings(facts)}
    return [
        _found("power", found.get("supply")),
        _network(facts, found),
        _found("clock", found.get("clock")),
        _both("identity", found),
        _camera(facts, site),
        _said("aim", site),
        _decided("masks", site),
        _decided("zones", site),
        _sensors(site, contacts),
        _walk(site),
        _said("event", site),
        _found("heat", found.get("heat")),
    ]


def passed(steps: list[Step]) -> bool:
    return all(step.state == "ok" for step in steps)


def _found(step: str, finding: Finding | None) -> Step:
    """A board that cannot measure something has nothing that failed."""
    if finding is None:
        return Step(id=step, state="ok", number="not measured on this board")
    return Step(id=step, state="ok" if finding.ok else "fail", number=finding.said, todo=finding.todo)


def _network(facts: Facts, found: Mapping[str, Finding]) -> Step:
    link, outbox = found.get("link"), found.get("outbox")
    if link is None or not link.ok:
        return _found("network", link)
    waiting = facts.waiting if facts.waiting is not None else -1
    ok = bool(outbox and outbox.ok)
    return Step(
        id="network", state="ok" if ok else "fail", number=f"{waiting} wait", todo=outbox.todo if outbox else ""
    )


def _both(step: str, found: Mapping[str, Finding]) -> Step:
    wrong = [found[what] for what in ("identity", "certificate") if what in found and not found[what].ok]
    return _found(step, wrong[0] if wrong else found.get("certificate"))


def _camera(facts: Facts, site: Site) -> Step:
    rates = {camera: site.rates.get(camera, [])[-20:] for camera in facts.cameras}
    if not rates or any(len(seen) < SAMPLES for seen in rates.values()):
        return Step(id="camera", state="wait", number=f"{min(map(len, rates.values()), default=0)} of {SAMPLES}")
    steady = all(min(seen) >= STEADY * max(seen) > 0 for seen in rates.values())
    number = ", ".join(f"{camera} {min(seen):.1f}-{max(seen):.1f} fps" for camera, seen in rates.items())
    todo = "" if steady else "cable, light, supply: the rate must not fall"
    return Step(id="camera", state="ok" if steady else "fail", number=number, todo=todo)


def _said(step: str, site: Site) -> Step:
    answer = site.confirmed.get(step)
    return Step(id=step, state="wait" if answer is None else "ok" if answer else "fail")


def _decided(step: str, site: Site) -> Step:
    return Step(id=step, state="ok" if step in site.decided else "wait")


def _sensors(site: Site, contacts: tuple[str, ...]) -> Step:
    still = [contact for contact in contacts if contact not in site.moved]
    number = f"{len(contacts) - len(still)} of {len(contacts)}"
    todo = f"now open, press or pass: {', '.join(still)}" if still else ""
    return Step(id="sensors", state="wait" if still else "ok", number=number, todo=todo)


def _walk(site: Site) -> Step:
    if not site.walked:
        return Step(id="walk", state="wait", number=f"{site.most} found" if site.walking else "")
    ok = site.most == site.expected
    todo = "" if ok else "nearer, higher, more light, or a larger zone; then walk again"
    return Step(id="walk", state="ok" if ok else "fail", number=f"{site.most} of {site.expected} found", todo=todo)


def _counts(facts: Facts, zone: str) -> list[int]:
    return [
        int(value)
        for numbers in facts.numbers.values()
        for quantity, value in numbers.items()
        if quantity == f"{zone}/person/count"
    ]
