"""Sense's side of an update: what it signs of it, when it ends for it, what it shows of itself."""

from __future__ import annotations

import msgspec
import pytest

from agent.clock import SimulatedClock
from agent.commands.gate import AliveGate
from agent.commands.renewal import Renewal
from agent.commands.renewed import Renewed
from agent.contract.types import StateData
from agent.ota import report
from agent.ota.ledger import Attempt, State
from agent.ota.report import ALIVE, Alive, Compared, Report
from agent.records import ClockQuality, Observation
from agent.uplink import numbers
from agent.vision.shadow import Comparison
from tests.ota.town import AT, config

CFG = "c" * 64
STATE = StateData(
    status="up", agent="0.1.0", cfg=CFG[:12], model="0" * 12, contract="0" * 12, clock=ClockQuality.NTP,
    delete_on="receipt",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ota").mkdir()
    (tmp_path / "inbox").mkdir()
    return tmp_path


def renewal(folder):
    return Renewal(folder, lambda: False, CFG[:12], AT, frozenset({"gate"}))


def tell(folder, state, *, why="", subject="", seq=4):
    report.write(folder / "ota", "report.json", Report(state, seq, CFG, why, subject))


def test_a_release_that_was_kept_is_told_once(folder):
    one = renewal(folder)
    assert one.news(AT) == []
    tell(folder, State.COMMITTED)
    assert [record.action for record in one.news(AT)] == ["config-applied"]
    assert one.news(AT + 1) == []


def test_a_refusal_names_the_camera_and_the_option(folder):
    one = renewal(folder)
    tell(folder, State.REFUSED, why="cameras-view-masks", subject="gate")
    (record,) = one.news(AT)
    assert (record.action, record.subject, record.outcome) == ("config-refused", "gate", "cameras-view-masks")


def test_words_that_are_none_of_ours_do_not_get_out(folder):
    one = renewal(folder)
    tell(folder, State.ROLLED_BACK, why="my-neighbour-was-here", subject="somebody")
    (record,) = one.news(AT)
    assert (record.action, record.subject, record.outcome) == ("config-rolled-back", "", "")
    assert one.told(STATE).update.why == ""


def test_an_offer_that_is_not_believed_is_told_though_nothing_changes(folder):
    one = renewal(folder)
    tell(folder, State.COMMITTED, why="offer-expired")
    assert [(record.action, record.outcome) for record in one.news(AT)] == [("config-refused", "offer-expired")]


def test_a_good_offer_after_a_bad_one_is_no_second_application(folder):
    one = renewal(folder)
    tell(folder, State.COMMITTED, why="offer-expired")
    one.news(AT)
    tell(folder, State.COMMITTED)
    assert one.news(AT + 1) == []


def test_the_state_says_how_the_newest_update_stands(folder):
    tell(folder, State.TRIAL)
    told = renewal(folder).told(STATE)
    assert (told.update.seq, told.update.phase) == (4, "trial")


def test_what_was_told_before_a_restart_is_no_news(folder):
    tell(folder, State.COMMITTED)
    one = renewal(folder)
    assert len(one.news(AT)) == 1
    one.news(AT + 1)
    assert renewal(folder).news(AT) == []


def test_what_became_of_an_update_while_nobody_ran_is_told_by_the_next_process(folder):
    """The release that went back ends sense, which may not have seen the report of it yet."""
    tell(folder, State.TRIAL)
    one = renewal(folder)
    assert (one.news(AT), one.news(AT + 1)) == ([], [])
    tell(folder, State.ROLLED_BACK, why="no-frames")
    assert [record.action for record in renewal(folder).news(AT + 2)] == ["config-rolled-back"]


def test_it_shows_that_it_lives_only_during_a_trial(folder):
    one = renewal(folder)
    one.news(AT)
    assert not (folder / ALIVE).exists()
    tell(folder, State.TRIAL)
    one = renewal(folder)
    one.see(Observation("gate", "camera/inference_ms", 40.0, AT))
    one.news(AT)
    alive = report.read(folder / ALIVE, Alive)
    assert alive is not None
    assert (alive.cfg, alive.frames, alive.inferred) == (CFG[:12], ("gate",), ("gate",))


def test_a_configuration_that_became_another_file_is_noticed(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text("")
    link = tmp_path / "node.yaml"
    link.symlink_to("one")
    renewed = Renewed(link)
    assert not renewed()
    link.unlink()
    link.symlink_to("two")
    assert renewed()


class Beside:
    """Two models that were compared."""

    comparison = Comparison(frames=30, both=28, only_new=2, new_s=2.0, old_s=2.0)


@pytest.mark.parametrize("begins", [State.STAGED, State.TRIAL])
def test_sense_is_started_again_when_the_trial_of_a_model_has_ended(folder, begins):
    """The trial runs from the moment that the release does, though its report may come a moment later."""
    tell(folder, begins)
    one = renewal(folder)
    one.shadow = Beside()
    one.news(AT)
    assert not one.is_over()
    tell(folder, State.COMMITTED)
    one.news(AT + 10)
    assert one.is_over()


def test_what_the_comparison_came_to_is_told_after_the_restart_and_of_no_other_order(folder):
    tell(folder, State.TRIAL)
    one = renewal(folder)
    one.shadow = Beside()
    one.news(AT)
    tell(folder, State.COMMITTED)
    assert renewal(folder).told(STATE).update.shadow.frames == 30
    tell(folder, State.COMMITTED, seq=5)
    assert renewal(folder).told(STATE).update.shadow is None


def test_it_shows_that_it_lives_when_it_is_asked(folder):
    (folder / "ota" / "ask").touch()
    renewal(folder).news(AT)
    assert (folder / ALIVE).exists()


# The gate


@pytest.fixture
def gate(folder):
    release = folder / "ota" / "releases" / "000004-x"
    release.mkdir(parents=True)
    (release / "node.yaml").write_bytes(config())
    return AliveGate(folder, folder / "ota", SimulatedClock(AT).now)


ATTEMPT = Attempt(state=State.TRIAL, seq=4, config=CFG, bundle="", release="000004-x")
WELL = Alive(AT - 1, AT - 60, CFG[:12], ("gate",), ("gate",), connected=True)


def judged(gate, folder, **changed):
    report.write(folder, ALIVE, msgspec.structs.replace(WELL, **changed))
    verdict = gate.judge(ATTEMPT)
    return verdict.good, verdict.why


def test_a_node_that_sees_and_understands_is_well(gate, folder):
    assert judged(gate, folder)[0] is True


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"cfg": "d" * 12}, "no-process"),
        ({"at": AT - 100}, "no-process"),
        ({"at": AT + 100}, "no-process"),
        ({"frames": ()}, "no-frames"),
        ({"inferred": ()}, "no-inference"),
        ({"since": AT - 5}, "silence"),
        ({"shadow": Compared(3, 1.0, 1.0, 200)}, "no-comparison"),
    ],
)
def test_the_gate_waits_for_what_is_missing(gate, folder, changed, why):
    assert judged(gate, folder, **changed) == (None, why)


@pytest.mark.parametrize(
    ("shadow", "why"),
    [(Compared(30, 0.2, 1.0, 200), "disagrees"), (Compared(30, 0.9, 3.0, 200), "slower")],
)
def test_a_model_that_sees_other_things_or_takes_too_long_goes_back(gate, folder, shadow, why):
    assert judged(gate, folder, shadow=shadow) == (False, why)


def test_a_node_that_was_connected_must_be_so_again(gate, folder):
    numbers.write(folder / "inbox", {"link_connected": 1.0}, at=AT)
    gate.begin(ATTEMPT)
    assert judged(gate, folder, connected=False) == (None, "uplink-worse")
    assert judged(gate, folder)[0] is True


def test_a_node_that_was_alone_may_stay_alone(gate, folder):
    gate.begin(ATTEMPT)
    assert judged(gate, folder, connected=False)[0] is True
