"""A rollout rehearsed on simulated nodes that run the real code."""

from __future__ import annotations

import pytest

from agent.cli import main
from agent.clock import SimulatedClock
from agent.commands.rehearsal import Rehearsal
from agent.commands.rollout import Engine, members, save
from agent.contract.topics import NodeName
from agent.ota import drafts, rollout
from agent.ota.ledger import State
from agent.ota.rollout import Rules, Stage
from tests.ota.town import AT, MASK, UNION, WIDER, config


@pytest.fixture
def ordered(union):
    """Three nodes that have an order, and the next one signed."""
    names = [NodeName(UNION, "brisighella", f"n-{number}") for number in range(3)]
    for mask in (MASK, WIDER):
        orders = [drafts.Release(name, config(name, mask=mask), {"model.tflite": b"model"}) for name in names]
        drafts.release(union.authority, "brisighella", orders, at=AT)
        union.sign()
    return union


def rehearsed(union, folder, *, bad=()):
    clock = SimulatedClock(AT)
    rehearsal = Rehearsal(union.authority, folder / "nodes", clock, bad)
    progress = rollout.plan(members(union.authority, {}), Rules(soak_s=60.0, patience_s=1500.0))
    rehearsal.put_up(progress)
    save(folder / "rollout.json", progress)
    transport = rehearsal.broker.transport("maintainer", session_s=0)
    engine = Engine(union.authority, folder / "rollout.json", transport, ring=rehearsal.ring, clock=clock)
    return engine.run(rehearsal.turn), rehearsal


def test_every_node_takes_a_good_release_in(ordered, tmp_path):
    ended, rehearsal = rehearsed(ordered, tmp_path)
    assert ended.stage is Stage.DONE
    assert rehearsal.ends() == {State.COMMITTED: 3}


def test_a_node_on_which_it_does_not_work_goes_back_by_itself(ordered, tmp_path):
    bad = f"{UNION}/brisighella/n-1"
    ended, rehearsal = rehearsed(ordered, tmp_path, bad=[bad])
    assert ended.stage is Stage.DONE
    assert rehearsal.ends() == {State.COMMITTED: 2, State.ROLLED_BACK: 1}


def test_the_command_rehearses_and_leaves_the_plan_as_it_was(ordered, tmp_path, capsys):
    (tmp_path / "rules.yaml").write_text("soak_s: 60\npatience_s: 1500\n")
    plan = str(tmp_path / "plan.json")
    authority = str(ordered.authority.folder)
    assert main(["rollout", "plan", authority, plan, "--rules", str(tmp_path / "rules.yaml")]) == 0
    before = (tmp_path / "plan.json").read_bytes()
    code = main(["rollout", "rehearse", authority, plan])
    assert "rehearsed: " in capsys.readouterr().out
    assert code in (0, 3)  # metadata made for another day may have expired by now
    assert (tmp_path / "plan.json").read_bytes() == before
