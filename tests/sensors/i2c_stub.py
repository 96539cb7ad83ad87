"""The kernel's simulated I²C chip (i2c-stub): registers that we fill, on a bus that real drivers probe.

Load it with `modprobe i2c-stub chip_addr=0x76`; see the kernel's Documentation/i2c/i2c-stub.rst.
"""

from __future__ import annotations

import ctypes
import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

BUSES = Path("/sys/bus/i2c/devices")
I2C_SLAVE_FORCE, I2C_SMBUS = 0x0706, 0x0720
WRITE, BYTE_DATA = 0, 2


class _Call(ctypes.Structure):
    """`struct i2c_smbus_ioctl_data` of linux/i2c-dev.h."""

    _fields_ = (
        ("read_write", ctypes.c_uint8),
        ("command", ctypes.c_uint8),
        ("size", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
    )


def stub_bus() -> int:
    """The number of the simulated bus; -1 where this kernel has none."""
    for bus in BUSES.glob("i2c-*"):
        if (bus / "name").read_text().startswith("SMBus stub driver"):
            return int(bus.name.removeprefix("i2c-"))
    return -1


def fill(bus: int, address: int, registers: Mapping[int, int]) -> None:
    """Set bytes of a simulated chip."""
    with Path(f"/dev/i2c-{bus}").open("rb+", buffering=0) as device:
        fcntl.ioctl(device, I2C_SLAVE_FORCE, address)
        for register, value in registers.items():
            data = ctypes.create_string_buffer(bytes([value]), 34)
            call = _Call(WRITE, register, BYTE_DATA, ctypes.addressof(data))
            fcntl.ioctl(device, I2C_SMBUS, call)


@contextmanager
def driven(bus: int, address: int, name: str) -> Iterator[None]:
    """Let the kernel's own driver for `name` probe the chip; it lets go afterwards."""
    folder = BUSES / f"i2c-{bus}"
    (folder / "new_device").write_text(f"{name} {address:#x}")
    try:
        yield
    finally:
        (folder / "delete_device").write_text(f"{address:#x}")
