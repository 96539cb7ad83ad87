"""Instants on the wire."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.contract.times import instant, seconds
from agent.errors import Refused

YEAR_9999 = 253402300799


def test_an_instant_reads_as_people_write_it() -> None:
    assert instant(1777624200.25) == "2026-05-01T08:30:00.250Z"


@given(some.integers(min_value=0, max_value=YEAR_9999 * 1000))
def test_there_and_back_to_the_millisecond(milli: int) -> None:
    assert round(seconds(instant(milli / 1000)) * 1000) == milli


@given(some.integers(min_value=0, max_value=YEAR_9999))
def test_the_calendar_is_the_one_of_the_standard_library(at: int) -> None:
    assert instant(at)[:19] == datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


@pytest.mark.parametrize(
    "text",
    ["", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z",
     "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00Z\n",
     "\u0662026-01-01T00:00:00Z", "2026-01-01 00:00:00Z"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        seconds(text)
    assert refused.value.why == "bad-instant"


@pytest.mark.parametrize("at", [-1.0, 253402300800.0, float("inf"), float("nan")])
def test_a_number_outside_the_calendar_is_no_instant(at: float) -> None:
    with pytest.raises(Refused) as refused:
        instant(at)
    assert refused.value.why == "bad-instant"
