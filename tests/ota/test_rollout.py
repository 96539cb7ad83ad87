"""Waves, soak, stop rule and silence; and the engine on a broker in a list, with nodes that sign what they say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from agent.clock import SimulatedClock
from agent.commands.rollout import Engine, load, members, save
from agent.contract.jws import KeyRing
from agent.contract.topics import Class, NodeName, Topic
from agent.contract.types import StateData, UpdateData
from agent.errors import UserError
from agent.ota import board, bundle, drafts, rollout
from agent.ota.rollout import Member, Rules, Stage, Standing, Told
from agent.provision.keys import save_ring
from agent.provision.ring_file import RingFile
from agent.records import ClockQuality
from agent.transport import Message
from agent.transport.memory import MemoryBroker
from tests.contract.makers import Chain, ring_of, signer
from tests.ota.town import AT, UNION, Union, config

QUICK = Rules(soak_s=60.0, patience_s=300.0)
WELL = Told("new", 1, "committed")
BACK = Told("old", 1, "rolled-back", "no-frames")


def fleet(count: int, *, comuni: int = 2) -> list[Member]:
    return [Member(f"{UNION}/c{number % comuni}/n-{number:03d}", "new", 1) for number in range(count)]


def begun(count: int, **changed: Any) -> rollout.Progress:
    rules = msgspec.structs.replace(QUICK, **changed)
    return rollout.start(rollout.plan(fleet(count), rules), AT)


def test_the_first_wave_is_one_node_of_each_comune_and_the_last_is_all():
    progress = rollout.plan(fleet(100, comuni=6), QUICK)
    assert [len(wave) for wave in progress.waves[:1]] == [6]
    assert sum(map(len, progress.waves)) == 100
    assert len(set(sum(progress.waves, ()))) == 100


def test_a_quarter_is_reached_before_all():
    progress = rollout.plan(fleet(100, comuni=2), QUICK)
    sums = [sum(map(len, progress.waves[: number + 1])) for number in progress.soaks]
    assert sums == [2, 5, 25, 100]


def test_the_next_wave_waits_until_the_one_before_has_been_well_for_a_while():
    progress = begun(4)
    told = dict.fromkeys(progress.touched, WELL)
    progress = rollout.advance(progress, told, AT + 10)
    assert len(progress.touched) == 2
    assert len(rollout.advance(progress, told, AT + 60).touched) == 2
    assert len(rollout.advance(progress, told, AT + 70).touched) == 4


def test_one_failure_is_borne_and_two_stop_everything():
    progress = begun(4)
    first, second = progress.touched
    progress = rollout.advance(progress, {first: BACK, second: WELL}, AT + 10)
    assert progress.stage is Stage.RUNNING
    progress = rollout.advance(progress, {first: BACK, second: BACK}, AT + 20)
    assert (progress.stage, progress.why) == (Stage.STOPPED, "2 of 2 failed")


def test_silence_is_failure():
    progress = rollout.advance(begun(4), {}, AT + 300)
    assert progress.count(Standing.SILENT) == 2
    assert progress.stage is Stage.STOPPED


def test_a_state_of_an_earlier_order_is_neither_success_nor_failure():
    progress = begun(4)
    earlier = Told("new", 0, "rolled-back")
    progress = rollout.advance(progress, dict.fromkeys(progress.touched, earlier), AT + 10)
    assert progress.count(Standing.TOUCHED) == 2


def test_a_node_that_was_well_and_went_down_has_failed():
    progress = begun(4)
    progress = rollout.advance(progress, dict.fromkeys(progress.touched, WELL), AT + 10)
    lost = Told("new", 1, "committed", up=False)
    progress = rollout.advance(progress, {progress.touched[0]: lost, progress.touched[1]: WELL}, AT + 20)
    assert progress.count(Standing.FAILED) == 1


def test_outside_its_hours_no_wave_begins():
    progress = begun(4)
    told = dict.fromkeys(progress.touched, WELL)
    progress = rollout.advance(progress, told, AT + 10)
    assert len(rollout.advance(progress, told, AT + 100, open_now=False).touched) == 2


def test_a_paused_rollout_begins_nothing_and_goes_on_when_it_is_started():
    progress = rollout.pause(begun(4))
    assert rollout.advance(progress, {}, AT + 1000) == progress
    assert rollout.start(progress, AT + 1000).stage is Stage.RUNNING


def test_an_aborted_rollout_stays_so():
    progress = rollout.abort(begun(4))
    assert rollout.abort(rollout.advance(progress, {}, AT + 9999)).stage is Stage.ABORTED


def test_the_board_shows_each_comune_with_a_sign_for_each_node():
    progress = rollout.advance(begun(4), {f"{UNION}/c0/n-000": WELL}, AT + 10)
    assert board.lines(progress)[1:3] == ["c0  ✓·", "c1  …·"]
    html = board.page(progress, at=AT)
    assert "n-000: well" in html
    assert "src=" not in html


@dataclass
class Fleet:
    """Nodes that do what a bundle tells them when it is their turn, and say so under their own keys."""

    broker: MemoryBroker
    orders: dict[str, Member]
    bad: frozenset[str] = frozenset()
    said: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chains = {name: Chain(signer(name), NodeName.parse(name)) for name in self.orders}
        self.ring = ring_of(*((chain.signer, "node", chain.name) for chain in self.chains.values()))

    def act(self) -> bool:
        """Look at the bundles and answer; always False, so that it can stand where one asks to stop."""
        for name, member in self.orders.items():
            lying = self.broker.retained.get(bundle.topic(UNION, member.comune, bundle.BUNDLE))
            turn = bundle.read(lying.message.payload).turn if lying else ()
            if turn is not None and NodeName.parse(name).node in turn and name not in self.said:
                self._say(name, member)
        return False

    def _say(self, name: str, member: Member) -> None:
        phase: Any = "rolled-back" if name in self.bad else "committed"
        self.said[name] = phase
        state = StateData(
            status="up", agent="0.1.0", cfg=member.wants if phase == "committed" else "0" * 12, model="0" * 12,
            contract="0" * 12, clock=ClockQuality.NTP, delete_on="receipt", update=UpdateData(seq=member.seq, phase=phase),
        )  # fmt: skip
        token = self.chains[name].make(Class.STATE, state, kind="node")
        self.broker.publish(
            Message(str(Topic(NodeName.parse(name), Class.STATE, "node")), token.encode(), retained=True)
        )


@pytest.fixture
def town(union, tmp_path):
    """Six nodes with an order each, a plan, and an engine that can be made anew."""
    nodes = [NodeName(UNION, "brisighella", f"n-{number}") for number in range(6)]
    drafts.release(union.authority, "brisighella", [drafts.Release(name, config(name), {}) for name in nodes], at=AT)
    union.sign()
    save(tmp_path / "rollout.json", rollout.plan(members(union.authority, {}), QUICK))
    return union


def engine(union: Union, broker: MemoryBroker, ring: Any, clock: SimulatedClock, folder: Any) -> Engine:
    transport = broker.transport("maintainer", session_s=0)
    return Engine(
        union.authority, folder / "rollout.json", transport, ring=ring, clock=clock, html=folder / "rollout.html"
    )


def everybody(union: Union) -> dict[str, Member]:
    return {member.name: member for member in members(union.authority, {})}


def test_a_good_release_reaches_every_node_and_leaves_no_chunk_behind(town, tmp_path):
    clock = SimulatedClock(AT)
    nodes = Fleet(MemoryBroker(clock), everybody(town))
    ended = engine(town, nodes.broker, nodes.ring, clock, tmp_path).run(nodes.act)
    assert ended.stage is Stage.DONE
    assert ended.count(Standing.WELL) == 6
    assert [topic for topic in nodes.broker.retained if "/ota/" in topic] == [
        bundle.topic(UNION, "brisighella", "bundle")
    ]
    assert "done" in (tmp_path / "rollout.html").read_text()


def test_a_node_whose_key_was_revoked_meanwhile_is_not_heard(town, tmp_path):
    clock = SimulatedClock(AT)
    nodes = Fleet(MemoryBroker(clock), everybody(town))
    save_ring(tmp_path / "ring.json", nodes.ring)
    file = RingFile(tmp_path / "ring.json")
    going = Engine(
        town.authority, tmp_path / "rollout.json", nodes.broker.transport("maintainer", session_s=0), ring=file.ring,
        clock=clock, look=file.look,
    )  # fmt: skip
    save_ring(tmp_path / "ring.json", KeyRing())
    turns = iter(range(40))
    ended = going.run(lambda: nodes.act() or next(turns) == 39)
    assert nodes.said
    assert ended.count(Standing.WELL) == 0


def test_a_bad_release_stops_and_touches_nobody_further(town, tmp_path):
    clock = SimulatedClock(AT)
    nodes = Fleet(MemoryBroker(clock), everybody(town), bad=frozenset(everybody(town)))
    ended = engine(town, nodes.broker, nodes.ring, clock, tmp_path).run(nodes.act)
    assert ended.stage is Stage.STOPPED
    assert len(nodes.said) == len(ended.touched) == 2
    lying = nodes.broker.retained[bundle.topic(UNION, "brisighella", "bundle")]
    assert bundle.read(lying.message.payload).turn == ()


def test_it_goes_on_after_the_laptop_has_crashed(town, tmp_path):
    clock = SimulatedClock(AT)
    nodes = Fleet(MemoryBroker(clock), everybody(town))
    turns = iter(range(40))
    first = engine(town, nodes.broker, nodes.ring, clock, tmp_path)
    first.run(lambda: nodes.act() or next(turns) == 39)
    assert load(tmp_path / "rollout.json").stage is Stage.RUNNING
    nodes.broker.crash()
    ended = engine(town, nodes.broker, nodes.ring, clock, tmp_path).run(nodes.act)
    assert ended.stage is Stage.DONE


def test_a_word_beside_its_file_pauses_or_ends_it(town, tmp_path):
    clock = SimulatedClock(AT)
    nodes = Fleet(MemoryBroker(clock), everybody(town))
    asked = iter(["", "", "pause", "", "abort"])

    def ask() -> bool:
        if word := next(asked, ""):
            (tmp_path / "rollout.json.ask").write_text(word)
        return nodes.act()

    assert engine(town, nodes.broker, nodes.ring, clock, tmp_path).run(ask).stage is Stage.ABORTED


def test_a_state_that_no_node_has_signed_counts_for_nothing(town, tmp_path):
    clock = SimulatedClock(AT)
    nodes = Fleet(MemoryBroker(clock), everybody(town))
    nobody = ring_of((signer("somebody"), "node", NodeName(UNION, "brisighella", "n-0")))
    ended = engine(town, nodes.broker, nobody, clock, tmp_path).run(nodes.act)
    assert (ended.stage, ended.count(Standing.WELL)) == (Stage.STOPPED, 0)


def test_a_rollout_that_has_ended_does_not_begin_again(town, tmp_path):
    clock = SimulatedClock(AT)
    nodes = Fleet(MemoryBroker(clock), everybody(town))
    save(tmp_path / "rollout.json", rollout.abort(load(tmp_path / "rollout.json")))
    with pytest.raises(UserError, match="has ended"):
        engine(town, nodes.broker, nodes.ring, clock, tmp_path).run(nodes.act)
