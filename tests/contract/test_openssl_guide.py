"""The commands of docs/guide/verify-with-openssl.md, run as they stand there, with no other programs at hand."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.contract.checkpoint import HEAD, Checkpoint, cosign, origin
from agent.contract.topics import Class, NodeName
from agent.contract.types import HeadData
from agent.provision.keys import save_ring
from tests.contract.makers import AT, NODE, STORE, Chain, event, ring_of, signer
from tests.pages import CHECKOUT, commands, examples

GUIDE = CHECKOUT / "docs" / "guide" / "verify-with-openssl.md"
TOOLS = (
    "bash", "base64", "cat", "cut", "date", "grep", "head", "od", "openssl", "sed", "sha256sum", "tail", "tr",
)  # fmt: skip
"""All that the guide may need: openssl, grep, sed and coreutils."""
WITNESS = NodeName("romagna-faentina", "faenza", "witness")


def script() -> str:
    """All commands of the page, for one session."""
    return "\n".join(command for one in examples("console") if one.page == GUIDE for command, _ in commands(one.text))


@dataclass
class Given:
    """What an outsider was given, in a folder; the chain goes on without it."""

    folder: Path
    chain: Chain = field(default_factory=Chain)

    def __post_init__(self) -> None:
        self.write("envelope.jws", self.chain.make())
        self.write("next.jws", self.chain.make())
        self.promise()
        self.witness()
        parties = (
            (signer("store"), "store", STORE), (signer("node"), "node", NODE), (signer("witness"), "witness", WITNESS)
        )  # fmt: skip
        save_ring(self.folder / "ring.json", ring_of(*parties))

    def write(self, name: str, token: str) -> None:
        (self.folder / name).write_text(f"{token}\n")

    def promise(self, who: Chain | None = None) -> None:
        """The node's head as of now."""
        chain = who or self.chain
        self.write("head.jws", chain.make(Class.HEAD, HeadData(seq=chain.seq, digest=chain.prev), kind="node"))

    def witness(self, who: str = "witness") -> None:
        """What a witness has seen by now, under its name and signed with the key of `who`."""
        seen = Checkpoint(origin(NODE, self.chain.signer.kid) + HEAD, self.chain.seq, bytes.fromhex(self.chain.prev))
        (self.folder / "seen.txt").write_text(f"{seen}\n{cosign(seen, signer(who), str(WITNESS), at=AT)}")


@pytest.fixture
def given(tmp_path: Path) -> Given:
    return Given(tmp_path)


def shell(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Run in bash with TOOLS only."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    for name in TOOLS:
        if not (tools / name).exists():
            (tools / name).symlink_to(shutil.which(name) or pytest.skip(f"{name} is not installed"))
    command = [str(tools / "bash"), "-e", "-u", "-o", "pipefail", "-c", text]
    return subprocess.run(
        command, cwd=folder, env={"PATH": str(tools), "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False
    )


def test_an_outsider_verifies_a_genuine_envelope_by_the_guide(given: Given) -> None:
    done = shell(given.folder, script())
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Signature Verified Successfully") == 5
    assert f'"piazza_subject": "{NODE}"' in done.stdout
    assert '"quantity":"gate/person/stay_s"' in done.stdout
    assert "omitted" not in done.stdout
    assert "silent" not in done.stdout


def test_an_outsider_sees_by_the_head_what_was_not_given(given: Given) -> None:
    given.chain.several(3)
    given.promise()
    done = shell(given.folder, script())
    assert done.returncode == 0, done.stderr
    assert "omitted: 3 to 5" in done.stdout


def test_an_outsider_sees_by_a_witness_what_node_and_store_keep_silent_about(given: Given) -> None:
    given.chain.several(4)
    given.witness()
    done = shell(given.folder, script())
    assert done.returncode == 0, done.stderr
    assert "omitted" not in done.stdout
    assert "kept silent about: 3 to 6" in done.stdout
    assert "Fri May  1 08:30:00" in done.stdout


def test_the_files_beside_the_guide_show_what_it_says_of_them(tmp_path: Path) -> None:
    """Whoever has no message at hand learns it with these."""
    shutil.copytree(GUIDE.parent / "openssl", tmp_path, dirs_exist_ok=True)
    done = shell(tmp_path, script())
    assert done.returncode == 0, done.stderr
    assert "omitted: 3 to 3" in done.stdout
    assert "kept silent about: 4 to 4" in done.stdout


def test_the_guide_stops_at_a_forged_envelope(given: Given) -> None:
    header, body, _ = (given.folder / "envelope.jws").read_text().split(".")
    stolen = (given.folder / "next.jws").read_text().split(".")[2]
    (given.folder / "envelope.jws").write_text(f"{header}.{body}.{stolen}")
    assert shell(given.folder, script()).returncode != 0


def test_the_guide_stops_at_a_key_that_the_ring_does_not_have(given: Given) -> None:
    given.write("envelope.jws", Chain(signer=signer("stranger")).make())
    assert shell(given.folder, script()).returncode != 0


def test_the_guide_stops_at_a_right_signature_under_another_name(given: Given) -> None:
    given.write("next.jws", Chain(name=NodeName("romagna-faentina", "faenza", "n-0001")).make())
    assert shell(given.folder, script()).returncode != 0


def test_the_guide_stops_at_a_next_one_that_is_not_joined(given: Given) -> None:
    other = Chain()
    other.make(data=event(rule="another"))
    given.write("next.jws", other.make())
    assert shell(given.folder, script()).returncode != 0


def test_the_guide_stops_at_a_head_that_a_stranger_signed(given: Given) -> None:
    stranger = Chain(signer=signer("stranger"))
    stranger.several(9)
    given.promise(stranger)
    assert shell(given.folder, script()).returncode != 0


def test_the_guide_stops_at_a_word_that_the_witness_did_not_sign(given: Given) -> None:
    given.chain.several(4)
    given.witness("node")
    assert shell(given.folder, script()).returncode != 0
