"""A day of the month that `bench/month.py` lives: brown-outs, a clock of 1970, lost sessions, and a renewal."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bench.month import lived

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("month")]  # lives one day, once


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    level = logging.getLogger().level
    try:
        return lived(Path(tmp_path_factory.mktemp("month")), days=1, events=60)
    finally:
        logging.getLogger().setLevel(level)


def test_what_was_committed_before_a_brown_out_reaches_the_store(found: dict[str, float]):
    assert found["envelopes"] > 2 * 60
    assert found["lost"] == 0


def test_a_machine_without_a_clock_of_its_own_never_goes_back_and_says_that_it_does_not_know(found: dict[str, float]):
    assert found["times_back"] == 0
    assert found["of_a_clock_not_set"] > 0


def test_the_certificate_is_renewed_when_half_of_its_days_have_gone_by(found: dict[str, float]):
    assert found["renewals"] == 1
    assert found["certificate_days_least"] > 0


def test_a_day_of_log_is_a_small_part_of_what_journald_is_given(found: dict[str, float]):
    assert 0 < found["log_kb_per_day"] < 1024
