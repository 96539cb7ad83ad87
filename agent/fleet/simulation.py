"""Days in the life of a fleet, as fast as broker and store can take them.

The invariant: simulated time goes on only while the nodes together have no more waiting than their
windows hold, so what a slow broker or store makes is time, not memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.clock import Clock
from agent.contract.topics import NodeName
from agent.errors import UserError
from agent.fleet.carrier import WINDOW, Carrier
from agent.fleet.life import HOUR_S, QUARTER_S, life
from agent.fleet.wire import Wire
from agent.records import Record

PATIENCE_S = 120.0
"""How long nothing at all may be thanked for before the rest counts as lost."""

CONNECT_S = 120.0
IDLE_S = 0.002


@dataclass(frozen=True, slots=True)
class Report:
    """What became of it; `lost` are envelopes that nobody thanked for in the end, `refused` answers of the broker."""

    nodes: int
    connections: int
    hours: float
    envelopes: int
    published: int
    resent: int
    refused: int
    sessions: int
    lost: int
    seconds: float
    per_s: float


def names(union: str, *, comuni: int, nodes: int) -> list[NodeName]:
    """So many nodes, dealt out to so many comuni."""
    return [NodeName(union, f"comune-{number % comuni + 1}", f"n-{number:04d}") for number in range(nodes)]


class Fleet:
    """Owned by one thread."""

    def __init__(self, carriers: Sequence[Carrier], wires: Sequence[Wire], *, clock: Clock) -> None:
        self._carriers = carriers
        self._wires = wires
        self._clock = clock

    def connect(self) -> float:
        """Have every connection stand; the seconds that this took, UserError when it takes too long."""
        began = self._clock.monotonic()
        for wire in self._wires:
            wire.open()
        while not all(wire.stands for wire in self._wires):
            self._turn()
            if self._clock.monotonic() - began > CONNECT_S:
                missing = sum(not wire.stands for wire in self._wires)
                raise UserError(
                    f"{missing} of {len(self._wires)} connections do not stand after {CONNECT_S:.0f} s",
                    hint="look at the broker's log, its limit of connections and of open files",
                )
        return self._clock.monotonic() - began

    def live(
        self, *, seed: int, since: float, hours: float, say: Callable[[float, int], None] = lambda _hour, _made: None
    ) -> Report:
        """Let `hours` go by and wait for the last thanks; `say` hears each hour and how much was made by then."""
        began = self._clock.monotonic()
        until = since + hours * HOUR_S
        lives = [_Life(carrier, life(carrier.name, seed=seed, since=since, until=until)) for carrier in self._carriers]
        for quarter in range(1, int(hours * HOUR_S / QUARTER_S) + 1):
            for one in lives:
                one.live(until=since + quarter * QUARTER_S)
            self._settle(at_most=WINDOW * len(self._carriers))
            if quarter % 4 == 0:
                for wire in self._wires:
                    wire.say_heads()
                say(quarter / 4, self._made)
        self._settle(at_most=0)
        return self._report(hours, self._clock.monotonic() - began)

    def close(self) -> None:
        for wire in self._wires:
            wire.close()

    @property
    def _made(self) -> int:
        return sum(carrier.tail.seq for carrier in self._carriers)

    def _turn(self) -> None:
        for wire in self._wires:
            wire.turn(IDLE_S if len(self._wires) == 1 else 0.0)

    def _settle(self, *, at_most: int) -> None:
        """Turn until no more than that waits, or nothing has moved for long."""
        waiting, since = -1, self._clock.monotonic()
        while (left := sum(wire.waiting for wire in self._wires)) > at_most:
            if left != waiting:
                waiting, since = left, self._clock.monotonic()
            else:
                self._clock.sleep(IDLE_S)  # brokers and stores want the processor too
            if self._clock.monotonic() - since > PATIENCE_S:
                return
            self._turn()

    def _report(self, hours: float, seconds: float) -> Report:
        return Report(
            nodes=len(self._carriers),
            connections=len(self._wires),
            hours=hours,
            envelopes=self._made,
            published=sum(carrier.sent for carrier in self._carriers),
            resent=sum(carrier.resent for carrier in self._carriers),
            refused=sum(wire.refused for wire in self._wires),
            sessions=sum(wire.sessions for wire in self._wires),
            lost=sum(wire.waiting for wire in self._wires),
            seconds=round(seconds, 1),
            per_s=round(self._made / seconds, 1) if seconds else 0.0,
        )


class _Life:
    """A node's life, lived as far as simulated time has come."""

    def __init__(self, carrier: Carrier, records: Iterator[Record]) -> None:
        self._carrier = carrier
        self._records = records
        self._next = next(records, None)

    def live(self, *, until: float) -> None:
        while self._next is not None and self._next.at <= until:
            self._carrier.put(self._next)
            self._next = next(self._records, None)
