"""Rows F1 (stores that share), F11 and F18 of the fault matrix: a slice of each; the clusters take minutes and are for `make faults`."""

from __future__ import annotations

import pytest

from tests.faults import f01_kill_shared, f11_full, f18_brokers
from tests.faults.row import line


@pytest.mark.slow
def test_a_full_spool_and_a_full_partition_lose_nothing_unsaid():
    counts = f11_full.run(count=2, seed=1)
    print(f"\n{line('F11 full spool, full partition', counts)} (seed 1; the whole column has 10)")
    assert {bad: counts[bad] for bad in f11_full.BAD if counts[bad]} == {}
    assert counts["given_up"] > 0, "the spool did overflow"


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["mosquitto", "bridge"])
def test_the_configurations_for_mosquitto_lose_nothing_when_it_is_killed(name: str):
    counts = f18_brokers.run(count=1, seed=1, only=name)
    print(f"\n{line('F18 brokers', counts)} (seed 1; the whole row has four deployments)")
    assert {bad: counts[bad] for bad in f18_brokers.BAD if counts[bad]} == {}
    if not counts["deployments"]:
        pytest.skip("mosquitto is not installed: see requirements/apt.txt")


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_stores_that_share_their_work_lose_nothing_when_either_is_killed():
    counts = f01_kill_shared.run(count=4, seed=1)
    print(f"\n{line('F1 kill -9 of stores that share', counts)} (seed 1; the whole column has 30)")
    assert {bad: counts[bad] for bad in f01_kill_shared.BAD if counts[bad]} == {}
