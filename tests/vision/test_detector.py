"""The detector on the shipped models, from the frame to the boxes."""

from __future__ import annotations

import hashlib
import shutil
from threading import Thread

import msgspec
import numpy as np
import pytest

from agent.errors import ConfigError, ModelError
from agent.inference import manifest, selftest
from agent.inference.selftest import opened
from agent.pixels import Frame
from agent.vision.detector import TfliteDetector
from agent.vision.settings import TrackerSettings, VisionSettings

SHIPPED = manifest.folder({})
SMALL = VisionSettings(model="nanodet-g-320", threads=1)


def detector(settings=SMALL, models=SHIPPED):
    return TfliteDetector.from_settings(settings, timer=lambda: 0.0, models=models)


def scene(height=480, width=640):
    """The test card as a frame: four figures that models take for things of many kinds."""
    pixels = np.empty((height, width, 3), np.uint8)
    selftest.draw_card(pixels)
    pixels.setflags(write=False)
    return Frame("north", 12.0, pixels)


ALL = VisionSettings(
    model="nanodet-g-320",
    threads=1,
    labels=manifest.load(SHIPPED).labels["coco-80"],
    tracker=TrackerSettings(low=0.05),
)


def test_detections_carry_the_camera_and_the_instant_of_the_frame():
    found = detector().detect(scene())
    assert (found.camera, found.at) == ("north", 12.0)


def test_it_says_which_model_it_runs():
    """So the node need not read the manifest again to sign what it looks with."""
    assert detector(ALL).digest == manifest.load(SHIPPED).model("nanodet-g-320").sha256


def test_boxes_are_whole_and_within_the_frame_and_come_best_first():
    items = detector(ALL).detect(scene()).items
    assert items
    assert all(0.0 <= b.left < b.right <= 1.0 and 0.0 <= b.top < b.bottom <= 1.0 for b in (item.box for item in items))
    assert [item.score for item in items] == sorted((item.score for item in items), reverse=True)


def test_each_detection_brings_the_scores_of_all_classes():
    classes = manifest.load(SHIPPED).labels["coco-80"]
    for item in detector(ALL).detect(scene()).items:
        assert item.scores is not None
        assert item.scores.shape == (80,)
        assert item.scores[classes.index(item.label)] == pytest.approx(item.score)


def test_only_wanted_labels_come_out():
    wanted = ("person", "refrigerator")
    items = detector(msgspec.structs.replace(ALL, labels=wanted)).detect(scene()).items
    assert {item.label for item in items} <= set(wanted)


def test_the_floor_is_what_the_tracker_wants_to_see():
    items = detector(ALL).detect(scene()).items
    assert 0.05 < min(item.score for item in items) < 0.1


def test_the_same_frame_gives_the_same_boxes():
    eye = detector(ALL)
    assert eye.detect(scene()) == eye.detect(scene())


def test_the_size_of_a_frame_hardly_moves_a_box():
    """Boxes are fractions: the same view in other pixels is found at the same place."""
    small, large = (detector(ALL).detect(scene(*size)).items[0] for size in ((480, 640), (960, 1280)))
    assert small.box == pytest.approx(large.box, abs=0.05)


def test_cameras_may_share_it_from_several_threads():
    eye = detector(ALL)
    alone = eye.detect(scene())
    found = []
    threads = [Thread(target=lambda: found.append(eye.detect(scene()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 4


def test_it_says_how_long_the_model_took():
    ticks = iter(range(100))
    eye = TfliteDetector.from_settings(SMALL, timer=lambda: float(next(ticks)), models=SHIPPED)
    eye.detect(scene())
    assert eye.invoke_s == 1.0


def test_a_label_the_model_does_not_know_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match="cart"):
        detector(VisionSettings(model="nanodet-g-320", labels=("person", "cart")))


def test_an_altered_model_stops_the_node(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "m")
    file = tmp_path / "m" / "nanodet_g_320x320_int8.tflite"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ModelError, match="altered"):
        detector(models=tmp_path / "m")


def test_a_model_that_answers_wrongly_stops_the_node(tmp_path):
    """The right bytes with another model's answers: as a broken runtime would look."""
    shutil.copytree(SHIPPED, tmp_path / "m")
    path = tmp_path / "m" / manifest.FILE
    output, index, level = manifest.load(SHIPPED).model("nanodet-g-320").self_test.expected()[0]
    path.write_text(path.read_text().replace(f"{output}:{index}:{level}", f"{output}:{index}:{level + 60}"))
    with pytest.raises(ModelError, match="self-test"):
        detector(models=tmp_path / "m")


@pytest.mark.parametrize("name", sorted(manifest.load(SHIPPED).models))
def test_every_shipped_model_passes_its_self_test(name):
    model = manifest.load(SHIPPED).model(name)
    outcome = selftest.run(model, opened(model, SHIPPED, threads=1, timer=lambda: 0.0))
    assert outcome.passed


def test_bytes_that_are_no_model_are_refused_in_words(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "m")
    known = manifest.load(SHIPPED).model("nanodet-g-320")
    junk = b"no model at all, only words" * 10
    (tmp_path / "m" / known.file).write_bytes(junk)
    path = tmp_path / "m" / manifest.FILE
    path.write_text(path.read_text().replace(known.sha256, hashlib.sha256(junk).hexdigest()))
    with pytest.raises(ModelError, match="nanodet_g_320x320"):
        detector(models=tmp_path / "m")
