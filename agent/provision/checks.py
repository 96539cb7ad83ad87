"""What a technician asks of a node, answered from facts that somebody else gathered: each line ok, or what to do.

Pure: facts in, findings out. What could not be found out is `None` in the facts and is said, never taken for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from agent.provision.facts import Facts, Finding, Unit

DAY_S = 86_400.0
CERTIFICATE_DAYS = 21.0
"""By then three weeks of daily attempts at a renewal have failed."""
HOT_C = 80.0
"""Where a Raspberry Pi begins to slow itself down."""
LEAST_DISK_MB = 200.0
LEAST_MEMORY_MB = 40.0
WRITTEN_MB_PER_DAY = 100.0
"""Twice what the services may write (`bench/wear.py`): the rest of the system writes too."""
STALE_S = 60.0
LEAST_FPS = 0.5
BARE = 3
"""Faults of image health that a view shows too little to tell; 1 is focus alone (docs/reference/health.md)."""
WAITING = 1000
RESTARTS = 3
ESSENTIAL = ("sense", "link", "cameras", "outbox", "configuration")
"""Without one of these a node does not do its work: what the gate of updates looks at."""


Check = Callable[[Facts], Iterator[Finding]]


def findings(facts: Facts) -> list[Finding]:
    """Every answer, in the order in which a technician would ask."""
    return [finding for check in CHECKS for finding in check(facts)]


def healthy(found: Sequence[Finding]) -> bool:
    """Whether the node does its work, whatever else may be wrong with it."""
    return all(finding.ok for finding in found if finding.what in ESSENTIAL)


def _configuration(facts: Facts) -> Iterator[Finding]:
    if facts.rootless:
        yield Finding("configuration", ok=False, said="only root may look into /etc/piazza", todo="sudo piazza doctor")
    elif facts.absent:
        said = "no /etc/piazza/node.yaml: first boot has not ended, or this is no node"
        todo = "read /boot/firmware/piazza/firstboot.log; then sudo sh /boot/firmware/piazza/firstboot"
        yield Finding("configuration", ok=False, said=said, todo=todo)
    elif facts.problems:
        more = f", and {len(facts.problems) - 1} more" if len(facts.problems) > 1 else ""
        todo = "piazza check /etc/piazza/node.yaml names every line"
        yield Finding("configuration", ok=False, said=f"{facts.problems[0]}{more}", todo=todo)
    else:
        yield Finding("configuration", ok=True, said=f"good, for {facts.node}")


def _identity(facts: Facts) -> Iterator[Finding]:
    if facts.ticket:
        yield _not_enrolled(facts)
    elif facts.rootless:
        return
    elif facts.missing_keys:
        yield Finding(
            "identity", ok=False, said=f"missing: {', '.join(facts.missing_keys)}", todo="make a new card: piazza image"
        )
    elif facts.open_keys:
        yield Finding(
            "identity",
            ok=False,
            said=f"readable by everybody: {', '.join(facts.open_keys)}",
            todo="systemd-tmpfiles --create piazza.conf; if others use this machine, enrol anew",
        )
    else:
        yield Finding("identity", ok=True, said="keys are there and closed")
    if facts.ticket_on_card:
        yield Finding(
            "card", ok=False, said="the boot partition still holds a token", todo="run /boot/firmware/piazza/firstboot"
        )


def _not_enrolled(facts: Facts) -> Finding:
    if facts.ticket_ends is not None and facts.ticket_ends < facts.at:
        said = f"the ticket of this card ended on {_day(facts.ticket_ends)}"
        return Finding("identity", ok=False, said=said, todo="make a new card: piazza image")
    said = f"not enrolled yet: {facts.enrolment}" if facts.enrolment else "this node has not enrolled yet"
    todo = "at the authority: piazza enrol list, then approve it; here: journalctl -u piazza-enrol -n 20"
    return Finding("identity", ok=False, said=said, todo=todo)


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _certificate(facts: Facts) -> Iterator[Finding]:
    if facts.ticket or facts.rootless:
        return  # it comes with enrolment
    if facts.certificate_ends is None:
        yield Finding("certificate", ok=False, said="none that can be read", todo="make a new card: piazza image")
        return
    if facts.certificate_begins is not None and facts.at < facts.certificate_begins:
        said = f"not valid before {_day(facts.certificate_begins)}, and the clock says {_day(facts.at)}"
        yield Finding("certificate", ok=False, said=said, todo="mend the clock: timedatectl timesync-status")
        return
    days = (facts.certificate_ends - facts.at) / DAY_S
    if days < 0:
        said = f"ended {-days:.0f} days ago, unless the clock is wrong"
        yield Finding("certificate", ok=False, said=said, todo="timedatectl; then systemctl start piazza-renew")
        return
    todo = (
        "" if days >= CERTIFICATE_DAYS else "journalctl -u piazza-renew; does the authority answer? piazza enrol serve"
    )
    yield Finding("certificate", ok=days >= CERTIFICATE_DAYS, said=f"valid for {days:.0f} more days", todo=todo)


def _services(facts: Facts) -> Iterator[Finding]:
    for name in ("sense", "link"):
        unit = facts.units.get(name)
        if unit is None or not unit.active:
            yield _stopped(name, unit, "not known to systemd" if unit is None else "does not run")
        elif unit.restarts > RESTARTS:
            yield _stopped(name, unit, f"started again {unit.restarts} times")
        else:
            yield Finding(name, ok=True, said=unit.status or "runs")
    if "firewall" in facts.units:
        active = facts.units["firewall"].active
        todo = (
            "" if active else "systemctl start nftables-piazza; nft -c -f /etc/piazza/firewall.nft says what is wrong"
        )
        yield Finding("firewall", ok=active, said="loaded" if active else "not loaded", todo=todo)


def _stopped(name: str, unit: Unit | None, said: str) -> Finding:
    """What the service itself said of its end, where it said something."""
    if unit and unit.reason:
        said = f"{said}: {unit.reason}"
    return Finding(name, ok=False, said=said, todo=(unit and unit.hint) or f"journalctl -u piazza-{name} -n 50")


def _broker(facts: Facts) -> Iterator[Finding]:
    """Link runs, and may still reach nobody."""
    if facts.connected is None:
        return
    said = "a session stands" if facts.connected else facts.units.get("link", Unit(active=False)).status or "no session"
    todo = (
        ""
        if facts.connected
        else f"ip -brief address; getent hosts {facts.broker or 'BROKER'}; journalctl -u piazza-link -n 20"
    )
    yield Finding("broker", ok=facts.connected, said=said, todo=todo)


def _cameras(facts: Facts) -> Iterator[Finding]:
    sense = facts.units.get("sense")
    if not facts.cameras or sense is None or not sense.active:
        return  # no pictures without sense, which has a line of its own
    if facts.numbers_at is None or abs(facts.at - facts.numbers_at) > STALE_S:
        yield Finding(
            "cameras", ok=False, said="no numbers from sense", todo="journalctl -u piazza-sense -n 50; run as root"
        )
    else:
        yield _pictures(facts)


def _pictures(facts: Facts) -> Finding:
    rates = {camera: facts.numbers.get(camera, {}).get("camera/fps", 0.0) for camera in facts.cameras}
    dark = [camera for camera, fps in rates.items() if fps < LEAST_FPS]
    said = ", ".join(f"{camera} {fps:.1f} fps" for camera, fps in rates.items())
    return Finding("cameras", ok=not dark, said=said, todo=f"see to the cable of {', '.join(dark)}" if dark else "")


def _views(facts: Facts) -> Iterator[Finding]:
    """What image health says of a view that shows too little: the camera works, but could be turned without anybody being told."""
    unjudged = {camera: facts.numbers.get(camera, {}).get("camera/unjudged") for camera in facts.cameras}
    bare = [camera for camera, faults in unjudged.items() if faults and faults >= BARE]
    if bare:
        said = f"too bare to tell that it was moved, covered or defocused: {', '.join(bare)}"
        todo = "aim so that a kerb, a wall or a mast is in view; else let a switch at the box tell: tamper"
        yield Finding("views", ok=False, said=said, todo=todo)
    elif any(unjudged.values()):
        soft = ", ".join(camera for camera, faults in unjudged.items() if faults)
        yield Finding("views", ok=True, said=f"too soft to tell that it lost focus: {soft}")
    elif any(faults is not None for faults in unjudged.values()):
        yield Finding("views", ok=True, said="show enough to tell tampering")


def _outbox(facts: Facts) -> Iterator[Finding]:
    if facts.waiting is None:
        yield Finding("outbox", ok=False, said="cannot be read", todo="run as root; is sense running?")
        return
    many = facts.waiting > WAITING
    todo = "is the broker reached? journalctl -u piazza-link -n 50" if many else ""
    yield Finding("outbox", ok=not many, said=f"{facts.waiting} of {facts.last or 0} wait for a receipt", todo=todo)


def _clock(facts: Facts) -> Iterator[Finding]:
    synced, rtc = facts.host.get("clock_synced"), facts.host.get("clock_rtc")
    if synced or rtc:
        yield Finding("clock", ok=True, said="set by the network" if synced else "kept by the clock's cell")
    else:
        yield Finding(
            "clock", ok=False, said="not set by anybody", todo="timedatectl timesync-status; is UDP 123 let out?"
        )


def _supply(facts: Facts) -> Iterator[Finding]:
    if facts.host.get("undervoltage"):
        yield Finding(
            "supply", ok=False, said="too low a voltage now", todo="a shorter or thicker cable, a 5.1 V supply"
        )
    elif facts.host.get("undervoltage_since_boot"):
        yield Finding("supply", ok=False, said="was too low since boot", todo="look at supply and cable under load")
    elif "undervoltage" in facts.host:
        yield Finding("supply", ok=True, said="steady since boot")


def _heat(facts: Facts) -> Iterator[Finding]:
    if (heat := facts.host.get("cpu_temp_c")) is not None:
        todo = "" if heat < HOT_C else "shade, a heat sink, or air through the box"
        yield Finding("heat", ok=heat < HOT_C, said=f"{heat:.0f} °C", todo=todo)


def _room(facts: Facts) -> Iterator[Finding]:
    disk, memory = facts.host.get("disk_free_mb"), facts.host.get("memory_available_mb")
    if facts.read_only:
        todo = "journalctl -k | grep -i ext4; a card that fails is replaced: piazza image"
        yield Finding("disk", ok=False, said="what sense keeps lies on a disk that is read-only", todo=todo)
    elif disk is not None:
        todo = "" if disk >= LEAST_DISK_MB else "df -h /var/lib/piazza; is it the card that was ordered?"
        yield Finding("disk", ok=disk >= LEAST_DISK_MB, said=f"{disk:.0f} MB free", todo=todo)
    if memory is not None:
        todo = "" if memory >= LEAST_MEMORY_MB else "a smaller model or fewer cameras: piazza models list"
        yield Finding("memory", ok=memory >= LEAST_MEMORY_MB, said=f"{memory:.0f} MB available", todo=todo)


def _wear(facts: Facts) -> Iterator[Finding]:
    written, uptime = facts.host.get("disk_written_mb"), facts.host.get("uptime_s")
    if written is None or not uptime or uptime < DAY_S:
        return  # the writes of a boot say nothing about a day
    daily = written / (uptime / DAY_S)
    todo = "" if daily <= WRITTEN_MB_PER_DAY else "who writes? iotop -a; is the journal in memory?"
    yield Finding("card wear", ok=daily <= WRITTEN_MB_PER_DAY, said=f"{daily:.0f} MB written a day", todo=todo)


def _limits(facts: Facts) -> Iterator[Finding]:
    if facts.memory_limits is not None:
        todo = "" if facts.memory_limits else "add cgroup_enable=memory to /boot/firmware/cmdline.txt, then reboot"
        said = "enforced" if facts.memory_limits else "not enforced by this kernel"
        yield Finding("memory limits", ok=facts.memory_limits, said=said, todo=todo)
    if facts.watchdog is not None:
        todo = "" if facts.watchdog else "dtparam=watchdog=on in config.txt; systemctl show -p RuntimeWatchdogUSec"
        yield Finding("watchdog", ok=facts.watchdog, said="armed" if facts.watchdog else "not armed", todo=todo)


CHECKS: tuple[Check, ...] = (
    _configuration, _identity, _certificate, _services, _broker, _cameras, _views, _outbox,
    _clock, _supply, _heat, _room, _wear, _limits,
)  # fmt: skip
