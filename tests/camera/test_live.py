"""Live sources: drained, lost and found again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import pytest

from agent.camera.live import Feed
from agent.camera.newest import Newest
from agent.camera.pictures import Picture
from agent.clock import SimulatedClock
from agent.errors import CameraError, CameraStalled


@dataclass
class Still:
    """A picture of one shade."""

    shade: int

    def rgb(self) -> Picture:
        return np.full((2, 2, 3), self.shade, np.uint8)


class Connection:
    """A source that gives the pictures of one connection, each when it is asked for, and then breaks."""

    def __init__(self, shades: Sequence[int], taken: threading.Semaphore) -> None:
        self._shades, self._taken = shades, taken

    def shots(self) -> Iterator[Still]:
        for shade in self._shades:
            self._taken.acquire()
            yield Still(shade)
        self._taken.acquire()
        raise CameraError("the line broke")

    def close(self) -> None: ...


class Line:
    """Connections one after the other; None is an attempt that is refused."""

    def __init__(self, *connections: Sequence[int] | None) -> None:
        self.taken = threading.Semaphore(1)
        self._connections = iter(connections)

    def open(self) -> Connection:
        shades = next(self._connections)
        if shades is None:
            raise CameraError("refused")
        return Connection(shades, self.taken)


def fed(line: Line, *, pauses: Callable[[], Iterator[float]] | None = None, patient: bool = False) -> Feed:
    return Feed("gate", opening=line.open, clock=SimulatedClock(5.0), pauses=pauses, patient=patient)


def at_once() -> Iterator[float]:
    return repeat(0.0)


def shades(feed: Feed, line: Line, count: int) -> list[int]:
    """The next pictures, asking for each when the one before has been taken."""
    found: list[int] = []
    while len(found) < count:
        arrival = feed.take(timeout_s=60.0)
        if arrival:
            found.append(int(arrival.shot.rgb()[0, 0, 0]))
            line.taken.release()
    return found


def test_pictures_come_with_the_instant_at_which_they_came():
    line = Line([1, 2])
    feed = fed(line)
    arrival = feed.take(timeout_s=60.0)
    assert arrival
    assert (arrival.at, arrival.monotonic) == (5.0, 0.0)
    feed.close()


def test_a_lost_address_is_found_again():
    line = Line([1, 2], None, None, [3])
    feed = fed(line, pauses=at_once)
    first = shades(feed, line, 2)
    line.taken.release()
    assert first + shades(feed, line, 1) == [1, 2, 3]
    feed.close()


def test_pauses_begin_anew_after_a_success():
    """Two rows of attempts, each from the first pause on."""
    begun: list[int] = []

    def counted() -> Iterator[float]:
        begun.append(1)
        return repeat(0.0)

    line = Line([1], None, None, [2], None, [3])
    feed = fed(line, pauses=counted)
    for _ in range(2):
        shades(feed, line, 1)
        line.taken.release()
    assert feed.take(timeout_s=60.0)
    assert len(begun) == 2
    feed.close()


def test_a_first_attempt_that_is_refused_ends_the_camera():
    with pytest.raises(CameraError, match="refused"):
        fed(Line(None, [1]), pauses=at_once).take(timeout_s=60.0)


def test_a_patient_camera_waits_for_its_first_picture():
    line = Line(None, None, [1])
    feed = fed(line, pauses=at_once, patient=True)
    assert shades(feed, line, 1) == [1]
    feed.close()


def test_a_device_that_is_pulled_out_ends_the_camera():
    line = Line([1])
    feed = fed(line)
    shades(feed, line, 1)
    with pytest.raises(CameraStalled, match="the line broke"):
        feed.take(timeout_s=60.0)


def test_an_unexpected_error_of_the_reader_reaches_whoever_takes():
    def broken() -> Connection:
        raise ZeroDivisionError

    feed = Feed("gate", opening=broken, clock=SimulatedClock(), pauses=at_once)
    with pytest.raises(ZeroDivisionError):
        feed.take(timeout_s=60.0)


def test_only_the_newest_is_kept():
    slot: Newest[int] = Newest()
    for number in range(1000):
        slot.put(number)
    assert slot.take(timeout_s=0.0) == 999
    assert slot.take(timeout_s=0.0) is None


def test_a_closed_slot_waits_for_nothing():
    slot: Newest[int] = Newest()
    slot.close()
    slot.pause(60.0)
    assert slot.take(timeout_s=60.0) is None
