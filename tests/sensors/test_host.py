"""The computer's own state, from trees laid out as on a Raspberry Pi."""

from __future__ import annotations

import pytest

from agent.records import ClockQuality
from agent.sensors.host import Host, board_model
from agent.sensors.kernel_clock import clock_quality
from agent.sensors.settings import HostSettings

PI_4 = {
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "61835",
    "sys/class/hwmon/hwmon0/name": "cpu_thermal",
    "sys/class/hwmon/hwmon1/name": "rpi_volt",
    "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0",
    "sys/devices/platform/soc/soc:firmware/get_throttled": "50005",
    "sys/firmware/devicetree/base/model": "Raspberry Pi 4 Model B Rev 1.5\0",
    "proc/diskstats": (
        "   7       0 loop0 1 0 2 0 0 0 0 0 0 0 0\n"
        " 179       0 mmcblk0 500 0 4000 10 300 0 2000000 20 0 0 0\n"
        " 179       1 mmcblk0p1 100 0 1000 2 100 0 500000 5 0 0 0\n"
        " 253       0 zram0 1 0 1 0 9 0 9999 0 0 0 0\n"
    ),
    "proc/meminfo": "MemTotal:        3885396 kB\nMemFree: 100 kB\nMemAvailable:    2000000 kB\nHugePages_Total: 0\n",
    "proc/self/statm": "50000 10000 5000 1 0 9000 0",
    "proc/loadavg": "0.52 0.58 0.59 1/123 4567",
    "proc/uptime": "86400.25 300000.00",
    "run/systemd/timesync/synchronized": "",
}


def tree(root, files):
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def without(*prefixes):
    return {name: text for name, text in PI_4.items() if not name.startswith(prefixes)}


def told(root):
    return {one.quantity: one.value for one in Host(HostSettings(), root=root).read(9.0)}


def test_a_raspberry_pi_tells_its_heat_supply_disk_memory_and_clock(tmp_path):
    said = told(tree(tmp_path, PI_4))
    assert said.pop("disk_free_mb") > 0
    assert 0 <= said.pop("disk_free_pct") <= 100
    assert said.pop("rss_mb") > 0
    assert said == {
        "cpu_temp_c": 61.835,
        "undervoltage": 0.0,
        "undervoltage_since_boot": 1.0,
        "throttled": 1.0,
        "throttled_since_boot": 1.0,
        "disk_written_mb": 1024.0,
        "memory_available_mb": 2048.0,
        "load_1m": 0.52,
        "uptime_s": 86400.25,
        "clock_synced": 1.0,
        "clock_rtc": 0.0,
        "fault": 0.0,
    }


def test_the_firmware_s_word_serves_where_the_hwmon_driver_is_missing(tmp_path):
    assert told(tree(tmp_path, without("sys/class/hwmon")))["undervoltage"] == 1.0


def test_a_kernel_without_the_firmware_s_word_still_tells_undervoltage(tmp_path):
    said = told(tree(tmp_path, without("sys/devices") | {"sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1"}))
    assert said["undervoltage"] == 1.0
    assert "throttled" not in said


def test_what_a_board_does_not_have_is_left_out_and_no_fault(tmp_path):
    said = told(tree(tmp_path, without("sys/")))
    assert said["fault"] == 0.0
    assert "cpu_temp_c" not in said
    assert said["uptime_s"] == 86400.25


def test_what_is_there_and_unreadable_is_a_fault_and_the_rest_goes_on(tmp_path):
    said = told(tree(tmp_path, PI_4 | {"sys/class/thermal/thermal_zone0/temp": "hot", "proc/loadavg": ""}))
    assert said["fault"] == 1.0
    assert "cpu_temp_c" not in said
    assert said["uptime_s"] == 86400.25


def test_the_cpu_s_own_zone_is_chosen_among_several(tmp_path):
    zones = {"sys/class/thermal/thermal_zone0/type": "wifi", "sys/class/thermal/thermal_zone0/temp": "40000"}
    cpu = {"sys/class/thermal/thermal_zone1/type": "cpu-thermal", "sys/class/thermal/thermal_zone1/temp": "55000"}
    assert told(tree(tmp_path, PI_4 | zones | cpu))["cpu_temp_c"] == 55.0


def test_this_very_machine_can_be_read():
    said = {one.quantity: one.value for one in Host(HostSettings()).read(1.0)}
    assert said["fault"] == 0.0
    assert said["uptime_s"] > 0
    assert said["disk_free_mb"] > 0


def test_the_board_is_called_as_the_firmware_calls_it(tmp_path):
    assert board_model(tree(tmp_path, PI_4)) == "Raspberry Pi 4 Model B Rev 1.5"


def test_a_board_that_nobody_named_has_an_empty_name(tmp_path):
    assert board_model(tmp_path) == ""


RTC = {"sys/class/rtc/rtc0/hctosys": "1", "sys/class/rtc/rtc0/since_epoch": "1790000000"}
MARK = {"run/systemd/timesync/synchronized": ""}


@pytest.mark.parametrize(
    ("files", "steered", "quality"),
    [
        ({}, False, ClockQuality.UNSYNCED),
        (MARK, False, ClockQuality.NTP),
        ({}, True, ClockQuality.NTP),
        (RTC, False, ClockQuality.RTC),
        (RTC | MARK, False, ClockQuality.NTP),
        (RTC | {"sys/class/rtc/rtc0/hctosys": "0"}, False, ClockQuality.UNSYNCED),
        (RTC | {"sys/class/rtc/rtc0/since_epoch": "3600"}, False, ClockQuality.UNSYNCED),
        ({"sys/class/rtc/rtc0/hctosys": "1"}, False, ClockQuality.UNSYNCED),
    ],
)
def test_the_clock_is_trusted_as_far_as_its_source(tmp_path, files, steered, quality):
    """A clock chip counts only when the kernel took the time from it and its battery lived."""
    assert clock_quality(tree(tmp_path, files), synced=lambda: steered) is quality
