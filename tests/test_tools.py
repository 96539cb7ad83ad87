"""The scripts behind make: what they say and how they end on machines that lack things."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
PLAIN = ("bash", "cat", "cut", "dirname", "env", "find", "grep", "head", "id", "mkdir", "mktemp", "realpath", "rm", "sed", "sha256sum", "sync", "tr")  # fmt: skip
"""What any Unix machine has, and nothing of Debian."""

Bare = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    """Runs a tool on a machine that has the plain programs and those that are handed to it as scripts."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in PLAIN:
        (folder / name).symlink_to(str(shutil.which(name)))

    def run(tool: str, *arguments: str, programs: dict[str, str] | None = None, **environment: str):
        for name, script in (programs or {}).items():
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(0o755)
        command = ["bash", str(CHECKOUT / "tools" / tool), *arguments]
        surroundings = {"PATH": str(folder), "HOME": str(tmp_path), **environment}
        return subprocess.run(
            command, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    return run


def test_debian_packages_that_cannot_be_installed_are_named_and_no_failure(bare: Bare):
    done = bare("apt", "mosquitto", "openssl")
    assert done.returncode == 0
    assert "this is no Debian" in done.stderr
    assert "mosquitto openssl" in done.stderr


def test_on_ci_a_missing_package_ends_the_run(bare: Bare):
    assert bare("apt", "mosquitto", CI="true").returncode == 1


def test_packages_that_are_there_are_not_talked_about(bare: Bare):
    done = bare("apt", "mosquitto", programs={"dpkg-query": "printf installed"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_only_what_is_missing_is_installed(bare: Bare, tmp_path: Path):
    """dpkg knows openssl, not mosquitto; apt-get is called by root or through sudo, without questions."""
    asked = tmp_path / "asked"
    programs = {
        "dpkg-query": 'case "$*" in *openssl*) printf installed ;; esac',
        "apt-get": f'echo "$DEBIAN_FRONTEND $*" >>{asked}',
        "sudo": 'while [ "$1" = -n ]; do shift; done; exec "$@"',
        "true": "exit 0",
    }
    done = bare("apt", "mosquitto", "openssl", programs=programs)
    assert done.returncode == 0
    assert "installing Debian packages: mosquitto" in done.stdout
    assert asked.read_text() == "noninteractive install --quiet=2 --yes --no-install-recommends mosquitto\n"


def test_lists_of_packages_are_refreshed_when_the_first_try_fails(bare: Bare, tmp_path: Path):
    lists = tmp_path / "lists"
    programs = {
        "dpkg-query": "exit 1",
        "apt-get": f"case $1 in update) echo >{lists} ;; install) test -e {lists} ;; esac",
        "sudo": 'while [ "$1" = -n ]; do shift; done; exec "$@"',
        "true": "exit 0",
    }
    done = bare("apt", "mosquitto", programs=programs)
    assert (done.returncode, done.stderr) == (0, "")
    assert lists.exists()


def test_every_wanted_package_has_its_reason():
    rows = (CHECKOUT / "requirements" / "apt.txt").read_text().splitlines()
    assert all(row.startswith("#") or row.partition("#")[2].strip() for row in rows if row.strip())


def test_without_a_python_that_fits_the_message_says_what_to_install(bare: Bare):
    done = bare("python")
    assert done.returncode == 2
    assert "-> sudo apt-get install python3-venv" in done.stderr


def test_a_python_that_fits_is_named_by_its_path(bare: Bare):
    assert bare("python", programs={"python3": "exit 0"}).stdout.endswith("/bin/python3\n")


def test_without_debian_the_clip_is_asked_for_by_name(bare: Bare, tmp_path: Path):
    done = bare("fetch_clip", str(tmp_path / "clip.avi"))
    assert done.returncode == 2
    assert "this is no Debian" in done.stderr
    assert "-> put vtest.avi" in done.stderr


def test_without_a_network_the_clip_is_explained_and_nothing_is_left_behind(bare: Bare, tmp_path: Path):
    programs = {"apt-get": "echo 'Could not resolve' >&2; exit 100", "dpkg-deb": "exit 1"}
    done = bare("fetch_clip", str(tmp_path / "cache" / "clip.avi"), programs=programs)
    assert done.returncode == 2
    assert "Could not resolve" in done.stderr
    assert "-> connect this machine to a Debian mirror, or bring your own picture" in done.stderr
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_clip_that_is_another_file_is_refused_and_not_kept(bare: Bare, tmp_path: Path):
    """The package is there but holds other bytes under the clip's name."""
    programs = {
        "apt-get": "echo >package.deb",
        "dpkg-deb": "exit 0",
        "tar": "mkdir data; echo other >data/vtest.avi",
    }
    done = bare("fetch_clip", str(tmp_path / "clip.avi"), programs=programs)
    assert done.returncode == 2
    assert "another file than the one we know" in done.stderr
    assert not (tmp_path / "clip.avi").exists()


@pytest.mark.slow
def test_a_clip_that_is_there_is_checked_and_used_without_a_word(bare: Bare, clip: Path):
    done = bare("fetch_clip", str(clip))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{clip}\n", "")


@pytest.mark.parametrize("name", ["apt", "fetch_clip", "lock", "python", "venv"])
def test_a_tool_says_what_it_is_for_and_stops_at_the_first_failure(name: str):
    text = (CHECKOUT / "tools" / name).read_text()
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\n" in text


def test_an_image_for_nobody_says_what_to_give(bare: Bare):
    done = bare("image", CARD="card.img", BROKER="broker.example")
    assert done.returncode == 2
    assert "NODE KEYS not given" in done.stderr
    assert "make image CARD=" in done.stderr
