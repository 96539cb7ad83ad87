"""The packages in a root where no systemd runs, as in an image that is being built: installed, upgraded, removed, purged.

Not collected by pytest on its own account: it needs root, `make deb`, and a minute. `RELEASE=trixie` is for Debian 13.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from tests.vm.conftest import RELEASE, packages
from tests.vm.machine import made_base

SECRETS = ("keys/sign.pem", "tls/key.pem", "aim/key.pem", "aim.json", "enrol.json")
KEPT = {
    "etc/piazza/node.yaml": "version: 1\n",
    "etc/piazza/tls/ca.pem": "authority",
    "var/lib/piazza/outbox.sqlite": "x",
}
IN_ROOT = 'mount -t proc proc "$1/proc"; exec chroot "$@"'


def run(root, *command):
    script = ["unshare", "--mount", "sh", "-ec", IN_ROOT, "sh", str(root), *command]
    return subprocess.run(script, check=True, capture_output=True, text=True).stdout


def install(root, *debs):
    for deb in debs:
        shutil.copy(deb, root / "opt")
    run(root, "sh", "-c", "dpkg --install /opt/*.deb && rm /opt/*.deb")


def enabled(root):
    """What boots would start of ours: names of links, also of those that lead nowhere any more."""
    links = [path for path in (root / "etc/systemd/system").rglob("*") if path.is_symlink()]
    return {path.name for path in links if "piazza" in path.name}


@pytest.fixture(scope="module")
def root(program, tmp_path_factory):
    root = tmp_path_factory.mktemp("package") / "root"
    base = made_base(program("mmdebstrap"), RELEASE[0])
    subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
    install(root, *packages(release=RELEASE[1]))
    yield root
    shutil.rmtree(root)


GONE, ADDED, CHANGED = "usr/lib/piazza/site/agent/commands/demo.py", "usr/share/piazza/added", "piazza-link.service"
"""What the newer package does not have any more, has more, and has otherwise; nobody asks for any of them here."""

STARTED = "piazza-added.timer"
"""A unit that the newer package has more."""


@pytest.fixture(scope="module")
def newer(tmp_path_factory):
    """A package of a higher version with other content."""
    folder = tmp_path_factory.mktemp("newer")
    tree, old = folder / "tree", packages(release=RELEASE[1])[0]
    subprocess.run(["dpkg-deb", "--raw-extract", old, str(tree)], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^(Version: .*)$", r"\1+1", control.read_text(), flags=re.MULTILINE))
    (tree / GONE).unlink()
    (tree / ADDED).write_text("new\n")
    unit = "[Timer]\nOnCalendar=daily\nUnit=piazza-health.service\n[Install]\nWantedBy=timers.target\n"
    (tree / "usr/lib/systemd/system" / STARTED).write_text(unit)
    with next(tree.rglob(CHANGED)).open("a") as unit:
        unit.write("# changed\n")
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--build", str(tree), str(folder / "newer.deb")], check=True)
    shutil.rmtree(tree)
    return folder / "newer.deb"


@contextmanager
def asked(root):
    """What is asked of systemd, as on a machine where it runs; answered by nobody."""
    said, program, running = root / "tmp/asked", root / "usr/local/bin/systemctl", root / "run/systemd/system"
    program.write_text('#!/bin/sh\necho "$*" >>/tmp/asked\n')
    program.chmod(0o755)
    running.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    try:
        yield lines
        lines += said.read_text().splitlines()
    finally:
        program.unlink()
        shutil.rmtree(running)
        said.unlink(missing_ok=True)


def test_modules_are_compiled_once_for_a_root_that_is_read_only(root):
    assert list((root / "usr/lib/piazza/site/agent/__pycache__").glob("pipeline.*.pyc"))


def test_installed_it_starts_nothing_but_the_firewall_and_the_data_partition(root):
    """Both also in an image that is built where no systemd runs: its first boot has them."""
    assert enabled(root) == {"nftables-piazza.service", "piazza-data.service"}


def test_the_agent_and_its_models_run_on_the_python_of_the_release(root):
    assert "self-test identical" in run(root, "piazza", "models", "check")


def test_an_upgrade_brings_what_is_new_keeps_keys_documents_and_outbox_and_restarts_what_runs(root, newer):
    for name in SECRETS:
        path = root / "etc/piazza" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"secret {name}")
    for name, text in KEPT.items():
        (root / name).write_text(text)
    run(root, "systemd-tmpfiles", "--create", "piazza.conf")
    owners = run(root, "stat", "-c", "%U %a %n", "/etc/piazza/keys/sign.pem", "/etc/piazza/tls/key.pem")
    with asked(root) as lines:
        install(root, newer)
    assert {*lines[:-4]} == {"daemon-reload"}  # once for the old one's end, once for the new one
    assert lines[-4:] == [
        "--quiet is-enabled piazza.target",
        f"enable {STARTED}",
        f"start --no-block {STARTED}",
        "try-restart piazza-link.service piazza-sense.service",
    ]
    assert not (root / GONE).exists()
    assert (root / ADDED).read_text() == "new\n"
    assert next((root / "usr/lib/systemd/system").glob(CHANGED)).read_text().endswith("# changed\n")
    assert run(root, "dpkg-query", "-W", "-f", "${Version}", "piazza").endswith("+1")
    assert all((root / "etc/piazza" / name).read_text() == f"secret {name}" for name in SECRETS)
    assert all((root / name).read_text() == text for name, text in KEPT.items())
    assert owners == run(root, "stat", "-c", "%U %a %n", "/etc/piazza/keys/sign.pem", "/etc/piazza/tls/key.pem")
    assert owners.splitlines()[0] == "piazza-sense 400 /etc/piazza/keys/sign.pem"


def test_what_an_upgrade_brings_anew_starts_with_a_node_and_what_was_disabled_stays_so(root, newer):
    """The newer one again, over one that knew nothing of the unit: first before the card of a node, then after."""
    (old, *_) = packages(release=RELEASE[1])
    install(root, old)
    install(root, newer)
    assert STARTED not in enabled(root)
    install(root, old)
    run(root, "systemctl", "enable", "piazza.target", "piazza-sense.service")
    install(root, newer)
    assert {"piazza.target", "piazza-sense.service", STARTED} <= enabled(root)
    assert "piazza-aim.path" not in enabled(root)


def test_removal_leaves_documents_and_no_secret(root):
    run(root, "dpkg", "--remove", "piazza-node", "piazza")
    left = {str(path.relative_to(root)) for path in (root / "etc/piazza").rglob("*") if path.is_file()}
    assert not left & {f"etc/piazza/{name}" for name in SECRETS}
    assert set(KEPT) <= left | {"var/lib/piazza/outbox.sqlite"}
    assert enabled(root) == set()


def test_purging_leaves_nothing(root):
    run(root, "dpkg", "--purge", "piazza-node", "piazza")
    for folder in ("etc/piazza", "var/lib/piazza", "usr/lib/piazza", "usr/share/piazza"):
        assert not (root / folder).exists(), folder
