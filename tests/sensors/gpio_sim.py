"""The kernel's simulated GPIO chip (gpio-sim), driven through configfs and sysfs.

What is claimed, pulled and heard here goes through /dev/gpiochipN like the lines of a real board.
See the kernel's Documentation/admin-guide/gpio/gpio-sim.rst.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CONFIGFS = Path("/sys/kernel/config/gpio-sim")
LINES = 28


@dataclass(frozen=True, slots=True)
class GpioSim:
    """A live chip: `number` as in /dev/gpiochipN, `lines` the folder of its lines."""

    number: int
    lines: Path

    def drive(self, line: int, *, high: bool) -> None:
        """Pull an input from outside, as a sensor's output does."""
        (self.lines / f"sim_gpio{line}/pull").write_text("pull-up" if high else "pull-down")

    def reads(self, line: int) -> bool:
        """The level that stands on a line, as a voltmeter would say."""
        return (self.lines / f"sim_gpio{line}/value").read_text().strip() == "1"


def missing() -> str:
    """Why there can be no chip here; empty where there can."""
    if not CONFIGFS.is_dir():
        return f"this kernel has no gpio-sim ({CONFIGFS} is not there); run it in the virtual node"
    try:
        import lgpio  # noqa: F401 -- only asked whether it is there
    except ImportError:
        return "lgpio is not installed; run it in the virtual node"
    return ""


@contextmanager
def gpio_sim(label: str) -> Iterator[GpioSim]:
    """A chip with as many lines as the header of a Raspberry Pi; gone afterwards."""
    device, bank = CONFIGFS / label, CONFIGFS / label / "bank0"
    bank.mkdir(parents=True)
    (bank / "num_lines").write_text(str(LINES))
    (device / "live").write_text("1")
    try:
        chip = (bank / "chip_name").read_text().strip()
        parent = (device / "dev_name").read_text().strip()
        yield GpioSim(int(chip.removeprefix("gpiochip")), Path("/sys/devices/platform") / parent / chip)
    finally:
        (device / "live").write_text("0")
        bank.rmdir()
        device.rmdir()
