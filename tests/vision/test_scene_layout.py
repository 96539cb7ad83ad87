"""Scenes that others bring for the figures: any size, rate and container, truth under several names."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from agent.errors import UserError
from agent.pixels import Frame
from bench import ablation, scene_anomaly
from bench.scenes import Clip, Video, scene, scenes


def drawn(path: Path, *, frames: int = 24, size: tuple[int, int] = (96, 64), fps: int = 12) -> Path:
    """A grey square that goes from left to right."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(fps))
        stream.width, stream.height = width, height
        for number in range(frames):
            plate = np.full((height, width, 3), 40, np.uint8)
            left = number * (width - 12) // frames
            plate[height // 3 : height // 3 * 2, left : left + 12] = 200
            for packet in stream.encode(av.VideoFrame.from_ndarray(plate, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def truth(count: int = 24) -> np.ndarray:
    wrong = np.zeros(count, np.uint8)
    wrong[count // 2 :] = 1
    return wrong


@pytest.mark.parametrize(
    ("clip", "files"),
    [
        ("01", {"gt_frame.npz": {"test_01": truth()}}),
        ("01", {"gt_frame.npz": {"1": truth().astype(bool)}}),
        ("Test001", {"gt_frame_all.npz": {"test_1": truth().astype(float)[None]}}),
        ("01_0014", {"gt_frame.npz": {"test_01_0014": truth()[:, None]}}),
        ("07", {"gt_frame_07.npz": {"arr_0": truth()}}),
        ("Test007", {"gt_frame.npz": {"Test007.avi": truth().astype(np.int64), "Test008.avi": truth(9)}}),
        ("clip", {"gt_frame_mask.npz": {"label": truth().astype(float)}}),
        ("07", {"gt_frame.npz": {"test_07": truth()[:, None, None] * np.ones((1, 4, 5))}}),
        ("02", {"gt_frame1.npz": {"test_09": truth()}, "gt_frame2.npz": {"test_02": truth(), "test_03": truth()}}),
    ],
)
def test_the_truth_of_a_clip_is_found(clip: str, files: dict[str, dict[str, np.ndarray]], tmp_path: Path):
    drawn(tmp_path / "train" / "a.avi")
    drawn(tmp_path / "test" / f"{clip}.AVI")
    for name, arrays in files.items():
        np.savez(tmp_path / name, **arrays)  # type: ignore[arg-type]  # numpy's stubs take any keyword for allow_pickle
    found = scene(tmp_path)
    assert list(found.truth) == [clip]
    assert found.truth[clip].tolist() == truth().astype(bool).tolist()


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path):
    (tmp_path / "train").mkdir()
    drawn(tmp_path / "test" / "01.mp4")
    drawn(tmp_path / "test" / "02.mp4")
    np.savez(tmp_path / "gt_frame.npz", test_11=truth())
    with pytest.raises(UserError) as told:
        scene(tmp_path)
    assert "no video in train/" in told.value.message
    assert "no truth for any test clip (01, 02); truth was found for: 11" in told.value.message


@pytest.mark.parametrize("spoiled", ["train/a.mp4", "test/01.mp4"])
def test_a_video_that_is_none_is_named(spoiled: str, tmp_path: Path):
    drawn(tmp_path / "train" / "a.mp4")
    drawn(tmp_path / "test" / "01.mp4")
    (tmp_path / spoiled).write_bytes(b"no video")
    with pytest.raises(UserError, match="cannot be read"):
        list(Clip("x", tmp_path / spoiled).pictures())


def test_a_truth_that_is_none_is_named(tmp_path: Path):
    drawn(tmp_path / "train" / "a.mp4")
    drawn(tmp_path / "test" / "01.mp4")
    np.savez(tmp_path / "gt_frame.npz", test_01=np.array([{"a": 1}], object))
    with pytest.raises(UserError, match=r"gt_frame\.npz: no truth"):
        scene(tmp_path)


def test_a_clip_is_shown_with_fewer_and_smaller_pictures(tmp_path: Path):
    clip = Clip("a", drawn(tmp_path / "a.mp4", frames=25), skip=2, shrink=2)
    shown = list(clip.pictures())
    assert [round(at * 12) for at, _ in shown] == list(range(0, 25, 2))
    assert {picture.shape for _, picture in shown} == {(32, 48, 3)}
    assert clip.frames() == (13, 6.0)


@pytest.mark.slow
def test_no_more_looks_are_kept_than_fit_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scene_anomaly, "SEEN", 2)
    eyes = scene_anomaly.Eyes.of("nanodet-g-320", 1)
    clip = Clip("a", drawn(tmp_path / "a.mp4", frames=4))
    for number, (second, picture) in enumerate(clip.pictures()):
        eyes.look(clip, number, Frame("bench", second, picture))
    assert (len(eyes.seen), eyes.frames) == (2, 4)


def test_a_clip_without_truth_is_left_out_and_named(tmp_path: Path):
    drawn(tmp_path / "training" / "a.mp4")
    drawn(tmp_path / "testing" / "01.mp4")
    drawn(tmp_path / "testing" / "02.mp4")
    np.savez(tmp_path / "gt_frame.npz", test_02=truth())
    found = scene(tmp_path)
    assert ([clip.name for clip in found.test], found.untold) == (["02"], ("01",))


def test_a_folder_of_scenes_gives_all_of_them_and_one_of_none_is_told(tmp_path: Path):
    for name in ("one", "two"):
        drawn(tmp_path / name / "train" / "a.mp4")
        drawn(tmp_path / name / "test" / "01.mp4")
        np.savez(tmp_path / name / "gt_frame.npz", test_01=truth())
    assert [one.folder.name for one in scenes(tmp_path)] == ["one", "two"]
    with pytest.raises(UserError, match="no scene"):
        scenes(tmp_path / "one" / "train")


def test_one_long_video_is_cut_into_parts_that_miss_no_frame(tmp_path: Path):
    drawn(tmp_path / "train" / "long.mp4", frames=30, fps=12)
    (tmp_path / "test").mkdir()
    drawn(tmp_path / "test" / "01.mp4")
    np.savez(tmp_path / "gt_frame.npz", test_01=truth())
    (long,) = scene(tmp_path).train
    parts = long.cut(4)
    assert [part.frames() for part in parts] == [(7, 12.0), (8, 12.0), (7, 12.0), (8, 12.0)]
    whole = [picture for _, picture in long.pictures()]
    pieces = [picture for part in parts for _, picture in part.pictures()]
    assert len(whole) == len(pieces) == 30
    assert all((one == other).all() for one, other in zip(whole, pieces, strict=True))
    assert [second for second, _ in parts[1].pictures()][:2] == [0.0, pytest.approx(1 / 12)]


def test_where_all_is_normal_there_is_no_area_and_no_crash():
    assert math.isnan(scene_anomaly.auc(np.arange(4.0), np.zeros(4, np.bool_)))


def test_an_alarm_is_an_event_of_the_rule_with_its_dwell_and_its_hysteresis():
    calm, high, falling = [0.0] * 80, [3.5], [2.4] * 4
    assert scene_anomaly.alarms(np.array(calm[:5] + high + calm), 0.1) == []  # gone before its dwell is over
    assert scene_anomaly.alarms(np.array(calm[:5] + high + falling + calm), 0.1) == [7]  # no longer 3, not yet below 2
    assert scene_anomaly.alarms(np.array((high + falling) * 4), 0.1) == [2]
    assert scene_anomaly.alarms(np.array((high + falling + calm) * 2), 0.1) == [2, 87]


def test_a_rate_of_false_raises_has_a_bound_also_where_there_was_none():
    assert scene_anomaly.rate(0, 360.0) == {
        "seconds": 360.0,
        "raises": 0,
        "raises_per_hour": 0.0,
        "raises_per_hour_at_most_95": pytest.approx(30.0, abs=0.1),
    }


@pytest.mark.slow
def test_a_scene_of_another_size_rate_and_container_is_measured_without_a_change(tmp_path: Path):
    """One training video, one test clip, twelve frames a second, a truth that is two frames too short."""
    drawn(tmp_path / "train" / "walk.avi", frames=60, size=(320, 200))
    drawn(tmp_path / "test" / "Test001.avi", frames=36, size=(320, 200))
    np.savez(tmp_path / "gt_frame_Test001.npz", truth(34))
    figures = scene_anomaly.measured(scene(tmp_path), "nanodet-g-320", 3, quick=False, is_robust=True)
    assert figures["train_s"] == 5.0
    assert not figures["learned"]  # nobody passes
    assert set(figures["robust"]) == {"half_the_training", "half_the_size", "half_the_rate"}
    assert 0.0 <= figures["micro_auc"] <= 100.0
    assert figures["raised"]["stretches"].endswith("of 1")
    assert figures["normal"] == {"seconds": 0.0, "raises": 0}  # nothing is told of a scene that is not known
    assert set(figures["peers"]) == {"flow_per_cell", "largest_blob"}


def passing(*, speeds: dict[int, float], frames: int = 20) -> scene_anomaly.Sights:
    """Things that pass at a speed each, all looking alike."""
    rows = [
        (frame, number, math.nan if not frame else speed, 1.0, 0.1, 0.5)
        for frame in range(frames)
        for number, speed in speeds.items()
    ]
    return np.array(rows, np.float32)


def test_what_a_sum_leaves_out_is_not_seen_in_it(tmp_path: Path):
    """Among walkers one thing is faster: the sum with speed finds it, and likeness, which is that of all, does not."""
    clip = Clip("01", drawn(tmp_path / "01.mp4", frames=20))
    video = Video(tmp_path, [], [clip], {"01": truth(20)})
    run = scene_anomaly.Run(scores={"01": np.zeros(20)}, step_s={"01": 0.1})
    learned = {"a": passing(speeds={}), "b": passing(speeds={number: 0.5 + number / 100 for number in range(40)})}
    watched = {"01": passing(speeds={0: 0.6, 1: 3.0})}

    def highest(*names: str) -> float:
        sums = dict.fromkeys(names, 1.0)
        return float(scene_anomaly.retold(video, run, learned, watched, sums, smooth_s=0.3)["01"].max())

    assert highest("speed") > 2.0
    assert highest("speed", "likeness") > 2.0
    assert highest("likeness") < 1.0


def test_background_subtraction_finds_what_moves_and_takes_it_for_a_person(tmp_path: Path):
    patches = ablation.Patches()
    clip = Clip("a", drawn(tmp_path / "a.mp4", frames=12))
    found = [patches.detect(Frame("bench", second, picture)) for second, picture in clip.pictures()]
    boxes = [one.box for one in found[-1].items]
    assert any(box.left < 0.85 < box.right and box.bottom - box.top == pytest.approx(1 / 3, abs=0.1) for box in boxes)
    assert {one.label for one in found[-1].items} == {"person"}


@pytest.mark.slow
def test_every_sum_is_measured_with_and_without_a_network(tmp_path: Path):
    drawn(tmp_path / "train" / "walk.avi", frames=36, size=(320, 200))
    drawn(tmp_path / "test" / "Test001.avi", frames=36, size=(320, 200))
    np.savez(tmp_path / "gt_frame_Test001.npz", truth(36))
    found = ablation.ablated(scene(tmp_path), "nanodet-g-320", 3)
    assert set(found["with_detector"]) == {"learned", "tracks", "all", *ablation.WITH_DETECTOR}
    assert set(found["without_detector"]) == {"learned", "tracks", "all", *ablation.WITHOUT}
