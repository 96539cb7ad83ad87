"""Industrial I/O from folders laid out as the kernel lays them out."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from agent.clock import SimulatedClock
from agent.errors import SensorError
from agent.sensors import open_sensor
from agent.sensors.iio import CHANNELS, Iio
from agent.sensors.settings import IioSettings, Measure

BME280 = {"in_temp_input": "21430", "in_humidityrelative_input": "45200.5", "in_pressure_input": "101.3250"}
SCD41 = {
    "in_concentration_co2_raw": "612",
    "in_concentration_co2_scale": "0.000100000",
    "in_temp_raw": "24000",
    "in_temp_offset": "-16852.91",
    "in_temp_scale": "2.670288",
}
EIO = Path("/proc/self/mem")
"""Reading its first byte is the kernel's own EIO: nothing is mapped there."""


def device(root, files, *, name="bme280", number=0, label=None):
    folder = root / f"sys/bus/iio/devices/iio:device{number}"
    folder.mkdir(parents=True)
    named = {"name": name, **({"label": label} if label else {})}
    for file, text in {**named, **files}.items():
        (folder / file).write_text(text + "\n")
    return folder


def iio(root, *quantities, device="bme280"):
    return Iio(IioSettings(id="air", device=device, quantities=quantities), root=root)


def told(sensor, at=5.0):
    return {one.quantity: round(one.value, 3) for one in sensor.read(at)}


def test_ready_made_values_come_in_our_units(tmp_path):
    device(tmp_path, BME280)
    assert told(iio(tmp_path)) == {
        "temperature_c": 21.43,
        "humidity_pct": 45.2,
        "pressure_hpa": 1013.25,
        "fault": 0.0,
        "implausible": 0.0,
    }


def test_raw_values_are_offset_and_scaled_as_the_kernel_defines_it(tmp_path):
    device(tmp_path, SCD41, name="scd41")
    assert told(iio(tmp_path, device="scd41")) == {
        "temperature_c": 19.085,
        "co2_ppm": 612.0,
        "fault": 0.0,
        "implausible": 0.0,
    }


def test_a_scale_shared_by_all_channels_of_a_kind_is_found(tmp_path):
    device(tmp_path, {"in_illuminance0_raw": "200", "in_illuminance_scale": "0.5"}, name="opt3001")
    assert told(iio(tmp_path, device="opt3001"))["light_lx"] == 100.0


@pytest.mark.parametrize(
    ("file", "text", "quantity", "value"),
    [
        ("in_resistance_input", "52000", "gas_ohm", 52000.0),
        ("in_concentration_voc_input", "0.0003", "voc_ppm", 3.0),
        ("in_massconcentration_pm2p5_input", "12.5", "pm2p5_ug_m3", 12.5),
        ("in_massconcentration_pm10_input", "20", "pm10_ug_m3", 20.0),
        ("in_distance_input", "1.204", "distance_m", 1.204),
        ("in_proximity_raw", "2", "distance_m", 2.0),
        ("in_illuminance_input", "350.2", "light_lx", 350.2),
    ],
)
def test_each_kind_of_channel_has_its_quantity_and_unit(tmp_path, file, text, quantity, value):
    device(tmp_path, {file: text})
    assert told(iio(tmp_path))[quantity] == value


def test_of_two_channels_for_the_same_quantity_the_nearer_one_is_read(tmp_path):
    device(tmp_path, {"in_distance_input": "1.5", "in_proximity_raw": "300"})
    assert told(iio(tmp_path))["distance_m"] == 1.5


def test_unknown_channels_are_left_alone(tmp_path):
    device(tmp_path, {**BME280, "in_voltage0_raw": "7", "in_temp_oversampling_ratio": "2"})
    assert set(told(iio(tmp_path))) == {"temperature_c", "humidity_pct", "pressure_hpa", "fault", "implausible"}


def test_only_the_named_quantities_are_read(tmp_path):
    device(tmp_path, BME280)
    assert set(told(iio(tmp_path, "humidity_pct"))) == {"humidity_pct", "fault", "implausible"}


def test_an_input_output_error_is_a_fault_and_the_other_channels_go_on(tmp_path):
    folder = device(tmp_path, BME280)
    sensor = iio(tmp_path)
    told(sensor)
    (folder / "in_temp_input").unlink()
    (folder / "in_temp_input").symlink_to(EIO)
    assert told(sensor) == {"humidity_pct": 45.2, "pressure_hpa": 1013.25, "fault": 1.0}


def test_a_fault_is_told_once_and_its_end_too(tmp_path):
    folder = device(tmp_path, BME280)
    sensor = iio(tmp_path, "temperature_c")
    seen = []
    for text in ("21000", "", "", "22000"):
        (folder / "in_temp_input").write_text(text)
        seen.append(told(sensor).get("fault"))
    assert seen == [0.0, 1.0, None, 0.0]


def test_a_named_channel_that_the_part_does_not_have_is_a_fault_and_not_a_crash(tmp_path):
    device(tmp_path, BME280)
    assert told(iio(tmp_path, "co2_ppm", "temperature_c")) == {"temperature_c": 21.43, "fault": 1.0, "implausible": 0.0}


@pytest.mark.parametrize("text", ["150000", "-90000", "nan", "inf"])
def test_a_value_that_cannot_be_is_flagged_and_not_told(tmp_path, text):
    device(tmp_path, {"in_temp_input": text})
    assert told(iio(tmp_path)) == {"fault": 0.0, "implausible": 1.0}


def test_a_part_that_comes_back_under_another_number_is_found_again(tmp_path):
    folder = device(tmp_path, BME280)
    sensor = iio(tmp_path, "temperature_c")
    told(sensor)
    folder.rename(tmp_path / "away")
    assert told(sensor) == {"fault": 1.0}
    (tmp_path / "away").rename(folder.with_name("iio:device3"))
    assert told(sensor) == {"temperature_c": 21.43, "fault": 0.0}


def test_a_part_that_is_not_there_is_refused_with_what_is(tmp_path):
    device(tmp_path, BME280)
    with pytest.raises(SensorError, match="'scd41' is not there") as refused:
        iio(tmp_path, device="scd41")
    assert "bme280" in refused.value.hint


def test_a_machine_without_industrial_io_is_refused_too(tmp_path):
    with pytest.raises(SensorError) as refused:
        iio(tmp_path)
    assert "none" in refused.value.hint


def test_two_parts_of_one_name_need_a_label(tmp_path):
    device(tmp_path, BME280, number=0)
    device(tmp_path, {"in_temp_input": "5000"}, number=1, label="outside")
    with pytest.raises(SensorError, match="2 times") as refused:
        iio(tmp_path)
    assert "label" in refused.value.hint
    assert told(iio(tmp_path, device="outside"))["temperature_c"] == 5.0


def test_a_part_that_measures_nothing_known_is_refused(tmp_path):
    device(tmp_path, {"in_voltage0_raw": "7"})
    with pytest.raises(SensorError, match="nothing that is known") as refused:
        iio(tmp_path)
    assert "temperature_c" in refused.value.hint


def test_it_opens_by_its_driver_name_under_another_root(tmp_path):
    device(tmp_path, BME280)
    sensor = open_sensor(IioSettings(id="air", device="bme280"), clock=SimulatedClock(), root=tmp_path)
    assert {one.at for one in sensor.read(7.0)} == {7.0}


def test_every_measure_that_may_be_configured_has_a_channel_and_the_other_way_round():
    assert set(get_args(Measure)) == {channel.quantity for channel in CHANNELS.values()}
