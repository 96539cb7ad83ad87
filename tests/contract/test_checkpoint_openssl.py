"""What docs/guide/audit.md says of checking a checkpoint with openssl alone is so."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

from agent.contract.checkpoint import cosign, joined
from agent.provision.keys import public_pem
from tests.contract.makers import AT, signer
from tests.contract.test_checkpoint import MADE, NOTE, WITNESS
from tests.contract.test_openssl_guide import shell
from tests.pages import CHECKOUT, commands, examples

GUIDE = CHECKOUT / "docs" / "guide" / "audit.md"


def script() -> str:
    steps = [one for one in examples("console") if one.page == GUIDE and "test_checkpoint_openssl" in one.note]
    return "\n".join(command for one in steps for command, _ in commands(one.text))


def written(folder: Path, note: str, who: str = "store") -> Path:
    (folder / "note.txt").write_text(note)
    (folder / "key.pem").write_text(public_pem(signer(who).public))
    return folder


def test_an_outsider_verifies_a_checkpoint_by_the_guide(tmp_path: Path) -> None:
    done = shell(written(tmp_path, NOTE), script())
    assert "Signature Verified Successfully" in done.stdout, done.stderr
    assert (tmp_path / "signed.txt").read_text() == str(MADE)


def test_the_guide_stops_at_a_checkpoint_that_was_changed(tmp_path: Path) -> None:
    assert shell(written(tmp_path, NOTE.replace("\n12\n", "\n11\n")), script()).returncode != 0


def test_an_outsider_verifies_what_a_witness_saw_and_when(tmp_path: Path) -> None:
    line = cosign(MADE, signer("witness"), str(WITNESS), at=AT)
    folder = written(tmp_path, joined(NOTE, line), "witness")
    second = int.from_bytes(b64decode(line.split()[2])[4:12], "big")
    text = (
        script()
        .replace("head -1", "tail -1")
        .replace("$d' >signed.txt", f"$d' | sed '1i cosignature/v1\\ntime {second}' >signed.txt")
    )
    assert "Signature Verified Successfully" in shell(folder, text).stdout
