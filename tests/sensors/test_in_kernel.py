"""The tests on a kernel's own pins and buses, in a Linux of their own where this one has none."""

from __future__ import annotations

import subprocess

import pytest

from tests.conftest import CHECKOUT
from tests.sensors.gpio_sim import missing
from tests.vm.guest import kernel

BOOT = CHECKOUT / "tests/sensors/kernel/boot"


@pytest.mark.slow
@pytest.mark.skipif(not missing(), reason="this kernel has gpio-sim itself")
@pytest.mark.skipif(kernel(build=False) is None, reason="no guest kernel: tools/vm/kernel makes it, 10 minutes once")
def test_pins_and_the_bme280_of_a_real_kernel_pass_in_a_guest():
    said = subprocess.run([str(BOOT)], capture_output=True, text=True, check=False).stdout
    assert "guest: pytest ended with 0" in said, said[-3000:]
    assert "skipped" not in said.lower(), said[-3000:]
