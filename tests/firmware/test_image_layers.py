"""Files for the builders of images, held against what rpi-image-gen documents (`docs/layer`, `docs/config`, commit 02b5aab).

Neither builder runs here: both need Raspberry Pi's own archive.
"""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from tests.conftest import CHECKOUT

IMAGE = CHECKOUT / "firmware_config/image"
LAYER = IMAGE / "rpi-image-gen/layer/piazza.yaml"
CONFIG = IMAGE / "rpi-image-gen/piazza.yaml"
FIELDS = {
    "Name", "Category", "Desc", "Description", "Version", "Requires", "Provides", "RequiresProvider", "AfterProvider",
    "Conflicts", "Type", "Generator", "Sets",
}  # fmt: skip
OF_A_VARIABLE = {"Desc", "Description", "Required", "Valid", "Set", "Triggers", "Conflicts", "Anchor"}
PLACEHOLDERS = {"DIRECTORY", "FILENAME", "STEM", "FILEPATH", "NAME", "VERSION", "UUID", "WORKDIR"}
THEIRS = {
    "debian-trixie-arm64-multi", "rpi-debian-trixie", "rpi-essential-base", "rpi-misc-utils", "rpi-misc-skel",
    "network-manager", "systemd-timesyncd", "wireless-regulatory",
}  # fmt: skip
"""Layers that come with rpi-image-gen: those of its suite trixie-minbase, with NetworkManager in place of iwd and networkd."""


@pytest.fixture
def metadata():
    """Fields of the layer, in deb822 within comments: a line that begins with two blanks goes on with the last one."""
    head = LAYER.read_text().split("# METAEND")[0].removeprefix("# METABEGIN\n")
    lines = [line.removeprefix("#") for line in head.splitlines() if line.strip("# ")]
    joined = re.sub(r"\n  ", "", "\n".join(lines))
    return {key.strip(): value.strip() for key, _, value in (line.partition(": ") for line in joined.splitlines())}


@pytest.fixture
def body():
    return yaml.safe_load(LAYER.read_text().split("# METAEND\n---\n")[1])["mmdebstrap"]


def test_every_field_is_one_that_rpi_image_gen_documents(metadata):
    layer = {key.removeprefix("X-Env-Layer-") for key in metadata if key.startswith("X-Env-Layer-")}
    assert {"Name", "Desc", "Version", "Requires"} <= layer <= FIELDS
    assert metadata["X-Env-VarPrefix"] == "piazza"
    about = [key.removeprefix("X-Env-Var-") for key in metadata if key.startswith("X-Env-Var-")]
    assert {name.partition("-")[2] for name in about} - {""} <= OF_A_VARIABLE
    assert re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", metadata["X-Env-Layer-Version"])


def test_the_layer_stands_on_layers_that_come_with_rpi_image_gen(metadata):
    assert set(metadata["X-Env-Layer-Requires"].split(",")) == THEIRS


def test_a_default_uses_only_documented_placeholders(metadata):
    """An unknown one ends the build: values are expanded under `set -u`."""
    assert set(re.findall(r"\$\{(\w+)\}", " ".join(metadata.values()))) <= PLACEHOLDERS


def test_hooks_use_only_variables_that_the_layer_declares(metadata, body):
    used = set(re.findall(r"IGconf_piazza_(\w+)", "\n".join(body["customize-hooks"])))
    assert used == {key.removeprefix("X-Env-Var-") for key in metadata if re.fullmatch(r"X-Env-Var-\w+", key)}


def test_hooks_are_sound_shell(body, program):
    script = '#!/bin/sh\nset -eu\n: "${1:?}" "${IGconf_piazza_debs:?}"\n' + "\n".join(body["customize-hooks"])
    done = subprocess.run([program("shellcheck"), "-"], input=script, capture_output=True, text=True, check=False)
    assert done.stdout == ""


def test_the_image_reads_what_piazza_image_writes(body, tmp_path):
    """Without cloud-init, and without its being told where to look, first boot would never begin."""
    assert "cloud-init" in body["packages"]
    (tmp_path / "etc/cloud/cloud.cfg.d").mkdir(parents=True)
    subprocess.run(["sh", "-euc", body["customize-hooks"][-1], "sh", str(tmp_path)], check=True)
    said = yaml.safe_load((tmp_path / "etc/cloud/cloud.cfg.d/99-piazza.cfg").read_text())
    assert said["datasource"]["NoCloud"]["seedfrom"] == "file:///boot/firmware/"


def test_the_image_is_one_whose_root_a_first_boot_may_write_to():
    config = yaml.safe_load(CONFIG.read_text())
    assert set(config) == {"device", "image", "layer"}
    assert config["image"]["layer"] == "image-rpios"
    assert config["layer"]["app"] == "piazza"


def test_the_image_builders_take_the_same_packages(body):
    """But cloud-init, which is in the Lite image that pi-gen begins from."""
    stage = (IMAGE / "pi-gen/stage-piazza/00-piazza/00-packages-nr").read_text().split()
    assert body["packages"] == ["cloud-init", *stage]
