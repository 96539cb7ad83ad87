"""A release is judged against what each node has signed that it runs, and what is unknown is said to be so."""

from __future__ import annotations

import hashlib

import pytest

from agent.cli import main
from agent.clock import SimulatedClock
from agent.contract.jws import Key, KeyRing, Signer
from agent.contract.types import StateData, UpdateData
from agent.ota import running
from agent.ota.running import Running
from agent.records import ClockQuality
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Sealer
from tests.ota.town import AT, MASK, NAME, NARROWER, WIDER, config


def digest(content):
    return hashlib.sha256(content).hexdigest()[:12]


@pytest.fixture
def release(union, tmp_path, capsys):
    """`piazza ota release` of one configuration; what it printed."""

    def release(content, *options, code=0):
        (tmp_path / "next.yaml").write_bytes(content)
        arguments = ["ota", "release", str(union.authority.folder), str(tmp_path / "next.yaml"), *options]
        assert main(arguments) == code
        printed = capsys.readouterr()
        return printed.out + printed.err

    return release


def test_a_release_is_compared_with_what_the_node_went_back_to_and_not_with_its_last_order(union, release):
    """The second order shows less than the first, but the first never ran: nothing is loosened."""
    union.release(config(mask=MASK))
    union.release(config(mask=WIDER))
    assert "no longer be hidden" in release(config(mask=MASK), code=2)
    running.keep(union.authority, {str(NAME): Running(digest(config(mask=MASK)), AT, 2, "rolled-back", "no-frames")})
    assert f"{NAME}: no change" in release(config(mask=MASK))


def test_what_loosens_against_the_node_s_own_word_is_refused_with_the_line(union, release):
    union.release(config(mask=WIDER))
    union.release(config(mask=NARROWER), consent=True)
    running.keep(union.authority, {str(NAME): Running(digest(config(mask=WIDER)), AT, 2, "rolled-back")})
    assert "cameras[gate].view.masks: 8.00% of the picture" in release(config(mask=NARROWER), code=2)


def test_a_node_that_runs_what_nobody_knows_is_in_the_list_of_what_is_wrong(union, release, tmp_path):
    union.release(config(mask=WIDER))
    strange = config(mask=WIDER, timezone="Europe/London")
    running.keep(union.authority, {str(NAME): Running(digest(strange), AT)})
    assert f"{NAME} runs {digest(strange)}, which was never released here" in release(config(mask=WIDER), code=2)
    (tmp_path / "brought").mkdir()
    (tmp_path / "brought" / "any.yaml").write_bytes(strange)
    said = release(config(mask=WIDER), "--running", str(tmp_path / "brought"))
    assert f"{NAME}: timezone: Europe/Rome instead of Europe/London" in said


def test_nodes_that_were_not_asked_are_counted(union, release):
    assert "1 of 1 nodes were not asked what they run" in release(config(mask=MASK))
    running.keep(union.authority, {str(NAME): Running(digest(config(mask=MASK)), AT)})
    union.release(config(mask=MASK))
    assert "not asked" not in release(config(mask=WIDER))


def test_of_two_words_of_one_node_the_later_counts(union):
    for cfg, at in (("a" * 12, AT), ("b" * 12, AT - 1)):
        running.keep(union.authority, {str(NAME): Running(cfg, at)})
    assert running.load(union.authority)[str(NAME)].cfg == "a" * 12


def test_only_a_state_that_the_node_s_own_key_has_signed_is_its_word():
    signer, stranger = Signer(bytes(32)), Signer(bytes(31) + b"1")
    ring = KeyRing()
    ring.add(Key(signer.kid, signer.public, "node", str(NAME)))
    said = StateData(
        status="up", agent="0.1.0", cfg="c" * 12, model="0" * 12, contract="0" * 12, clock=ClockQuality.NTP,
        delete_on="receipt", update=UpdateData(seq=3, phase="committed"),
    )  # fmt: skip
    for one, word in ((signer, (str(NAME), Running("c" * 12, AT, 3, "committed"))), (stranger, None)):
        topic, token = Sealer(NAME, one, Vocabulary(), clock=SimulatedClock(AT), boot="0000beef").state(said)
        assert running.heard(token.encode(), ring, topic=topic) == word
