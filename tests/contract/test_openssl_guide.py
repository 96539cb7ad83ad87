"""The commands of docs/guide/verify-with-openssl.md, run as they stand there."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agent.contract.topics import Class
from agent.contract.types import HeadData
from agent.provision.keys import save_ring
from tests.contract.makers import NODE, STORE, Chain, event, ring_of, signer
from tests.pages import CHECKOUT, commands, examples

GUIDE = CHECKOUT / "docs" / "guide" / "verify-with-openssl.md"


def script() -> str:
    """All commands of the page, for one session."""
    return "\n".join(command for one in examples("console") if one.page == GUIDE for command, _ in commands(one.text))


def written(folder: Path, *, second: Chain | None = None) -> Path:
    """The four files that the guide begins with."""
    chain = Chain()
    (folder / "envelope.jws").write_text(chain.make() + "\n")
    follower = second or chain
    (folder / "next.jws").write_text(follower.make() + "\n")
    head = chain.make(Class.HEAD, HeadData(seq=chain.seq, digest=chain.prev), kind="node")
    (folder / "head.jws").write_text(head + "\n")
    save_ring(folder / "ring.json", ring_of((signer("store"), "store", STORE), (signer("node"), "node", NODE)))
    return folder


def shell(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", text], cwd=folder, capture_output=True, text=True, check=False
    )


def test_an_outsider_verifies_a_genuine_envelope_by_the_guide(tmp_path: Path) -> None:
    done = shell(written(tmp_path), script())
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Signature Verified Successfully") == 1
    assert f'"piazza_subject": "{NODE}"' in done.stdout
    assert '"quantity":"gate/person/stay_s"' in done.stdout
    assert '"data":{"seq":2' in done.stdout


def test_the_guide_stops_at_a_forged_envelope(tmp_path: Path) -> None:
    folder = written(tmp_path)
    header, body, _ = (folder / "envelope.jws").read_text().split(".")
    stolen = (folder / "next.jws").read_text().split(".")[2]
    (folder / "envelope.jws").write_text(f"{header}.{body}.{stolen}")
    assert shell(folder, script()).returncode != 0


def test_the_guide_stops_at_a_key_that_the_ring_does_not_have(tmp_path: Path) -> None:
    folder = written(tmp_path)
    (folder / "envelope.jws").write_text(Chain(signer=signer("stranger")).make())
    assert shell(folder, script()).returncode != 0


def test_the_guide_stops_at_a_next_one_that_is_not_joined(tmp_path: Path) -> None:
    other = Chain()
    other.make(data=event(rule="another"))
    assert shell(written(tmp_path, second=other), script()).returncode != 0
