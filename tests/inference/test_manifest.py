"""A model file is run when it is the approved one, and never otherwise."""

from __future__ import annotations

import hashlib
import shutil

import msgspec
import pytest

from agent.errors import ConfigError, ModelError
from agent.inference import manifest

SHIPPED = manifest.folder({})


@pytest.fixture
def copied(tmp_path):
    """A folder of models that a test may spoil."""
    shutil.copytree(SHIPPED, tmp_path / "models", ignore=shutil.ignore_patterns("build"))
    return tmp_path / "models"


def test_the_manifest_that_ships_is_found_and_read():
    assert "nanodet-g-416" in manifest.load(SHIPPED).models


def test_a_named_folder_comes_before_the_shipped_one(tmp_path):
    assert manifest.folder({"PIAZZA_MODELS": str(tmp_path)}) == tmp_path


def test_a_named_folder_without_models_is_an_error_not_a_fall_back(tmp_path):
    with pytest.raises(ModelError, match="no models here"):
        manifest.load(manifest.folder({"PIAZZA_MODELS": str(tmp_path)}))


def test_the_bytes_given_are_the_bytes_that_were_hashed():
    model = manifest.load(SHIPPED).model("nanodet-g-416")
    assert hashlib.sha256(manifest.content(model, SHIPPED)).hexdigest() == model.sha256


def test_one_altered_bit_is_refused_by_name_with_both_digests(copied):
    model = manifest.load(copied).model("nanodet-g-320")
    path = copied / model.file
    spoiled = bytearray(path.read_bytes())
    spoiled[1000] ^= 1
    path.write_bytes(spoiled)
    with pytest.raises(ModelError, match="altered") as caught:
        manifest.content(model, copied)
    assert model.file in caught.value.message
    assert model.sha256 in caught.value.message
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_a_missing_file_is_refused_by_its_path(copied):
    model = manifest.load(copied).model("nanodet-g-320")
    (copied / model.file).unlink()
    with pytest.raises(ModelError, match=model.file):
        manifest.content(model, copied)


def test_an_unknown_model_names_those_there_are():
    with pytest.raises(ModelError) as caught:
        manifest.load(SHIPPED).model("yolo")
    assert "nanodet-g-416" in caught.value.hint


def test_a_manifest_with_problems_lists_them_all(copied):
    path = copied / manifest.FILE
    path.write_text(path.read_text().replace("colour: RGB", "colour: BGR").replace("overlap: 0.6", "overlap: 6"))
    with pytest.raises(ConfigError) as caught:
        manifest.load(copied)
    assert len(caught.value.problems) == 6


def test_a_file_name_cannot_lead_out_of_the_folder():
    model = manifest.load(SHIPPED).model("nanodet-g-320")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(msgspec.to_builtins(model) | {"file": "../secret.tflite"}, manifest.Model)
