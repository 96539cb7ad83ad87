"""The steps of commissioning and what each measured: pure, from the node's facts and what the technician did.

A step is `ok`, `fail` (with what to do), `wait` (not done yet) or, for what needs another hour of the day, `later`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from agent.aim.scale import DETECT, IDENTIFY, RECOGNISE
from agent.aim.site import Site, hidden
from agent.aim.words import TITLES, numbers, todo
from agent.provision.checks import DAY_S, HOT_C, findings
from agent.provision.facts import Facts, Finding

STEADY = 0.8
"""A camera is steady where its slowest rate seen is so much of its fastest."""
SAMPLES = 5
LOOKS = 20
"""Looks through the lens before its best is believed."""
SHARP = 0.8
"""Focus must be so much of the best that was seen; it is a mean square, so nine tenths of the contrast."""
MUCH_SKY = 0.35
LEAN_DEG = 5.0
NIGHT = 0.3
"""A picture whose mean light is below this share is taken at night."""
CARRIED = frozenset({"aim", "focus", "scale", "masks", "zones", "sensors", "walk", "event", "night"})
"""What a person did holds from an earlier visit, while the document is the same."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the page and of the report; `since` is the instant of an earlier visit that it holds from."""

    id: str
    state: str
    values: dict[str, float] = {}
    why: str = ""
    about: tuple[str, ...] = ()
    since: float = 0.0

    @property
    def number(self) -> tuple[str, str]:
        """What was measured, in English and Italian."""
        return numbers(self.id, self.values)

    @property
    def todo(self) -> tuple[str, str]:
        """What to do, in English and Italian."""
        return todo(self.why, self.about)


Earlier = Mapping[str, Step]


def measured(facts: Facts, site: Site, *, contacts: tuple[str, ...], earlier: Earlier | None = None) -> list[Step]:
    """All steps as they stand; `contacts` are the sensors that somebody must move, `earlier` what a visit before left."""
    found = {finding.what: finding for finding in findings(facts)}
    steps = {
        "power": _power(facts, site), "heat": _heat(facts, site), "network": _network(facts, found),
        "clock": _clock(facts, found), "identity": _identity(facts, found), "rights": _rights(site),
        "camera": _camera(facts, site), "aim": _aim(site, found), "focus": _focus(facts, site), "scale": _scale(facts, site),
        "masks": _masks(site), "zones": _zones(site), "sensors": _sensors(site, contacts), "walk": _walk(site),
        "event": _event(site), "night": _night(site),
    }  # fmt: skip
    return [_carried(steps[name], earlier or {}) for name in TITLES]


def passed(steps: Sequence[Step]) -> bool:
    """Whether a node is accepted; what stays open for another hour does not keep it from that."""
    return all(step.state in ("ok", "later") for step in steps)


def _carried(step: Step, earlier: Earlier) -> Step:
    before = earlier.get(step.id)
    if step.id in CARRIED and step.state in ("wait", "later") and before and before.state == "ok":
        return before
    return step


def _step(
    name: str, why: str, values: Mapping[str, float] | None = None, *, state: str = "", about: tuple[str, ...] = ()
) -> Step:
    """A step that passes where there is nothing to do."""
    rounded = {number: round(value, 2) for number, value in (values or {}).items()}
    return Step(id=name, state=state or ("fail" if why else "ok"), values=rounded, why=why, about=about)


def _given(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _power(facts: Facts, site: Site) -> Step:
    """Too low now, under load, or at any time since this boot, which a load must not have changed."""
    told = "undervoltage" in facts.host
    if site.loaded is None:
        low = bool(facts.host.get("undervoltage") or facts.host.get("undervoltage_since_boot"))
        return _step("power", "low" if low else "load", state="fail" if low else "wait")
    readings = [bool(sample.get("undervoltage")) for sample in site.loaded.samples]
    since_boot = bool(site.loaded.most("undervoltage_since_boot"))
    values = {"low": sum(readings), "readings": len(readings)} if told else {"unmeasured": 1.0}
    load = {"seconds": site.loaded.lasted_s, "cores": float(site.loaded.cores)}
    return _step("power", "low" if any(readings) or since_boot else "", {**load, **values})


def _heat(facts: Facts, site: Site) -> Step:
    now = facts.host.get("cpu_temp_c")
    if site.loaded is None:
        hot = now is not None and now >= HOT_C
        return _step("heat", "hot" if hot else "load", _given(now_c=now), state="fail" if hot else "wait")
    most = site.loaded.most("cpu_temp_c")
    values = _given(before_c=site.loaded.before.get("cpu_temp_c"), most_c=most)
    return _step("heat", "hot" if most is not None and most >= HOT_C else "", values)


def _network(facts: Facts, found: Mapping[str, Finding]) -> Step:
    link, outbox = found.get("link"), found.get("outbox")
    if link is None or not link.ok:
        return _step("network", "link")
    why = "" if outbox and outbox.ok else "outbox"
    return _step("network", why, _given(waiting=facts.waiting))


def _clock(facts: Facts, found: Mapping[str, Finding]) -> Step:
    good = found["clock"].ok
    how = "ntp" if facts.host.get("clock_synced") else "rtc"
    return _step("clock", "" if good else "clock", {how: 1.0} if good else {})


def _identity(facts: Facts, found: Mapping[str, Finding]) -> Step:
    days = None if facts.certificate_ends is None else (facts.certificate_ends - facts.at) / DAY_S
    why = "" if found["certificate"].ok else "certificate"
    return _step("identity", why if found["identity"].ok else "keys", _given(days=days))


def _rights(site: Site) -> Step:
    told = site.rights
    if told is None:
        return _step("rights", "unasked", state="wait")
    counted = {"refused": float(told.refused), "tried": float(len(told.found))}
    if told.allowed:
        return _step("rights", "allowed", counted, about=told.allowed)
    return _step("rights", "" if told.refused > 1 else "unanswered", counted)


def _camera(facts: Facts, site: Site) -> Step:
    rates = [site.rates.get(camera, [])[-20:] for camera in facts.cameras]
    seen = min(map(len, rates), default=0)
    if seen < SAMPLES:
        return _step("camera", "watching", {"seen": seen, "needed": SAMPLES}, state="wait")
    steady = all(min(one) >= STEADY * max(one) > 0 for one in rates)
    values = {"slowest": min(map(min, rates)), "fastest": max(map(max, rates))}
    return _step("camera", "" if steady else "unsteady", values)


def _aim(site: Site, found: Mapping[str, Finding]) -> Step:
    """A person decides; what speaks against the picture is said all the same."""
    answer, sights = site.confirmed.get("aim"), site.sights.values()
    sky = max((sight.sky for sight in sights), default=0.0)
    roll = max((sight.roll_deg for sight in sights if sight.roll_deg is not None), key=abs, default=None)
    against = {
        "sky": sky > MUCH_SKY,
        "bare": "views" in found and not found["views"].ok,
        "leans": roll is not None and abs(roll) > LEAN_DEG,
    }
    hint = next((why for why, holds in against.items() if holds), "")
    why = hint if answer else "wrong" if answer is False else hint or "look"
    state = "wait" if answer is None else "ok" if answer else "fail"
    values = {**({"sky_pct": 100 * sky} if sights else {}), **_given(roll_deg=roll)}
    return _step("aim", why, values, state=state)


def _focus(facts: Facts, site: Site) -> Step:
    """The camera that is farthest from its best."""
    peaks = [site.peaks.get(camera) for camera in facts.cameras]
    known = [peak for peak in peaks if peak and peak.looks >= LOOKS and peak.best > 0.0]
    if not known or len(known) < len(peaks):
        return _step("focus", "turn", state="wait")
    worst = min(known, key=lambda peak: peak.share)
    values = {"share_pct": 100 * worst.share, "focus": worst.now}
    return _step("focus", "" if worst.share >= SHARP else "turn", values)


def _scale(facts: Facts, site: Site) -> Step:
    scales = [(site.scales[camera], site.views.get(camera)) for camera in facts.cameras if camera in site.scales]
    if not scales or len(scales) < len(facts.cameras):
        return _step("scale", "measure", state="wait")
    nearest = [scale.nearest(view.masks if view else ()) for scale, view in scales]
    scale, near = max(((one, near) for (one, _), near in zip(scales, nearest, strict=True)), key=lambda pair: pair[1])
    values = {"near": near, "from_pct": 100 * max(0.0, scale.row(DETECT)), "camera_m": scale.camera_m}
    if near >= IDENTIFY:
        return _step("scale", "sharp", values)
    if near < DETECT:
        return _step("scale", "small", values)
    return _step("scale", "faces" if near >= RECOGNISE else "", values, state="ok")


def _masks(site: Site) -> Step:
    if not site.views:
        return _step("masks", "draw", state="wait")
    views = site.views.values()
    values = {"masks": sum(len(view.masks) for view in views), "hidden_pct": 100 * max(map(hidden, views))}
    return _step("masks", "", values)


def _zones(site: Site) -> Step:
    zones = sum(len(view.zones) for view in site.views.values())
    lines = sum(len(view.lines) for view in site.views.values())
    if zones + lines == 0:
        return _step("zones", "draw", state="wait")
    return _step("zones", "", {"zones": zones, "lines": lines})


def _sensors(site: Site, contacts: tuple[str, ...]) -> Step:
    still = tuple(contact for contact in contacts if contact not in site.moved)
    counted = {"moved": len(contacts) - len(still), "all": len(contacts)}
    return _step("sensors", "move" if still else "", counted, state="wait" if still else "ok", about=still)


def _walk(site: Site) -> Step:
    walk = site.walk
    if walk is None:
        return _step("walk", "walk", state="wait")
    counted = {"found": float(walk.most), "expected": float(walk.expected)}
    if not walk.ended:
        return _step("walk", "walk", counted, state="wait")
    return _step("walk", "" if walk.found_all else "count", counted)


def _event(site: Site) -> Step:
    """A verdict that came back is the proof; where nobody can give one, a person says that it was seen."""
    answer = site.answer
    if answer and answer.verdict:
        return _step("event", "", {"after_s": answer.answered_at - answer.asked_at})
    if (said := site.confirmed.get("event")) is not None:
        return _step("event", "" if said else "unheard")
    return _step("event", "unheard" if answer else "send", state="wait")


def _night(site: Site) -> Step:
    """A walk in the dark; by day it stays open, and another visit closes it."""
    walk = site.walk
    if walk is None or not walk.ended or walk.light > NIGHT:
        light = max((sight.light for sight in site.sights.values()), default=None)
        return _step("night", "later", _given(light_pct=None if light is None else 100 * light), state="later")
    counted = {"light_pct": 100 * walk.light, "found": float(walk.most), "expected": float(walk.expected)}
    return _step("night", "" if walk.found_all else "count", counted)
