"""`piazza explain` says why an event was raised, from whatever form of it somebody has."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from agent.cli import main
from agent.contract.jws import b64
from agent.contract.topics import Class
from agent.contract.types import HeadData
from agent.provision.keys import save_ring
from tests.contract.makers import Chain, event
from tests.pages import CHECKOUT

Said = pytest.CaptureFixture[str]
WORLD = CHECKOUT / "tests" / "worlds" / "thermometer-strange" / "events.jsonl"
OPENED, CLOSED = WORLD.read_text(encoding="utf-8").splitlines()
NAME = json.loads(OPENED)["id"]
ENGLISH = "cabinet: temperature 26.7 °C for a moment, usually 21 °C ± 0.21 (learned from 24 min)"
ITALIAN = "cabinet: temperatura 26,7 °C per un momento, di solito 21 °C ± 0,21 (imparato da 24 min)"


def test_a_line_of_a_replay_becomes_a_sentence(capsys: Said):
    assert main(["explain", OPENED]) == 0
    assert capsys.readouterr().out == f"2024-05-14T08:25:10.000Z {NAME} {ENGLISH}\n"


def test_and_one_in_italian(capsys: Said):
    assert main(["explain", OPENED, "--language", "it"]) == 0
    assert ITALIAN in capsys.readouterr().out


def test_an_id_finds_all_words_of_its_event_in_a_file(capsys: Said):
    assert main(["explain", NAME, str(WORLD), "--language", "it"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.endswith(ITALIAN)
    assert "finito dopo 2 min 20 s: temperatura" in last


def test_an_envelope_is_explained_and_believed_only_with_its_key(tmp_path: Path, capsys: Said):
    chain = Chain()
    token = chain.make(Class.EVT, event(), kind="anomaly")
    save_ring(tmp_path / "ring.json", chain.ring)
    assert main(["explain", token, "--keys", str(tmp_path / "ring.json")]) == 0
    assert main(["explain", token]) == 0
    one, other = capsys.readouterr().out.splitlines()
    assert one == other
    forged = token.rpartition(".")[0] + "." + "A" * 86
    assert main(["explain", forged, "--keys", str(tmp_path / "ring.json")]) == 2


def test_a_line_of_watch_has_the_same_sentence(capsys: Said):
    told = json.loads(OPENED)
    line = {
        "time": told["time"],
        "topic": "t",
        "data": {k: v for k, v in told.items() if k not in ("time", "id", "kind", "severity")},
    }
    assert main(["explain", json.dumps(line)]) == 0
    assert ENGLISH in capsys.readouterr().out


def test_a_file_of_topics_and_envelopes_is_read_and_other_classes_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
):
    chain = Chain()
    lines = [chain.make(Class.HEAD, HeadData(seq=0, digest="0" * 64), kind="node")]
    token = chain.make(Class.EVT, event(), kind="anomaly")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join([*lines, f"piazza/v1/some/topic {token}"])))
    assert main(["explain", "-"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.parametrize("what", ["nonsense", "{}", "a.b.c", '{"rule": 1}'])
def test_what_is_no_event_is_the_users_fault_with_a_hint(what: str, capsys: Said):
    assert main(["explain", what]) == 2
    assert "  -> " in capsys.readouterr().err


DEEP = "[" * 100_000 + "]" * 100_000
FOREIGN = ["[]", "1", "null", '{"type": "piazza.evt.x.v1"}', DEEP, f'{{"a": {DEEP}}}']


@pytest.mark.parametrize("payload", FOREIGN, ids=lambda payload: payload[:9])
def test_a_token_that_holds_something_else_is_the_users_fault(payload: str, capsys: Said):
    assert main(["explain", f"e30.{b64(payload.encode())}.e30"]) == 2
    assert "  -> " in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", [f'{{"rule": {DEEP}}}', '{"data": [1]}', '{"data": {"rule": 1}}'], ids=lambda line: line[:9]
)
def test_json_of_another_shape_is_the_users_fault(line: str, capsys: Said):
    assert main(["explain", line]) == 2
    assert "  -> " in capsys.readouterr().err


def test_what_is_not_believed_cannot_speak_to_the_terminal(capsys: Said):
    """A line that nobody signed may give its event any name."""
    told = json.loads(OPENED) | {"id": "\x1b[2J\u202e"}
    assert main(["explain", json.dumps(told)]) == 0
    assert "\\u001b[2J\\u202e cabinet" in capsys.readouterr().out


def test_an_id_that_is_not_in_the_file_is_said_so(capsys: Said):
    assert main(["explain", "0" * 16, str(WORLD)]) == 2
    assert "no event of that name" in capsys.readouterr().err
