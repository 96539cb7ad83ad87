"""The reference page says what the code does: a driver, option or quantity that it forgets is an error."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from agent.sensors import SENSORS, STATES
from agent.sensors.host import Host
from agent.sensors.settings import HostSettings, LampSettings, Measure, SensorSettings
from agent.uplink.measures import DECIMALS
from tests.conftest import CHECKOUT

PAGE = (CHECKOUT / "docs/reference/sensors.md").read_text(encoding="utf-8")
KINDS = get_args(SensorSettings)


def test_every_driver_has_its_row():
    assert [driver for driver in SENSORS if f"\n| `{driver}` |" not in PAGE] == []


@pytest.mark.parametrize("kind", [*KINDS, LampSettings])
def test_every_option_is_explained(kind):
    fields = {field.name for field in msgspec.structs.fields(kind)} - {"id"}
    assert [name for name in fields if f"`{name}`" not in PAGE and f"{name}:" not in PAGE] == []


def test_every_quantity_is_named():
    of_contacts = [kind.quantity for kind in KINDS if "quantity" in vars(kind) and isinstance(kind.quantity, str)]
    assert [name for name in (*of_contacts, *get_args(Measure)) if f"`{name}`" not in PAGE] == []


def test_every_quantity_and_state_may_leave_the_node():
    """A new one needs its decimals in the table of the exit door, or its events are refused there."""
    of_contacts = {kind.quantity for kind in KINDS if isinstance(getattr(kind, "quantity", None), str)}
    of_host = {one.quantity for one in Host(HostSettings()).read(0.0)}
    assert (of_contacts | of_host | set(get_args(Measure)) | STATES) - set(DECIMALS) == set()
