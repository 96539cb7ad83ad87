"""Both packages installed by `apt` on Debian 13 for the boards' processors, run there, and purged: `make vm-all RUNGS=arm64-trixie`.

Not collected by pytest on its own account: it needs root, `make deb RELEASE=trixie` and emulation; fifteen minutes the first time.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from agent import __version__
from tests.vm.conftest import packages
from tests.vm.emulated import run_in
from tests.vm.machine import made_base

CORE = "cortex-a72"
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet", "-o", "Dpkg::Use-Pty=false")


@pytest.fixture(scope="module")
def root(program, tmp_path_factory):
    for name in ("qemu-aarch64-static", "update-binfmts"):
        program(name)
    subprocess.run(["update-binfmts", "--enable", "qemu-aarch64"], check=True)
    root = tmp_path_factory.mktemp("arm64") / "root"
    base = made_base(program("mmdebstrap"), "trixie", architecture="arm64")
    subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
    yield root
    shutil.rmtree(root)


def said(root: Path, *command: str) -> str:
    done = run_in(root, CORE, *command)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.timeout(3600)
def test_apt_installs_both_and_the_models_answer_bit_for_bit(root):
    """As first boot does it: from files; all that they depend on is there."""
    (root / "debs").mkdir()
    files = [shutil.copy(path, root / "debs") for path in packages(architecture="arm64", release="deb13")]
    said(
        root,
        *APT,
        "install",
        "--no-install-recommends",
        *(f"/debs/{Path(file).name}" for file in files),
    )
    states = said(
        root, "dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}${Package} ", "piazza", "piazza-node"
    )
    assert states.split() == ["ii", "piazza", "ii", "piazza-node"]
    assert __version__ in said(root, "piazza", "--version")
    told_of = [line for line in said(root, "piazza", "models", "check").splitlines() if line.startswith("nanodet")]
    assert len(told_of) == 3
    assert all(line.endswith("self-test identical, XNNPACK on") for line in told_of), told_of


def test_purging_leaves_nothing(root):
    said(root, *APT, "purge", "piazza", "piazza-node")
    for folder in ("etc/piazza", "var/lib/piazza", "usr/lib/piazza", "usr/share/piazza"):
        assert not (root / folder).exists(), folder
