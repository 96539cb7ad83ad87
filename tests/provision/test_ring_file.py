"""A key ring that follows its file."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing
from agent.errors import KeyFileError, Refused
from agent.files import WATCH_S
from agent.provision.keys import save_ring
from agent.provision.ring_file import RingFile
from tests.contract.makers import NODE, STORE, Chain, event, ring_of, signer

BOTH = ring_of((signer("node"), "node", NODE), (signer("store"), "store", STORE))
STORE_ONLY = ring_of((signer("store"), "store", STORE))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_ring(tmp_path / "ring.json", BOTH)
    return tmp_path / "ring.json"


def kids(ring: KeyRing) -> set[str]:
    return {key.kid for key in ring}


def test_a_key_that_was_removed_is_not_believed_any_more(path: Path):
    file, token = RingFile(path), Chain().make(data=event())
    open_envelope(token, file.ring)
    save_ring(path, STORE_ONLY)
    file.look(0.0)
    with pytest.raises(Refused) as refused:
        open_envelope(token, file.ring)
    assert refused.value.why == "unknown-key"


def test_a_key_that_was_added_is_believed_by_whoever_has_the_ring(path: Path):
    save_ring(path, STORE_ONLY)
    file = RingFile(path)
    given = file.ring
    save_ring(path, BOTH)
    file.look(0.0)
    assert open_envelope(Chain().make(data=event()), given).seq == 1


def test_the_file_is_looked_at_once_a_second(path: Path):
    file = RingFile(path)
    file.look(10.0)
    save_ring(path, STORE_ONLY)
    file.look(10.0 + WATCH_S / 2)
    assert kids(file.ring) == kids(BOTH)
    file.look(10.0 + WATCH_S)
    assert kids(file.ring) == kids(STORE_ONLY)


@pytest.mark.parametrize("content", ["", "{", '{"keys": [{"kid": "strange"}]}', None])
def test_what_is_no_key_ring_changes_nothing_and_is_told_of_once(
    path: Path, content: str | None, caplog: pytest.LogCaptureFixture
):
    file = RingFile(path)
    path.unlink() if content is None else path.write_text(content)
    with caplog.at_level(logging.INFO):
        for second in range(3):
            file.look(float(second))
    assert kids(file.ring) == kids(BOTH)
    assert len(caplog.records) == 1
    save_ring(path, STORE_ONLY)
    file.look(10.0)
    assert kids(file.ring) == kids(STORE_ONLY)


def test_without_a_ring_nothing_begins(tmp_path: Path):
    with pytest.raises(KeyFileError):
        RingFile(tmp_path / "ring.json")
