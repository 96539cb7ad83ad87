"""When sense dies without a word, link says so with words that sense signed, and a birth takes it back."""

from __future__ import annotations

import fcntl
import random
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from agent.contract.envelope import open_envelope
from agent.contract.topics import Class, pattern
from agent.errors import UserError
from agent.transport import Message
from agent.transport.memory import MemoryBroker, MemoryTransport
from agent.uplink.life import FILE, ONLY, Life, runs
from agent.uplink.link import Link
from tests.contract.makers import NODE
from tests.uplink.nodes import STATE, Node

HOLD = """
import sys; from pathlib import Path; from agent.uplink.life import Life
life = Life(Path(sys.argv[1])); print("held", flush=True); sys.stdin.read()
"""


@dataclass
class Held:
    """A process that holds the lock as sense does."""

    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        command = [sys.executable, "-c", HOLD, str(self.folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout
        assert self.process.stdout.readline() == b"held\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    made = Held(tmp_path)
    yield made
    made.kill()


def test_a_sense_runs_until_it_is_killed(held: Held):
    assert runs(held.folder)
    held.kill()
    assert not runs(held.folder)


def test_in_a_folder_where_none_ever_was_none_runs(tmp_path: Path):
    assert not runs(tmp_path)
    assert not runs(tmp_path / "absent")


def test_a_second_sense_in_the_same_folder_is_refused(held: Held):
    with pytest.raises(UserError, match="another 'piazza sense' works here"):
        Life(held.folder)


def test_looking_whether_it_runs_keeps_no_one_from_starting(tmp_path: Path):
    Life(tmp_path).close()
    for _ in range(3):
        assert not runs(tmp_path)
    life = Life(tmp_path)
    assert runs(tmp_path)
    life.close()


def test_whoever_may_only_look_keeps_no_one_from_starting(tmp_path: Path):
    """A link that was taken over may hold for ever what it may look at; what says that there is one sense it cannot open."""
    Life(tmp_path).close()
    with (tmp_path / FILE).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        life = Life(tmp_path)
        with pytest.raises(UserError, match="another 'piazza sense' works here"):
            Life(tmp_path)
        life.close()
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in (FILE, ONLY)] == [0o640, 0o600]


@dataclass
class Watched:
    """A node in a folder, its link on a broker in memory, and somebody who listens to its state."""

    node: Node
    broker: MemoryBroker
    link: Link = field(init=False)
    listener: MemoryTransport = field(init=False)

    def __post_init__(self) -> None:
        self.listener = self.broker.transport("listener")
        self.listener.subscribe(pattern(klass=Class.STATE))
        self.listener.open()
        self.node.spool.birth(STATE)
        self.link = Link(
            NODE, self.node.reader, self.broker.transport("node"), self.node.inbox, self.node.settings,
            clock=self.node.clock, randomness=random.Random(1), alive=lambda: runs(self.node.folder),
        )  # fmt: skip
        self.link.open()

    def states(self, *, within_s: float = 2.0) -> list[str]:
        """What is said of the node in so many seconds."""
        said = []
        for _ in range(round(within_s / 0.1)):
            self.link.run_once(0.1)
            self.node.clock.sleep(0.1)
            heard = [item for item in self.listener.poll(0.0) if isinstance(item, Message)]
            said += [open_envelope(item.payload, self.node.ring).data.status for item in heard]  # type: ignore[union-attr]
        return said


@pytest.fixture
def watched(held: Held) -> Watched:
    node = Node(held.folder)
    return Watched(node, MemoryBroker(node.clock, randomness=random.Random(3)))


def test_while_sense_lives_the_node_is_up(watched: Watched):
    assert watched.states() == ["up"]


def test_a_kill_is_told_within_seconds_and_once(watched: Watched, held: Held):
    watched.states()
    held.kill()
    assert watched.states() == ["lost"]


def test_the_next_birth_takes_it_back(watched: Watched, held: Held):
    watched.states()
    held.kill()
    watched.states()
    again = Held(held.folder)
    watched.node.spool.birth(STATE)
    assert watched.states()[-1:] == ["up"]
    again.kill()


def test_whoever_comes_later_reads_that_it_is_lost(watched: Watched, held: Held):
    watched.states()
    held.kill()
    watched.states()
    late = watched.broker.transport("late")
    late.subscribe(pattern(klass=Class.STATE))
    late.open()
    (kept,) = [item for item in late.poll(0.0) if isinstance(item, Message)]
    assert open_envelope(kept.payload, watched.node.ring).data.status == "lost"  # type: ignore[union-attr]


def test_a_node_that_said_good_bye_is_not_called_lost(watched: Watched, held: Held):
    watched.states()
    watched.node.spool.close(msgspec.structs.replace(STATE, status="down"))
    held.kill()
    assert watched.states() == ["down"]
