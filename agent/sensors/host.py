"""The computer itself: heat, supply, disk, memory and load, read where the kernel shows them.

Nothing is run and nothing is written. What a board does not have is left out; what it has and cannot
be read is a `fault`. Every path lies under `root`.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from agent.records import ClockQuality, Observation
from agent.sensors.kernel_clock import clock_quality
from agent.sensors.settings import HostSettings
from agent.sensors.states import States

log = logging.getLogger(__name__)

MB = 1_000_000
SECTOR_BYTES = 512
"""What /proc/diskstats counts in, whatever the disk's own sectors are."""

UNDERVOLTAGE, THROTTLED = 1 << 0, 1 << 2
UNDERVOLTAGE_SINCE_BOOT, THROTTLED_SINCE_BOOT = 1 << 16, 1 << 18
"""Bits of the firmware's get_throttled word (Raspberry Pi documentation, vcgencmd)."""

_WHOLE_DISK = re.compile(r"^(?:mmcblk\d+|nvme\d+n\d+|[shv]d[a-z]+)$")

Reading = Iterator[tuple[str, float]]


class Host:
    """The node's own vital signs."""

    def __init__(self, settings: HostSettings, *, root: Path = Path("/")) -> None:
        self._settings = settings
        self._root = root
        self._states = States(settings.id)

    @property
    def period_s(self) -> float:
        return self._settings.period_s

    def read(self, at: float) -> Iterator[Observation]:
        """All that this board can tell of itself, then whether some of it could not be read."""
        failed: list[str] = []
        for reading in (*READINGS, self._disk_free):
            try:
                for quantity, value in reading(self._root):
                    yield Observation(self._settings.id, quantity, value, at)
            except FileNotFoundError:
                continue  # not on this board
            except (OSError, ValueError, IndexError) as error:
                failed.append(f"{reading.__name__}: {error}")
        for told in self._states.tell("fault", at, on=bool(failed)):
            if failed:
                log.warning("host state", extra={"sensor": self._settings.id, "said": failed})
            yield told

    def close(self) -> None:
        """Nothing is held open between two reads."""

    def _disk_free(self, root: Path) -> Reading:
        disk = os.statvfs(_standing(root / self._settings.disk.lstrip("/")))
        yield "disk_free_mb", disk.f_bavail * disk.f_frsize / MB
        yield "disk_free_pct", 100.0 * disk.f_bavail / max(1, disk.f_blocks)


def board_model(root: Path = Path("/")) -> str:
    """What the firmware calls this board (`Raspberry Pi 4 Model B Rev 1.5`); empty where it does not."""
    for place in ("sys/firmware/devicetree/base/model", "sys/class/dmi/id/product_name"):
        try:
            return (root / place).read_text().strip("\0\n ")
        except OSError:
            continue
    return ""


def _temperature(root: Path) -> Reading:
    zones = sorted((root / "sys/class/thermal").glob("thermal_zone*"))
    named = [zone for zone in zones if "cpu" in _text(zone / "type")]
    for zone in (named or zones)[:1]:
        yield "cpu_temp_c", float(_text(zone / "temp")) / 1000


def _supply(root: Path) -> Reading:
    """Undervoltage by the hwmon driver, the rest by the firmware's own word, which alone serves old kernels."""
    alarms = [alarm for alarm in (root / "sys/class/hwmon").glob("hwmon*/in*_lcrit_alarm") if _is_supply(alarm.parent)]
    for alarm in alarms[:1]:
        yield "undervoltage", float(_text(alarm))
    word = int(_text(root / "sys/devices/platform/soc/soc:firmware/get_throttled"), 16)
    if not alarms:
        yield "undervoltage", float(bool(word & UNDERVOLTAGE))
    yield "undervoltage_since_boot", float(bool(word & UNDERVOLTAGE_SINCE_BOOT))
    yield "throttled", float(bool(word & THROTTLED))
    yield "throttled_since_boot", float(bool(word & THROTTLED_SINCE_BOOT))


def _is_supply(sensor: Path) -> bool:
    return _text(sensor / "name") == "rpi_volt"


def _disk_written(root: Path) -> Reading:
    rows = (line.split() for line in _text(root / "proc/diskstats").splitlines())
    sectors = [int(row[9]) for row in rows if _WHOLE_DISK.match(row[2])]
    if sectors:
        yield "disk_written_mb", sum(sectors) * SECTOR_BYTES / MB


def _memory(root: Path) -> Reading:
    lines = (line.partition(":") for line in _text(root / "proc/meminfo").splitlines())
    kib = {name: float(rest.split()[0]) for name, _, rest in lines}
    yield "memory_available_mb", kib.get("MemAvailable", kib.get("MemFree", 0.0)) * 1024 / MB


def _own_memory(root: Path) -> Reading:
    pages = int(_text(root / "proc/self/statm").split()[1])
    yield "rss_mb", pages * os.sysconf("SC_PAGE_SIZE") / MB


def _load(root: Path) -> Reading:
    yield "load_1m", float(_text(root / "proc/loadavg").split()[0])


def _uptime(root: Path) -> Reading:
    yield "uptime_s", float(_text(root / "proc/uptime").split()[0])


def _clock(root: Path) -> Reading:
    quality = clock_quality(root)
    yield "clock_synced", float(quality is ClockQuality.NTP)
    yield "clock_rtc", float(quality is ClockQuality.RTC)


READINGS: tuple[Callable[[Path], Reading], ...] = (
    _temperature,
    _supply,
    _disk_written,
    _memory,
    _own_memory,
    _load,
    _uptime,
    _clock,
)


def _text(file: Path) -> str:
    return file.read_text().strip()


def _standing(folder: Path) -> Path:
    """`folder`, or the nearest folder above it that exists: it will lie on the same disk."""
    return next(one for one in (folder, *folder.parents) if one.exists())
