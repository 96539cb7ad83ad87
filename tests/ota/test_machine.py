"""Any order of orders, replays, crashes, reboots, lost caches and passing time: what must hold always holds."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.ota.ledger import Floors, Ledger, State
from agent.ota.update import Verdict
from tests.faults.row import MEMORY
from tests.ota.conftest import copied
from tests.ota.town import Health, Union, config, node

GATES = [Verdict(True), Verdict(False, "no-frames"), Verdict(None, "no-frames")]
_FIRST: list[Union] = []


def union_in(folder: Path) -> Union:
    """A copy of one union that is made once."""
    if not _FIRST:
        folder_of_all = Path(tempfile.mkdtemp(dir=MEMORY))
        atexit.register(shutil.rmtree, folder_of_all, ignore_errors=True)
        _FIRST.append(Union(folder_of_all / "union"))
    shutil.copytree(_FIRST[0].folder, folder, dirs_exist_ok=True)
    return copied(_FIRST[0], folder)


class Life(RuleBasedStateMachine):
    """One node for as long as it lasts."""

    def __init__(self) -> None:
        super().__init__()
        self.place = folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.union = union_in(folder)
        self.union.release(config(mask=mask(1)))
        self.node = node(self.union, folder)
        self.stick = folder / "stick"
        self.offered = [self.shelf.read_bytes()]
        self.orders = 1
        self.boots = 1
        self.seen = Floors()

    @property
    def shelf(self) -> Path:
        return self.stick / "brisighella" / "bundle"

    @rule()
    def a_new_order_comes(self) -> None:
        self.orders += 1
        self.union.release(config(mask=mask(self.orders)))
        self.union.publish(self.stick)
        self.offered.append(self.shelf.read_bytes())

    @rule(which=st.integers(0, 20))
    def an_old_bundle_comes_again(self, which: int) -> None:
        self.shelf.write_bytes(self.offered[which % len(self.offered)])

    @rule(steps=st.integers(1, 6), gate=st.sampled_from(GATES))
    def the_process_runs_for_a_while(self, steps: int, gate: Verdict) -> None:
        self.node.gate = Health(gate)
        self.node.steps(steps)

    @rule()
    def the_machine_boots(self) -> None:
        self.boots += 1
        self.node.boot = f"boot-{self.boots}"

    @rule(minutes=st.integers(1, 30))
    def time_passes(self, minutes: int) -> None:
        self.node.at += minutes * 60.0

    @rule()
    def the_cache_is_lost(self) -> None:
        shutil.rmtree(self.node.folder / "metadata", ignore_errors=True)

    @rule()
    def staging_was_cut_short(self) -> None:
        left = self.node.folder / "releases" / ".000099-left"
        left.mkdir(exist_ok=True)
        (left / "node.yaml").write_bytes(b"half")

    @invariant()
    def one_whole_release_runs(self) -> None:
        assert self.node.releases.whole(self.node.releases.running())

    @invariant()
    def no_floor_sinks(self) -> None:
        ledger = Ledger(self.node.folder / "ota.sqlite")
        now, attempt = ledger.floors(), ledger.attempt()
        ledger.close()
        assert now.seq >= self.seen.seq
        assert all(now.versions.get(role, 0) >= version for role, version in self.seen.versions.items())
        self.seen = now
        if attempt and attempt.state in (State.COMMITTED, State.TRIAL):
            assert self.node.releases.running() == attempt.release

    def teardown(self) -> None:
        self.node.gate = Health(Verdict(True))
        self.node.at += 1.0
        for _ in range(3):
            attempt: Any = self.node.steps()
            self.node.at += 1000.0
        shutil.rmtree(self.place)
        assert attempt.resting or attempt.state is State.FETCHING  # of an old order whose chunks nobody offers any more


def mask(number: int) -> Any:
    """Masks that only grow, so that no order is refused for loosening."""
    right = min(0.5 + number / 1000.0, 1.0)
    return [[0.0, 0.0], [right, 0.0], [right, 0.4], [0.0, 0.4]]


TestLife: Any = pytest.mark.slow(Life.TestCase)
Life.TestCase.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
