"""From a signed order on a stick to a configuration that runs, or the one before it."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from agent.clock import SimulatedClock
from agent.commands.ota_node import take_in
from agent.ota import drafts, keys
from agent.ota.ledger import State
from agent.ota.update import PROOF_S, TRIAL_S, Verdict
from tests.ota.attacks import Scene
from tests.ota.town import AT, BAD, GOOD, MASK, NARROWER, WIDER, Health, config, node


def test_a_signed_configuration_is_tried_and_kept_when_the_node_is_well(union, tmp_path):
    union.release(config(mask=WIDER))
    one = node(union, tmp_path)
    assert one.steps().state is State.TRIAL
    assert one.runs() == config(mask=WIDER)
    one.gate = Health(GOOD)
    assert one.steps(1).state is State.COMMITTED


def test_a_second_update_is_taken_in_where_the_service_may_set_no_group(union, tmp_path, monkeypatch):
    """The node's folder hands its group on to what is made in it; systemd's sandbox lets nobody set that by a mode."""
    union.release(config(mask=WIDER))
    one = node(union, tmp_path, gate=Health(GOOD))
    one.folder.chmod(0o2750)
    one.steps()
    monkeypatch.setattr(os, "chmod", unless_setgid(os.chmod))
    union.release(config(mask=WIDER, rules=[]))
    union.publish(tmp_path / "stick")
    attempt = one.steps()
    assert (attempt.state, attempt.seq) == (State.COMMITTED, 2)


class Distracted(Health):
    """A gate before which the next order comes."""

    def __init__(self, publish):
        super().__init__(GOOD)
        self.publish = publish

    def judge(self, attempt):
        self.publish()
        self.publish = int
        return super().judge(attempt)


def test_an_order_that_comes_during_a_trial_follows_it_at_once(union, tmp_path):
    """Nobody would wake the process for it: the unit that watches for bundles does not look while it runs."""

    def publish():
        union.release(config(mask=WIDER, rules=[]))
        union.publish(tmp_path / "stick")

    union.release(config(mask=WIDER))
    one = node(union, tmp_path, gate=Distracted(publish))
    attempt = take_in(one.update(), one.folder, SimulatedClock(AT))
    assert (attempt.state, attempt.seq) == (State.COMMITTED, 2)
    assert [move.state for move in one.update().ledger.moves()].count("committed") == 2


def unless_setgid(chmod):
    """What RestrictSUIDSGID= of systemd leaves of it."""

    def asked(path, mode, **options):
        if mode & stat.S_ISGID:
            raise PermissionError(errno.EPERM, "Operation not permitted", path)
        chmod(path, mode, **options)

    return asked


def test_a_node_that_is_not_well_goes_back(union, tmp_path):
    union.release(config(mask=WIDER))
    one = node(union, tmp_path, gate=Health(BAD))
    attempt = one.steps()
    assert (attempt.state, attempt.why) == (State.ROLLED_BACK, "no-frames")
    assert one.runs() == config()


def test_silence_for_the_whole_trial_is_failure(union, tmp_path):
    union.release(config(mask=WIDER))
    one = node(union, tmp_path)
    one.steps()
    one.at += TRIAL_S
    assert one.steps(1).state is State.ROLLED_BACK
    assert one.runs() == config()


def watched(one, *moments):
    """One process that looks at a trial so many seconds after its beginning; how it stands then."""
    update = one.update()
    for moment in moments:
        one.at = AT + moment
        attempt = update.step()
    update.ledger.close()
    return attempt


@pytest.fixture
def tried(union, tmp_path):
    """A node on whose trial nothing shows that it is well."""
    union.release(config(mask=WIDER))
    one = node(union, tmp_path)
    assert one.steps(5).state is State.TRIAL
    return one


def test_a_release_that_does_not_prove_itself_while_it_is_watched_goes_back_long_before_the_trial_ends(tried):
    assert watched(tried, 0, PROOF_S - 1).state is State.TRIAL
    attempt = watched(tried, 0, PROOF_S)
    assert (attempt.state, attempt.why) == (State.ROLLED_BACK, "no-frames")


def test_after_a_boot_the_node_has_the_same_time_again(tried):
    watched(tried, 0, PROOF_S - 1)
    tried.boot = "boot-2"
    assert watched(tried, PROOF_S, 2 * PROOF_S - 1).state is State.TRIAL
    assert watched(tried, 2 * PROOF_S, 3 * PROOF_S).state is State.ROLLED_BACK


def test_a_board_that_comes_back_with_an_older_clock_goes_on_with_its_trial(tried):
    """A supply that fails takes a board without a clock back to the time that was saved last."""
    tried.boot, back = "boot-2", -3600
    assert watched(tried, back).state is State.TRIAL
    attempt = watched(tried, back + TRIAL_S)
    assert (attempt.state, attempt.why) == (State.ROLLED_BACK, "no-frames")


def test_what_only_waiting_can_tell_takes_the_whole_trial(tried):
    tried.gate = Health(Verdict(None, "no-comparison", patient=True))
    assert watched(tried, 0, PROOF_S, TRIAL_S - 1).state is State.TRIAL
    assert watched(tried, TRIAL_S).why == "no-comparison"


def test_what_went_back_is_not_tried_again(union, tmp_path):
    union.release(config(mask=WIDER))
    one = node(union, tmp_path, gate=Health(BAD))
    one.steps()
    one.gate = Health(GOOD)
    assert one.steps().state is State.ROLLED_BACK


def test_the_same_content_comes_back_under_a_higher_number(union, tmp_path):
    union.release(config(mask=WIDER))
    one = node(union, tmp_path, gate=Health(BAD))
    one.steps()
    union.release(config(mask=WIDER))
    union.publish(tmp_path / "stick")
    one.gate = Health(GOOD)
    attempt = one.steps()
    assert (attempt.state, attempt.seq) == (State.COMMITTED, 2)


def test_a_mask_that_shrinks_is_refused_although_all_have_signed(union, tmp_path):
    union.release(config(mask=NARROWER))
    one = node(union, tmp_path, gate=Health(GOOD))
    attempt = one.steps()
    assert (attempt.state, attempt.why, attempt.subject) == (State.REFUSED, "cameras-view-masks", "gate")
    assert one.runs() == config(mask=MASK)


def test_the_comune_s_second_key_may_agree_to_it(union, tmp_path):
    union.release(config(mask=NARROWER), consent=True)
    one = node(union, tmp_path, gate=Health(GOOD))
    assert one.steps().state is State.COMMITTED
    assert one.runs() == config(mask=NARROWER)


def test_consent_to_one_configuration_is_none_to_another(union, tmp_path):
    union.release(config(mask=NARROWER), consent=True)
    union.release(config(mask=None))
    assert node(union, tmp_path).steps().why == "cameras-view-masks"


def test_why_an_order_was_refused_outlives_the_next_bundle(union, tmp_path):
    union.release(config(mask=NARROWER))
    one = node(union, tmp_path)
    one.steps()
    union.authority.renew(AT)
    union.publish(tmp_path / "stick")
    assert one.steps().why == "cameras-view-masks"


def test_a_node_waits_for_its_turn(union, tmp_path):
    union.release(config(mask=WIDER))
    one = node(union, tmp_path)
    union.publish(tmp_path / "stick", turn=["n-0001"])
    assert one.steps().state is State.IDLE
    union.publish(tmp_path / "stick", turn=["n-0001", "n-0017"])
    assert one.steps().state is State.TRIAL


def test_missing_chunks_are_wished_for_and_the_rest_is_kept(union, tmp_path):
    union.release(config(mask=WIDER), files={"model.tflite": bytes(range(256)) * 2000})
    one = node(union, tmp_path)
    chunks = sorted(path for path in one.shelf.folder.iterdir() if path.name != "bundle")
    kept = chunks[0].read_bytes()
    chunks[0].unlink()
    update = one.update()
    wishes: list[list[str]] = []
    update.wish = lambda names: wishes.append(list(names))
    assert update.step().state is State.FETCHING
    assert chunks[0].name in wishes[0]
    assert update.missing(update.step()) == [chunks[0].name]
    chunks[0].write_bytes(kept)
    assert one.steps().state is State.TRIAL
    assert one.releases.file(one.releases.running(), "model.tflite") == bytes(range(256)) * 2000


def test_a_fourth_boot_within_a_trial_ends_it(union, tmp_path):
    union.release(config(mask=WIDER))
    one = node(union, tmp_path)
    for boot in ("1", "2", "3"):
        one.boot = boot
        assert one.steps().state is State.TRIAL
    one.boot = "4"
    assert (one.steps(1).why, one.runs()) == ("boots", config())


def test_a_lost_cache_does_not_let_an_older_order_in(union, tmp_path):
    """The bundle was rightly signed once; only this node's own floor knows that it is old."""
    union.release(config(mask=WIDER))
    one = node(union, tmp_path, gate=Health(GOOD))
    old = (one.shelf.folder / "bundle").read_bytes()
    one.steps()
    union.release(config(mask=MASK), consent=True)
    union.publish(tmp_path / "stick")
    assert one.steps().state is State.COMMITTED
    for path in (one.folder / "metadata").rglob("*"):
        if not path.is_dir():
            path.unlink()
    (one.shelf.folder / "bundle").write_bytes(old)
    assert one.steps().why == "offer-version"
    assert one.runs() == config(mask=MASK)


def test_a_clock_of_1970_does_not_bring_expired_metadata_back(union, tmp_path):
    union.release(config(mask=WIDER))
    one = node(union, tmp_path)
    one.at = AT + 31 * 86400.0
    assert one.steps().why == "offer-expired"
    one.at = 0.0
    assert one.steps().state is State.TRIAL  # a node that never had the time can do no better


def test_a_stolen_online_key_cannot_shut_a_node_out_for_ever(union, tmp_path):
    """It signs the highest number there is; once the root appoints another key, numbers begin anew."""
    union.release(config(mask=WIDER))
    one = node(union, tmp_path, gate=Health(GOOD))
    scene = Scene(union, one, b"")
    scene.sealed({}, ahead=10**9)
    one.steps()
    union.release(config(mask=[[0, 0], [0.7, 0], [0.7, 0.4], [0, 0.4]]))
    union.publish(tmp_path / "stick")
    assert one.steps().why == "offer-version"
    fresh = keys.make(union.folder / "people" / "online-2.pem")
    drafts.rotate(union.authority, "online", leave="online", join=fresh, at=AT)
    (union.authority.folder / "online" / "online.pem").write_bytes(fresh.with_name("online-2.pem").read_bytes())
    union.sign()
    union.publish(tmp_path / "stick")
    assert one.steps().state is State.COMMITTED
