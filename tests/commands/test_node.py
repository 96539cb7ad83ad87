"""The running node: it tells of a lost camera once, feeds the watchdog by work, and keeps what it learned."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import msgspec
import pytest

from agent.anomaly.lost import RULE
from agent.anomaly.tally import Tally
from agent.clock import CLOCK, SystemClock
from agent.commands.node import OUTBOX, Node, Numbers
from agent.commands.sense import _left_open
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.topics import Class
from agent.contract.types import EventData, StateData
from agent.errors import CameraError, CameraStalled
from agent.notify import Notify, Pulse
from agent.pipeline import Decider, LiveMerge, Stream, Vitals
from agent.records import Observation, Phase
from agent.sensors.lamp import PATTERNS, Lamp, Sight
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Sealer
from agent.uplink.inbox import Inbox
from agent.uplink.outbox import Outbox, OutboxReader
from agent.uplink.settings import BrokerSettings, UplinkSettings
from agent.uplink.spool import Spool
from tests.anomaly.playing import engine
from tests.contract.makers import NODE, signer
from tests.uplink.nodes import STATE, ring

WORDS = Vocabulary(rules=frozenset({RULE, "somebody"}), sources=frozenset({"yard"}), zones=frozenset({"gate"}))
RULES = "[{kind: presence, id: somebody, quantity: gate/person/count}]"
FAILURE = CameraError("no pictures", hint="look at the cable")
FAILURE.camera = "yard"
LAMP_S = 10.0


@dataclass
class Told:
    """A service manager that remembers what it was told."""

    words: list[str]

    def notify(self) -> Notify:
        words = self.words

        class Manager(Notify):
            def _send(self, **said: str) -> None:
                words.extend(said)

        return Manager()


def pictures(count: int, *, since: float, people: float = 0.0, failure: Exception | None = None) -> Stream:
    """What a camera says each second, and how it ends."""
    for number in range(count):
        yield Observation("yard", "gate/person/count", people, since + number)
    if failure:
        raise failure


def seconds(count: int, *, since: float) -> Stream:
    for number in range(count):
        yield Observation(CLOCK, "tick", 1.0, since + number)


@dataclass
class Shining:
    """A light that remembers what it showed: how long it was lit in each turn."""

    shown: list[float | str] = field(default_factory=list)

    def show(self, *, on_s: float, off_s: float, times: int) -> None:
        assert times > 0
        assert off_s >= 0.0
        self.shown.append(on_s)

    def dark(self) -> None:
        self.shown.append("dark")

    def close(self) -> None:
        self.shown.append("closed")


def run(
    folder: Path,
    *streams: Stream,
    words: list[str] | None = None,
    numbers: Path | None = None,
    light: Shining | None = None,
    clock: SystemClock | None = None,
) -> None:
    """One life of sense in a folder: everything real but the cameras, the light and the service manager."""
    clock = clock or SystemClock()
    settings = UplinkSettings(BrokerSettings("localhost"))
    sealer = Sealer(NODE, signer("node"), WORDS, clock=clock, boot="0000beef")
    spool = Spool(Outbox(folder / "outbox.sqlite", settings.outbox), sealer, Inbox(folder / "inbox"), ring(), settings)
    decider = Decider(engine(RULES), Tally(), Vitals(frozenset()))

    def state() -> StateData:
        return STATE

    spool.birth(state())
    node = Node(
        clock=clock, spool=spool, decider=decider, lost=_left_open(spool, decider, clock.now(), boot="0000beef"),
        pulse=Pulse.of(Told([] if words is None else words).notify(), ["yard", OUTBOX]),
        merge=LiveMerge(streams, []), learned=folder / "learned.json", state=state,
        numbers=Numbers(numbers) if numbers else None, lamp=Lamp(light, dark_after_s=LAMP_S) if light else None,
    )  # fmt: skip
    node.run()


def fails(folder: Path, *, after: int = 0, failure: Exception = FAILURE) -> None:
    with pytest.raises((CameraError, CameraStalled)):
        run(folder, pictures(after, since=SystemClock().now(), failure=failure))


def opened(folder: Path) -> Iterator[Envelope]:
    for row in OutboxReader(folder / "outbox.sqlite").after(0, limit=1000):
        yield open_envelope(row.token, ring(), topic=row.topic)


def events(folder: Path, rule: str = RULE) -> list[tuple[Phase, str]]:
    """Phase and id of every event of a rule, in order."""
    found = ((one.data, one) for one in opened(folder) if one.klass is Class.EVT)
    return [
        (data.phase, str(one.payload.correlationid))
        for data, one in found
        if isinstance(data, EventData) and data.rule == rule
    ]


def test_a_camera_that_fails_is_told_before_the_process_ends(tmp_path: Path):
    fails(tmp_path)
    assert [phase for phase, _ in events(tmp_path)] == [Phase.OPENED]


def test_a_camera_that_stalls_is_told_just_the_same(tmp_path: Path):
    stalled = CameraStalled("no new picture for 5 s")
    stalled.camera = "yard"
    fails(tmp_path, failure=stalled)
    assert [phase for phase, _ in events(tmp_path)] == [Phase.OPENED]


def test_however_often_the_restart_fails_it_is_one_event(tmp_path: Path):
    for _ in range(4):
        fails(tmp_path)
    assert [phase for phase, _ in events(tmp_path)] == [Phase.OPENED]


def test_the_first_picture_ends_it(tmp_path: Path):
    fails(tmp_path)
    fails(tmp_path)
    run(tmp_path, pictures(3, since=SystemClock().now()))
    (begun, first), (ended, last) = events(tmp_path)
    assert (begun, ended) == (Phase.OPENED, Phase.CLOSED)
    assert first == last


def test_a_camera_that_is_lost_again_is_another_event(tmp_path: Path):
    fails(tmp_path)
    fails(tmp_path, after=3)
    phases = [phase for phase, _ in events(tmp_path)]
    assert phases == [Phase.OPENED, Phase.CLOSED, Phase.OPENED]
    assert len({which for _, which in events(tmp_path)}) == 2


def test_what_else_was_open_is_closed_by_the_restart(tmp_path: Path):
    since = SystemClock().now()
    run(tmp_path, pictures(5, since=since, people=1.0))
    run(tmp_path, pictures(1, since=since + 10))
    assert [phase for phase, _ in events(tmp_path, "somebody")] == [Phase.OPENED, Phase.CLOSED]


def test_what_was_learned_is_saved_at_the_end(tmp_path: Path):
    run(tmp_path, pictures(3, since=SystemClock().now()))
    assert isinstance(msgspec.json.decode((tmp_path / "learned.json").read_bytes()), dict)


def test_a_power_cut_takes_less_than_five_minutes_of_what_was_learned():
    (save,) = (
        part.default_factory() for part in fields(Node) if part.name == "_save" and callable(part.default_factory)
    )
    saved = [second for second in range(3600) if save.due(float(second))]
    assert saved[0] == 0
    assert max(later - sooner for sooner, later in itertools.pairwise(saved)) < 300


def test_what_was_learned_is_saved_when_a_camera_fails_too(tmp_path: Path):
    fails(tmp_path)
    assert (tmp_path / "learned.json").exists()


def test_it_is_ready_with_the_first_picture_and_says_when_it_stops(tmp_path: Path):
    words: list[str] = []
    run(tmp_path, pictures(1, since=0.0), words=words)
    assert [word for word in words if word != "STATUS"] == ["READY", "STOPPING"]


def test_the_watchdog_is_fed_only_while_the_camera_sees(tmp_path: Path):
    words: list[str] = []
    run(tmp_path, seconds(30, since=SystemClock().now()), words=words)
    assert "WATCHDOG" not in words
    since = SystemClock().now()
    mixed = itertools.chain(pictures(2, since=since), seconds(2, since=since))
    run(tmp_path, mixed, words=words)
    assert "WATCHDOG" in words


def test_the_latest_numbers_lie_in_a_file_for_who_stands_at_the_machine(tmp_path: Path):
    since = SystemClock().now()
    mixed = itertools.chain(pictures(2, since=since, people=3.0), seconds(1, since=since + 2))
    run(tmp_path, mixed, numbers=tmp_path / "numbers.json")
    written = msgspec.json.decode((tmp_path / "numbers.json").read_bytes())
    assert written["sources"] == {"yard": {"gate/person/count": 3.0}}


class Hasty(SystemClock):
    """The real clock, but every look at its steady seconds takes one of them."""

    steady = 0.0

    def monotonic(self) -> float:
        self.steady += 1.0
        return self.steady


def test_the_lamp_is_lit_while_the_camera_sees_and_dark_at_the_end(tmp_path: Path):
    light, since = Shining(), SystemClock().now()
    run(
        tmp_path,
        itertools.chain(seconds(1, since=since), pictures(1, since=since), seconds(2, since=since)),
        light=light,
    )
    assert light.shown == [PATTERNS[Sight.FAULT].on_s, LAMP_S, "dark", "closed"]


def test_the_lamp_says_so_when_a_camera_stands_still(tmp_path: Path):
    light, since = Shining(), SystemClock().now()
    stream = itertools.chain(pictures(1, since=since), seconds(60, since=since))
    run(tmp_path, stream, light=light, clock=Hasty())
    assert light.shown[0] == LAMP_S
    assert light.shown[-3:] == [PATTERNS[Sight.FAULT].on_s, "dark", "closed"]


def test_the_lamp_is_dark_when_a_camera_fails_too(tmp_path: Path):
    light = Shining()
    with pytest.raises(CameraError):
        run(tmp_path, pictures(0, since=0.0, failure=FAILURE), light=light)
    assert light.shown == ["dark", "closed"]
