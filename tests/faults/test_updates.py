"""Rows F4, F5, F6 (metadata), F7 and F17 of the fault matrix: a slice each, and the controls that they can fail."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.faults import (
    f04_ext4,
    f04_ota_apply,
    f05_chunk_kills,
    f05_ota_states,
    f06_tuf_fuzz,
    f07_ota_attacks,
    f17_rollout,
)
from tests.faults.row import line
from tests.ota.attacks import ATTACKS

ROWS = [
    (f04_ota_apply, "F4 OTA apply", 500),
    (f05_ota_states, "F5 OTA states", 1),
    (f06_tuf_fuzz, "F6 TUF fuzz", 600),
    (f07_ota_attacks, "F7 OTA attacks", 1),
    (f17_rollout, "F17 rollout", 300),
]


@pytest.mark.slow
@pytest.mark.parametrize(("row", "name", "slice_"), ROWS, ids=[name for _, name, _ in ROWS])
def test_a_slice_of_the_row_holds(row: ModuleType, name: str, slice_: int) -> None:
    counts = row.run(count=slice_, seed=1)
    print(f"\n{line(name, counts)} (seed 1)")
    assert {bad: counts[bad] for bad in row.BAD if counts[bad]} == {}


def test_the_power_cut_finds_what_a_careless_update_would_leave() -> None:
    """The control: the same cuts without any sync leave mixed releases and spoiled ledgers."""
    counts = f04_ota_apply.run(count=250, seed=1, careful=False)
    assert counts["mixed"] > 0
    assert counts["corrupt"] > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_on_a_real_ext4_the_power_may_go_after_any_operation_but_not_if_nothing_were_synced() -> None:
    counts = f04_ext4.run(count=1, seed=1)
    if counts["mounts_not_allowed"]:
        pytest.skip("this machine lets nobody mount an ext4 from a file")
    assert {bad: counts[bad] for bad in f04_ext4.BAD if counts[bad]} == {}
    assert counts["old"] > 0
    assert counts["new"] > 0
    careless = f04_ext4.run(count=1, seed=1, careful=False)
    assert careless["mixed"] + careless["never_ended"] > 0


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.timeout(900)
def test_link_goes_on_after_a_kill_at_a_chunk_without_fetching_one_again() -> None:
    counts = f05_chunk_kills.run(count=3, seed=1)
    assert {bad: counts[bad] for bad in ("fetched_twice", "not_verified", "unseen") if counts[bad]} == {}
    assert counts["kills"] >= 3


def test_a_broker_s_log_tells_which_chunks_were_sent() -> None:
    """As mosquitto writes it; a row that reads nothing would find nothing wrong."""
    name = "0123456789abcdef" * 2
    topic = f"piazza/v1/romagna/brisighella/all/ota/{name}"
    line = (
        f"1780000000: Sending PUBLISH to romagna.brisighella.n-0017 (d0, q0, r1, m0, '{topic}', ... (131072 bytes))\n"
    )
    assert list(f05_chunk_kills.sent([line, line.replace("Sending", "Received")])) == [name]


def test_the_tables_are_as_long_as_they_should_be() -> None:
    assert len(ATTACKS) >= 35
    assert len({title for title, (word, _) in ATTACKS.items() if word}) >= 35
