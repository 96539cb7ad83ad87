"""A BME280 as the kernel's own driver reads it, from registers on a simulated bus."""

from __future__ import annotations

import struct

import pytest

from agent.sensors.iio import Iio
from agent.sensors.settings import IioSettings
from tests.sensors.i2c_stub import driven, fill, stub_bus

pytestmark = pytest.mark.skipif(stub_bus() < 0, reason="this kernel has no i2c-stub bus; run it in the virtual node")

ADDRESS = 0x76
# The worked example of the BMP280 data sheet (section 3.12): 25.08 °C and 1006.53 hPa.
CALIBRATION = struct.pack("<HhhHhhhhhhhh", 27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
HUMIDITY_CALIBRATION = struct.pack("<hBBBBb", 362, 0, 313 >> 4, (313 & 0xF) | (50 & 0xF) << 4, 50 >> 4, 30)
PRESSURE, TEMPERATURE, HUMIDITY = 415148, 519888, 28000


def registers():
    return {
        0xD0: 0x60,
        **dict(enumerate(CALIBRATION, start=0x88)),
        0xA1: 75,
        **dict(enumerate(HUMIDITY_CALIBRATION, start=0xE1)),
        **dict(enumerate((PRESSURE << 4).to_bytes(3, "big"), start=0xF7)),
        **dict(enumerate((TEMPERATURE << 4).to_bytes(3, "big"), start=0xFA)),
        **dict(enumerate(HUMIDITY.to_bytes(2, "big"), start=0xFD)),
    }


@pytest.fixture
def bme280():
    fill(stub_bus(), ADDRESS, registers())
    with driven(stub_bus(), ADDRESS, "bme280"):
        yield Iio(IioSettings(id="air", device="bme280"))


def test_the_kernel_s_driver_and_ours_agree_with_the_data_sheet(bme280):
    told = {one.quantity: one.value for one in bme280.read(1.0)}
    assert told["temperature_c"] == pytest.approx(25.08, abs=0.01)
    assert told["pressure_hpa"] == pytest.approx(1006.53, abs=0.1)
    assert 0.0 < told["humidity_pct"] < 100.0
    assert (told["fault"], told["implausible"]) == (0.0, 0.0)


def test_a_chip_that_measures_nonsense_is_not_believed(bme280):
    """All ones are what a chip without power gives: the kernel's driver refuses, or the value cannot be."""
    list(bme280.read(1.0))
    fill(stub_bus(), ADDRESS, dict.fromkeys(range(0xF7, 0xFF), 0xFF))
    told = {one.quantity: one.value for one in bme280.read(2.0)}
    assert told.get("fault", 0.0) + told.get("implausible", 0.0) >= 1.0
