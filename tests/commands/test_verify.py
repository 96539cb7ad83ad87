"""`piazza verify` says of a file of envelopes whether it is whole, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from agent.contract.jws import KeyRing
from agent.contract.topics import Class
from agent.contract.types import AuditData, HeadData
from agent.provision.keys import save_ring
from tests.contract.makers import NODE, Chain, event

Said = pytest.CaptureFixture[str]


class File:
    """A file of envelopes and the ring that belongs to it."""

    def __init__(self, folder: Path, ring: KeyRing) -> None:
        self.path, self.ring = folder / "events.txt", folder / "ring.json"
        save_ring(self.ring, ring)

    def judged(self, lines: list[str], *options: str) -> int:
        self.path.write_text("\n".join(lines))
        return main(["verify", str(self.path), "--keys", str(self.ring), *options])


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def file(tmp_path: Path, chain: Chain) -> File:
    return File(tmp_path, chain.ring)


def head(chain: Chain) -> str:
    return chain.make(Class.HEAD, HeadData(seq=chain.seq, digest=chain.prev), kind="node")


def document(capsys: Said) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_whole_file_is_well(file: File, chain: Chain, capsys: Said) -> None:
    lines = [chain.make() for _ in range(3)]
    assert file.judged([*lines, head(chain)], "--from-first") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{NODE}  3 in the chain up to 3, 1 beside it: whole",
        "all is well",
    ]


def test_lines_with_their_topics_are_read_too(file: File, chain: Chain) -> None:
    assert file.judged([f"piazza/v1/{NODE}/evt/loitering {chain.make()}", ""]) == 0


def test_a_token_under_a_foreign_topic_is_refused(file: File, chain: Chain, capsys: Said) -> None:
    assert file.judged(["", f"piazza/v1/{NODE}/evt/crossing {chain.make()}"]) == 1
    assert "line 2: refused, topic" in capsys.readouterr().out


def test_what_is_missing_altered_and_cut_is_named(file: File, chain: Chain, capsys: Said) -> None:
    lines = [chain.make() for _ in range(6)]
    last = head(chain)
    altered = lines[2].split(".")
    tampered = [lines[0], f"{altered[0]}.{altered[1][:-4]}AAAA.{altered[2]}", lines[3], last]
    assert file.judged(tampered, "--json") == 1
    found = document(capsys)
    assert found["refused"] == [{"line": 2, "why": "signature"}]
    assert found["nodes"][str(NODE)]["wrong"] == {"missing": [[2, 3], [5, 6]]}
    assert found["whole"] is False


def test_two_contents_under_one_number_are_named(file: File, chain: Chain, capsys: Said) -> None:
    clone = Chain()
    assert file.judged([chain.make(), clone.make(data=event(rule="other"))], "--json") == 1
    assert document(capsys)["nodes"][str(NODE)]["wrong"] == {"equivocation": [[1, 1]]}


def test_what_the_node_dropped_and_signed_for_is_noted_and_no_fault(file: File, chain: Chain, capsys: Said) -> None:
    first, *_ = [chain.make() for _ in range(3)]
    said = AuditData(action="dropped", subject="evt", first=2, last=3, ranges=((2, 3),))
    assert file.judged([first, chain.make(Class.AUDIT, said, kind="dropped"), first], "--json") == 0
    assert document(capsys)["nodes"][str(NODE)]["noted"] == {"duplicate": [[1, 1]], "dropped": [[2, 3]]}


def test_a_stream_that_must_begin_at_one_misses_its_beginning(file: File, chain: Chain) -> None:
    lines = [chain.make() for _ in range(3)][1:]
    assert (file.judged(lines), file.judged(lines, "--from-first")) == (0, 1)


@pytest.mark.parametrize("lines", [[], ["", " "]])
def test_a_file_without_envelopes_cannot_be_judged(file: File, lines: list[str]) -> None:
    assert file.judged(lines) == 2


def test_a_file_or_ring_that_is_not_there_is_the_users_to_mend(file: File, capsys: Said) -> None:
    assert main(["verify", "absent.txt", "--keys", str(file.ring)]) == 2
    assert main(["verify", str(file.ring), "--keys", "absent.json"]) == 2
    assert "absent" in capsys.readouterr().err
