"""Who commits an image of the system asks our health gate: RAUC's mark-good and Mender's commit, as Debian has them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.commands.places import Place
from tests.ota.images import Command, Mender, Rauc

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def node(tmp_path):
    """A node that watches a drawn world; its folder is called `node`."""
    place = Place(tmp_path / "node", duration_s=3600.0)
    config = place.config()
    place.start("sense", "--config", str(config))
    yield config
    place.close()


@pytest.fixture
def absent(tmp_path):
    """The configuration of a node on which nothing runs."""
    return Place(tmp_path / "absent").config()


@pytest.fixture
def command(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    return Command(folder)


def test_rauc_marks_an_image_good_only_when_the_node_is_well(node, absent, command, tmp_path, program):
    program("rauc"), program("dbus-daemon")
    (tmp_path / "rauc").mkdir()
    rauc = Rauc(tmp_path / "rauc", command)
    try:
        rauc.start()
        command.ask(absent, wait_s=0)
        assert (rauc.boots(), rauc.state) == (False, "bad")
        command.ask(node, wait_s=150)
        assert (rauc.boots(), rauc.state) == (True, "good"), (tmp_path / "rauc" / "log").read_text()
    finally:
        rauc.close()


def test_mender_keeps_an_artifact_only_when_the_node_is_well_and_else_goes_back(node, absent, command, tmp_path):
    for name in ("mender", "mender-artifact"):
        if not shutil.which(name):
            pytest.skip(f"no program '{name}': install what requirements/apt-images.txt lists")
    if subprocess.run(["unshare", "--map-root-user", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine gives no mount namespace, in which /etc/mender could be another folder")
    (tmp_path / "mender").mkdir()
    mender = Mender(tmp_path / "mender", command)
    mender.make()
    command.ask(absent, wait_s=0)
    mender.install()
    assert mender.runs == ("after", "before")
    assert (mender.commit() != 0, mender.runs) == (True, ("before", "before"))
    command.ask(node, wait_s=150)
    mender.install()
    assert (mender.commit(), mender.runs) == (0, ("after", "after"))
