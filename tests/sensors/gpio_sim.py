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
    """A chip that is configured in the folder `device`."""

    device: Path

    @property
    def number(self) -> int:
        """As in /dev/gpiochipN."""
        return int(self._said("bank0/chip_name").removeprefix("gpiochip"))

    @property
    def lines(self) -> Path:
        """The folder of its lines."""
        return Path("/sys/devices/platform") / self._said("dev_name") / self._said("bank0/chip_name")

    def plug_in(self) -> None:
        (self.device / "live").write_text("1")

    def pull_out(self) -> None:
        """The chip goes, whoever uses it."""
        (self.device / "live").write_text("0")

    def drive(self, line: int, *, high: bool) -> None:
        """Pull an input from outside, as a sensor's output does."""
        (self.lines / f"sim_gpio{line}/pull").write_text("pull-up" if high else "pull-down")

    def reads(self, line: int) -> bool:
        """The level that stands on a line, as a voltmeter would say."""
        return (self.lines / f"sim_gpio{line}/value").read_text().strip() == "1"

    def _said(self, attribute: str) -> str:
        return (self.device / attribute).read_text().strip()


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
    chip, bank = GpioSim(CONFIGFS / label), CONFIGFS / label / "bank0"
    bank.mkdir(parents=True)
    (bank / "num_lines").write_text(str(LINES))
    chip.plug_in()
    try:
        yield chip
    finally:
        chip.pull_out()
        bank.rmdir()
        chip.device.rmdir()
