"""The one rung of the virtual node that `make test` climbs: nothing is compiled for it."""

from __future__ import annotations

import os
import subprocess

import pytest

from agent.clock import SystemClock
from tests.vm.ladder import READY, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def test_a_node_boots_on_debians_own_user_mode_linux_and_its_event_is_verified():
    """Where this machine runs no such kernel that is said, and nothing is held against it; where it does, all must hold."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode:
        pytest.skip("only root that may have a network of its own can lay a cable to a machine")
    result = run(READY, SystemClock())
    if result.said == "skip":
        pytest.skip(result.why)
    assert result.said == "ok", result.why
