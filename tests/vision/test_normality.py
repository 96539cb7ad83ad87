"""A scene is learned from those who pass, keeps nothing of anybody, and says why something does not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest

from agent.pixels import Box, Detection, Detections, Frame
from agent.vision.calibration import LEAST
from agent.vision.learned import Learned, Stage
from agent.vision.normality import KEEP_S, Normality
from agent.vision.prototypes import GATHERED, MOST
from agent.vision.settings import NormalitySettings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("normality")]  # learns once
CLASSES = ("person", "bicycle", "car")
STEP_S = 0.1
SETTINGS = NormalitySettings(enabled=True, learn_s=100.0, learn_tracks=80)
WIDTH, HEIGHT = 160, 120
TALL = 0.25


def blotches(seed: int, height: int, width: int) -> np.ndarray:
    """A pattern that flow can follow: patches of two pixels in random grey."""
    coarse = np.random.default_rng(seed).integers(20, 235, (height // 2, width // 2), np.uint8)
    return coarse.repeat(2, axis=0).repeat(2, axis=1)[:, :, None].repeat(3, axis=2)


PAPER = blotches(5, HEIGHT, WIDTH)
CLOTH = blotches(6, 30, 12)


@dataclass
class Kept:
    """A memory that counts, and holds what was kept as the bytes of the file would be."""

    content: bytes = b""
    kept: int = 0
    asked: bool = False

    def load(self, *, classes: int, least: int) -> Learned:
        if not self.content:
            return Learned(classes, least=least)
        return Learned.of(msgspec.json.decode(self.content), classes=classes, least=least)

    def keep(self, learned: Learned) -> None:
        self.content, self.kept = msgspec.json.encode(learned.state()), self.kept + 1

    def forgotten(self) -> bool:
        asked, self.asked = self.asked, False
        return asked


@dataclass
class Walker:
    """Somebody who crosses from the left, with a negative `speed` from the right, in body heights a second, looking like `scores`."""

    since: float
    row: float
    speed: float = 0.8
    scores: tuple[float, ...] = (0.8, 0.02, 0.01)

    def box(self, at: float) -> Box | None:
        x = (0.02 if self.speed > 0.0 else 0.88) + (at - self.since) * self.speed * TALL * HEIGHT / WIDTH
        if not 0.02 <= x < 0.9 or at < self.since:
            return None
        return Box(x, self.row - TALL, x + 12 / WIDTH, self.row)


@dataclass
class Street:
    """Walkers on textured ground, one every second, with a little difference between them."""

    until: float
    extra: list[Walker] = field(default_factory=list)

    def frames(self) -> Iterator[tuple[Frame, Detections]]:
        rng = np.random.default_rng(7)
        walkers = [
            Walker(float(n), 0.5 + 0.4 * rng.random(), rng.normal(0.8, 0.06), (0.7 + 0.2 * rng.random(), 0.02, 0.01))
            for n in range(int(self.until))
        ] + self.extra
        for number in range(int((self.until + 12.0) / STEP_S)):
            yield seen(number * STEP_S, walkers)


def seen(at: float, walkers: list[Walker]) -> tuple[Frame, Detections]:
    pixels, items = PAPER.copy(), []
    for walker in walkers:
        if box := walker.box(at):
            left, top = round(box.left * WIDTH), round(box.top * HEIGHT)
            pixels[top : top + 30, left : left + 12] = CLOTH
            scores = np.array(walker.scores, np.float32)
            items.append(Detection(CLASSES[int(scores.argmax())], float(scores.max()), box, scores))
    return Frame("cam", at, pixels), Detections("cam", at, tuple(items))


def watched(street: Street, memory: Kept | None = None) -> tuple[Normality, list[Any]]:
    normality = Normality("cam", SETTINGS, classes=CLASSES, memory=memory)
    return normality, [one for frame, found in street.frames() for one in normality.observe(frame, found)]


LEARNED_AT = 110.0


@pytest.fixture(scope="module")
def kept() -> Kept:
    """What is on disk after two minutes of walkers."""
    memory = Kept()
    normality, _ = watched(Street(LEARNED_AT), memory)
    normality.keep()
    return memory


def test_a_scene_is_learned_and_then_watched(kept: Kept):
    restored = Normality("cam", SETTINGS, classes=CLASSES, memory=kept)
    assert restored.stage is Stage.WATCHING
    assert restored.progress == 1.0


def after(kept: Kept, walker: Walker, *, step_s: float = STEP_S) -> list[Any]:
    """What is told of one walker by a node that knows its scene; who runs needs more frames."""
    normality = Normality("cam", SETTINGS, classes=CLASSES, memory=kept)
    times = [LEARNED_AT + number * step_s for number in range(40)]
    frames = [seen(at, [walker]) for at in times]
    told = [one for frame, found in frames for one in normality.observe(frame, found)]
    return [one for one in told if one.quantity == "scene/unusual"]


def test_somebody_as_usual_is_not_told_of(kept: Kept):
    assert max((one.value for one in after(kept, Walker(LEARNED_AT, 0.7))), default=0.0) < 2.0


def test_somebody_who_runs_is_told_by_their_speed(kept: Kept):
    worst = max(after(kept, Walker(LEARNED_AT, 0.7, speed=2.0), step_s=0.05), key=lambda one: one.value)
    assert worst.value >= 3.0
    reason = worst.reasons[0]
    assert (reason.quantity, reason.test, reason.evidence_unit) == ("scene/speed", "normality", "tracks")
    assert reason.expected is not None
    assert reason.observed > 1.5 * reason.expected
    assert reason.evidence >= LEAST


def test_somebody_who_goes_against_the_stream_is_told_by_their_way(kept: Kept):
    told = after(kept, Walker(LEARNED_AT, 0.7, speed=-0.8))
    assert max(one.value for one in told) >= 3.0
    assert {one.reasons[0].quantity for one in told if one.value >= 3.0} == {"scene/way_pct"}


def test_what_looks_like_nothing_usual_is_told_by_its_looks(kept: Kept):
    worst = max(after(kept, Walker(LEARNED_AT, 0.7, scores=(0.1, 0.8, 0.01))), key=lambda one: one.value)
    assert worst.value >= 3.0
    assert worst.reasons[0].quantity == "scene/bicycle/likeness"
    assert worst.reasons[0].observed == pytest.approx(0.8, abs=0.02)
    assert worst.reasons[0].expected == pytest.approx(0.02, abs=0.02)


def test_nothing_is_told_while_it_learns():
    normality, told = watched(Street(40.0, extra=[Walker(30.0, 0.7, speed=2.5)]))
    assert normality.stage is Stage.LEARNING
    assert {one.quantity for one in told} == {"scene/stage", "scene/progress"}
    progress = [one.value for one in told if one.quantity == "scene/progress"]
    assert progress == sorted(progress)
    assert 0.2 < progress[-1] < 0.6


def test_the_same_pictures_teach_the_same():
    first, second = Kept(), Kept()
    for memory in (first, second):
        normality, _ = watched(Street(30.0), memory)
        normality.keep()
    assert first.content == second.content


def numbers_of_tracks(part: object, path: str = "") -> Iterator[tuple[str, float]]:
    """Every `tracks` in the file, and every number that counts tracks by itself."""
    if isinstance(part, dict):
        for name, inner in part.items():
            if name == "tracks":
                yield f"{path}/{name}", inner
            yield from numbers_of_tracks(inner, f"{path}/{name}")
    elif isinstance(part, list):
        for inner in part:
            yield from numbers_of_tracks(inner, path)
            if path.endswith("/reached"):
                yield path, inner


def test_nothing_that_is_kept_stems_from_fewer_than_twenty_tracks(kept: Kept):
    state = msgspec.json.decode(kept.content)
    counts = list(numbers_of_tracks(state))
    assert len([path for path, _ in counts if "/looks" in path]) >= 1
    assert all(count == 0 or count >= LEAST for _, count in counts), [one for one in counts if 0 < one[1] < LEAST]


def test_a_busy_scene_is_kept_in_prototypes_that_each_stem_from_twenty_tracks(kept: Kept):
    looks = msgspec.json.decode(kept.content)["looks"]
    assert 1 <= len(looks) <= MOST
    assert min(one["tracks"] for one in looks) >= LEAST


def test_what_is_kept_holds_no_picture_and_no_box(kept: Kept):
    state = msgspec.json.decode(kept.content)
    assert set(state) == {
        "version", "least", "classes", "seconds", "tracks", "odd", "drifted", "perspective", "looks", "places",
        "hourly", "tails", "joint",
    }  # fmt: skip
    assert {name for hour in state["hourly"].values() for name in hour} <= {"tracks", "passed", "speeds"}
    assert {name for one in state["looks"] for name in one} == {"tracks", "weight", "mean"}
    assert {len(one["mean"]) for one in state["looks"]} == {len(CLASSES)}
    assert len(kept.content) < 1_000_000


def test_nothing_of_nineteen_people_is_kept():
    memory = Kept()
    normality, _ = watched(Street(12.0), memory)
    normality.keep()
    state = msgspec.json.decode(memory.content)
    assert (state["looks"], state["tracks"], state["perspective"]) == ([], 0, {"tracks": 0})


def test_a_restart_in_the_middle_of_learning_loses_less_than_five_minutes():
    """Longer than any street here can be: what counts is how often it is kept."""
    memory, settings = Kept(), NormalitySettings(enabled=True, learn_s=3000.0, learn_tracks=80)
    normality = Normality("cam", settings, classes=CLASSES, memory=memory)
    for frame, found in Street(40.0).frames():
        normality.observe(frame, found)
    for second in range(55, 620):
        normality.rest(float(second))
    before = normality.scene.learned.seconds
    after = Normality("cam", settings, classes=CLASSES, memory=memory).scene.learned
    assert before - after.seconds <= KEEP_S < 300.0
    assert after.tracks == normality.scene.learned.tracks
    assert after.perspective.at(np.array([0.8], np.float32))[0] == pytest.approx(TALL, rel=0.1)


def test_what_waits_in_memory_is_bounded():
    book = Learned(3).looks
    for number in range(5 * GATHERED):
        book.gather(number, np.zeros(3, np.float32))
    assert len(book._waiting) <= GATHERED


def test_who_asks_for_it_lets_it_learn_anew(kept: Kept):
    memory = Kept(content=kept.content, asked=True)
    normality = Normality("cam", SETTINGS, classes=CLASSES, memory=memory)
    told = normality.rest(500.0)
    assert normality.stage is Stage.LEARNING
    assert [one.value for one in told if one.quantity == "scene/progress"] == [0.0]
    assert msgspec.json.decode(memory.content)["tracks"] == 0


def test_a_scene_that_is_another_is_said_to_have_drifted(kept: Kept):
    normality = Normality("cam", SETTINGS, classes=CLASSES, memory=kept)
    for _ in range(200):
        normality.scene.learned.judge(5.0, may_drift=True)
    assert normality.stage is Stage.DRIFTED
    runner = [seen(LEARNED_AT + n * STEP_S, [Walker(LEARNED_AT, 0.7, speed=2.4)]) for n in range(10)]
    told = [one for frame, found in runner for one in normality.observe(frame, found)]
    assert not [one for one in told if one.quantity == "scene/unusual"], "who does not know the scene says nothing"
