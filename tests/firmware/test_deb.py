"""The Debian packages: what they hold, that their scripts are sound, and that nothing of a node is left behind."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.conftest import CHECKOUT

PACKAGING = CHECKOUT / "packaging/deb"
SCRIPTS = sorted(path for path in PACKAGING.iterdir() if path.suffix in {".preinst", ".postinst", ".prerm", ".postrm"})


@pytest.mark.parametrize(
    "script", [*SCRIPTS, CHECKOUT / "tools/deb", CHECKOUT / "systemd/lib/backoff"], ids=lambda path: path.name
)
def test_shellcheck_has_nothing_to_say(script, program):
    command = [program("shellcheck"), "-x", "-P", str(CHECKOUT), str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CHECKOUT)
    assert done.stdout == ""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_ends_at_its_first_failure(script):
    assert script.read_text().startswith("#!/bin/sh\nset -e\n")


@pytest.fixture
def node_package(tmp_path):
    """The package of the appliance, built from this checkout."""
    environment = {**os.environ, "DIST": str(tmp_path), "SOURCE_DATE_EPOCH": "1767225600"}
    subprocess.run([CHECKOUT / "tools/deb", "node"], check=True, env=environment, capture_output=True)
    (made,) = tmp_path.glob("piazza-node_*_all.deb")
    return made


def test_the_appliance_has_every_file_of_the_firmware_and_keeps_what_a_site_changed(node_package, tmp_path, program):
    subprocess.run([program("dpkg-deb"), "-R", str(node_package), str(tmp_path / "out")], check=True)
    root = CHECKOUT / "firmware_config/root"
    ours = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert all((tmp_path / "out" / path).is_file() for path in ours)
    kept = set((tmp_path / "out/DEBIAN/conffiles").read_text().split())
    assert kept == {f"/{path}" for path in ours if path.startswith("etc/")}


@pytest.mark.slow
def test_the_same_tree_and_date_give_the_same_bytes(node_package, tmp_path):
    first = node_package.read_bytes()
    environment = {**os.environ, "DIST": str(tmp_path), "SOURCE_DATE_EPOCH": "1767225600"}
    subprocess.run([CHECKOUT / "tools/deb", "node"], check=True, env=environment, capture_output=True)
    assert node_package.read_bytes() == first


@pytest.mark.slow
def test_lintian_finds_no_error_and_no_warning(node_package, program):
    command = [program("lintian"), "--allow-root", "--fail-on", "error,warning", str(node_package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_removal_leaves_no_secret(tmp_path):
    """The script with a folder in place of /etc and /var: keys and tickets go at removal, the rest at purging."""
    secrets = ["keys/sign.pem", "tls/key.pem", "aim/key.pem", "aim.json", "enrol.json"]
    for name in [*secrets, "node.yaml", "tls/ca.pem"]:
        (tmp_path / "etc/piazza" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "etc/piazza" / name).write_text("secret")
    (tmp_path / "var/lib/piazza").mkdir(parents=True)
    text = re.sub(r"/(etc|var/lib)/piazza", rf"{tmp_path}/\1/piazza", (PACKAGING / "piazza.postrm").read_text())
    (tmp_path / "postrm").write_text(text.replace("/run/systemd/system", "/nowhere"))
    subprocess.run(["sh", str(tmp_path / "postrm"), "remove"], check=True)
    left = {str(path.relative_to(tmp_path / "etc/piazza")) for path in (tmp_path / "etc").rglob("*") if path.is_file()}
    assert left == {"node.yaml", "tls/ca.pem"}
    subprocess.run(["sh", str(tmp_path / "postrm"), "purge"], check=True)
    assert not (tmp_path / "etc/piazza").exists()
    assert not (tmp_path / "var/lib/piazza").exists()


def test_the_package_says_which_python_it_is_for():
    """Wheels fit one version of Python, so the package must not be installable beside another."""
    assert "python3 (>= @PYTHON@), python3 (<< @NEXT@)" in (PACKAGING / "piazza.control").read_text()
