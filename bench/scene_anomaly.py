"""How well a scene's own normality tells what does not fit, by the protocol of this project.

    python bench/scene_anomaly.py --data SCENE [--json] [--model NAME] [--every N] [--flow S]

SCENE holds train/*.{mp4,avi}, test/*.{mp4,avi} and gt_frame*.npz with one array per clip, `test_` and its
name (what else is understood: bench/scenes.py). A folder of such folders is searched for them. The headline is the
micro AUC: one ROC over all frames of all test clips together, no normalisation of any clip, no frame seen
before its time. Beside it stand the number as papers give it (each clip's scores stretched to 0 to 1,
smoothed with a Gaussian that looks ahead), the macro AUC over clips that have both classes, and what a
threshold does that was fixed from the training video alone.

Everything is fitted to train/ in one pass, as a node would learn it, with the settings that ship; only
the time that learning takes is set to the length of the training video, which is shown again (up to eight times, see `passes`) where fewer than
80 things pass in it; where nobody does, nothing can be `learned`. `left_one_out` chooses smoothing
and weights of the sum of speed and likeness for each test clip by the AUC of the other ones. `normal` is every training clip, judged by what
was learned from the others. `--robust` adds what is found with half the training clips, pictures half as wide and high, and every other picture. Peers in the same run: dense flow per cell, and background subtraction.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, median
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.anomaly.engine import Engine, ids
from agent.anomaly.settings import NormalityRule
from agent.clock import SystemClock
from agent.errors import UserError
from agent.pixels import Detections, Frame
from agent.records import Observation, Phase
from agent.vision.attributes import Sight, log_odds
from agent.vision.calibration import Tail
from agent.vision.detector import TfliteDetector
from agent.vision.eye import LATEST_S
from agent.vision.learned import GRAINS
from agent.vision.normality import LEAST_TOLD, Normality
from agent.vision.settings import NormalitySettings, VisionSettings
from bench.machine import show
from bench.scenes import FPS, Clip, Truth, Video, scenes
from bench.tamper import poisson_bound

APART_S = 600.0
"""Between two clips, so that nobody takes them for one."""
RAISED = NormalityRule(id="unusual").score
"""An alarm: the default of the rule."""
SHOWN_AN_HOUR = 3600
"""A clip is no hour: the rule's budget of events must not hide a false one."""
EPOCH_S = 1_700_000_000.0
FLOW_S = NormalitySettings().flow_s
LASTING_S = 0.35
"""Time from which a thing counts, as in what is learned."""
STATED = (1.0, 1.5, 2.0, 2.5, 3.0)
RESAMPLED = 1000
LEARN_TRACKS = 80
LEFT_S = 5.0
"""So much less than the training video must be enough to learn from: the last tracks have ended then."""
PASSES = 8
PARTS = 4
SEEN = 20_000
MEMORY = ("detector", "with_normality")
MEMORY_CLIPS, MEMORY_FRAMES = 4, 300
LOOK_AHEAD_S = 1.0
"""Standard deviation of the Gaussian of the number as papers give it."""
Scores = NDArray[np.float64]
Sights = NDArray[np.float32]
"""A row for one thing in one frame: frame, its number, and the raw `COLUMNS`, for settings that are tried afterwards."""
COLUMNS = {
    "speed": GRAINS["speed"],
    "likeness": GRAINS["likeness"],
    "size": GRAINS["size"],
    "class": GRAINS["likeness"],
}
"""What of a sight is kept, with the least mean excess that its tail believes; `class` is by how much a thing is less surely a
person than the detector can tell, in log odds: what a label alone would say."""
LABELLED = float(log_odds(np.ones(1, np.float32))[0])
"""Log odds of what the detector is surest of."""


@dataclass(slots=True)
class Run:
    """What a method said of every frame: clip -> scores, with the seconds between frames of each clip."""

    scores: dict[str, Scores] = field(default_factory=dict)
    step_s: dict[str, float] = field(default_factory=dict)
    spent_s: float = 0.0
    frames: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a scene, or a folder with scenes")
    parser.add_argument("--model", default="nanodet-g-416")
    parser.add_argument("--every", type=int, default=3, help="the detector looks at every so many frames")
    parser.add_argument("--flow", type=float, default=FLOW_S, metavar="S", help="motion over so many seconds (0.08)")
    parser.add_argument("--quick", action="store_true", help="without the normal video judged by itself")
    parser.add_argument("--robust", action="store_true", help="also with half the training, size and rate")
    parser.add_argument("--memory", choices=MEMORY, help="print the resident set of watching alone, and nothing else")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    try:
        found = scenes(options.data)
        if options.memory:
            print(resident_mb(found[0], options.model, options.every, options.memory))
            return
        parts = {"flow_s": options.flow, "quick": options.quick, "is_robust": options.robust}
        figures = {one.folder.name: measured(one, options.model, options.every, **parts) for one in found}
    except UserError as error:
        parser.error(f"{error.message}: {error.hint}")
    show(figures, as_json=options.json)


# Ours


@dataclass(slots=True)
class Ours:
    """The agent's own parts on one core: detector on every n-th frame, normality on each."""

    normality: Normality
    eyes: Eyes
    at: float = 0.0
    run: Run = field(default_factory=Run)
    sighted: dict[str, Sights] = field(default_factory=dict)
    highest: dict[str, list[float]] = field(default_factory=dict)
    """Of each clip the highest score of every thing that was seen often enough to count."""

    passes: int = 0
    """How often the training video was shown: more than once where too little passes in it to learn from."""

    @classmethod
    def untaught(cls, eyes: Eyes, learn_s: float) -> Ours:
        settings = NormalitySettings(learn_s=max(10.0, learn_s), learn_tracks=LEARN_TRACKS, flow_s=eyes.flow_s)
        return cls(Normality("bench", settings, classes=eyes.detector.classes), eyes)

    @classmethod
    def taught(cls, eyes: Eyes, clips: Sequence[Clip], *, passes: int = PASSES) -> Ours:
        """What is known after some clips, shown up to so many times; where nobody passes in them that is nothing."""
        ours = cls.untaught(eyes, sum(clip.seconds() for clip in clips) - LEFT_S)
        while ours.passes < passes and not ours.has_learned:
            for clip in clips:
                ours.watch(clip, learns=True)
            ours.passes += 1
            if not ours.normality.scene.learned.tracks:
                break
        return ours

    @property
    def has_learned(self) -> bool:
        """Whether enough has passed for scores to mean something."""
        learned = self.normality.scene.learned
        return learned.tracks >= LEARN_TRACKS and learned.joint.is_known

    def watch(self, clip: Clip, *, learns: bool) -> Scores:
        """Score every frame of a clip."""
        self.at += APART_S
        self.normality.restart()
        told, at, step = list[float](), self.at, 1.0 / FPS
        sighted: list[tuple[float, ...]] = []
        things: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for number, (second, picture) in enumerate(clip.pictures()):
            step, at = (second / number if number else step), self.at + second
            frame = Frame("bench", at, picture)
            found = self.eyes.look(clip, number, frame)
            began = time.process_time()
            rated = self.normality.rate(frame, found, learns=learns)
            told.append(max((one.score for one in rated), default=0.0))
            self.run.spent_s += time.process_time() - began
            for one in rated:
                things[one.sight.number].append((number * step, one.score))
            sighted += [(number, one.sight.number, *self._raw(one.sight)) for one in rated]
        self.at = at + step
        self.run.frames += len(told)
        self.run.scores[clip.name], self.run.step_s[clip.name] = np.array(told), step
        self.sighted[clip.name] = np.array(sighted, np.float32).reshape(-1, 2 + len(COLUMNS))
        self.highest[clip.name] = [
            max(score for _, score in told) for told in things.values() if told[-1][0] - told[0][0] >= LASTING_S
        ]
        return self.run.scores[clip.name]

    def _raw(self, sight: Sight) -> list[float]:
        """The `COLUMNS` of a sight."""
        person = self.eyes.detector.classes.index("person")
        return [*sight.values[:3].tolist(), LABELLED - float(sight.looks[person])]


class Detector(Protocol):
    """What finds things: the one that the node has, or what it is compared with."""

    @property
    def classes(self) -> Sequence[str]: ...
    def detect(self, frame: Frame, /) -> Detections: ...


@dataclass(slots=True)
class Eyes:
    """The detector on every n-th frame; what it found is kept, so that a clip is looked at once."""

    detector: Detector
    every: int
    flow_s: float = FLOW_S
    """Over how long, and how often, motion is measured by whoever judges what is seen."""
    spent_s: float = 0.0
    frames: int = 0
    steps: dict[Clip, int] = field(default_factory=dict)
    seen: dict[tuple[Clip, int], Detections] = field(default_factory=dict)
    """At most `SEEN` looks; what comes later is looked at again, so that a scene of any length fits into memory."""

    @classmethod
    def of(cls, model: str, every: int, *, flow_s: float = FLOW_S) -> Eyes:
        settings = VisionSettings(model=model, threads=1, normality=NormalitySettings(enabled=True))
        return cls(TfliteDetector.from_settings(settings, timer=SystemClock().monotonic), every, flow_s)

    def step(self, clip: Clip) -> int:
        """At every so many frames, as the node does: fewer than it may where the next look would come late."""
        if clip not in self.steps:
            self.steps[clip] = max(1, min(self.every, int(LATEST_S * clip.frames()[1])))
        return self.steps[clip]

    def look(self, clip: Clip, number: int, frame: Frame) -> Detections | None:
        key = (clip, number)
        self.frames += key not in self.seen and number % self.step(clip) != 0
        if number % self.step(clip):
            return None
        if (found := self.seen.get(key)) is None:
            began = time.process_time()
            found = self.detector.detect(frame)
            self.spent_s += time.process_time() - began
            self.frames += 1
            if len(self.seen) < SEEN:
                self.seen[key] = found
        return replace(found, at=frame.at)


def measured(
    video: Video, model: str, every: int, *, quick: bool, flow_s: float = FLOW_S, is_robust: bool = False
) -> dict[str, Any]:
    """Everything about one scene."""
    eyes = Eyes.of(model, every, flow_s=flow_s)
    train_s = sum(clip.seconds() for clip in video.train)
    ours = Ours.taught(eyes, video.train)
    learned = ours.sighted
    train, ours.run, ours.sighted = ours.run, Run(), {}
    for clip in video.test:
        ours.watch(clip, learns=False)
    run = ours.run
    state = ours.normality.scene.learned.state()
    cost_ms = 1000 * (eyes.spent_s / eyes.frames + (run.spent_s + train.spent_s) / (run.frames + train.frames))
    figures = {
        "model": f"{model}, every {every}, flow over {flow_s:g} s",
        "train_s": round(train_s, 1),
        "learned": ours.has_learned,
        "passes": ours.passes,
        "test_clips": len(video.test),
        "left_out_without_truth": list(video.untold),
        **areas(video, run),
        "left_one_out": left_one_out(video, run, learned, ours.sighted),
        "raised": raised(video, run),
        "frames_per_s": round(1000 / cost_ms, 1),
        "ms_detector": round(1000 * eyes.spent_s / eyes.frames, 1),
        "ms_normality": round(1000 * (run.spent_s + train.spent_s) / (run.frames + train.frames), 1),
        "rss_mb": {who: alone_mb(video, model, every, who) for who in MEMORY},
        "file_kb": round(len(json.dumps(state)) / 1024),
        "tracks": state["tracks"],
        "prototypes": len(state["looks"]),
    }
    if is_robust:
        figures |= {"robust": robust(video, eyes)}
    if not quick:
        print(json.dumps(figures), file=sys.stderr, flush=True)  # what follows takes as long again
        figures |= {"normal": normal(video, eyes), "peers": {name: peer(video, name) for name in PEERS}}
    return figures


def robust(video: Video, eyes: Eyes) -> dict[str, Any]:
    """The headline and the operating point where there is less to learn from and to see, with nothing changed for it."""
    train = video.train if len(video.train) > 1 else [part for clip in video.train for part in clip.cut(2)]
    harder = {
        "half_the_training": replace(video, train=train[::2]),
        "half_the_size": altered(video, shrink=2),
        "half_the_rate": altered(video, skip=2),
    }
    return {name: briefly(one, eyes) for name, one in harder.items()}


def altered(video: Video, *, skip: int = 1, shrink: int = 1) -> Video:
    """The same scene with fewer or smaller pictures."""
    train, test = ([replace(clip, skip=skip, shrink=shrink) for clip in clips] for clips in (video.train, video.test))
    return replace(video, train=train, test=test)


def briefly(video: Video, eyes: Eyes) -> dict[str, Any]:
    """What is found in a scene, without the cost of it."""
    ours = Ours.taught(eyes, video.train)
    ours.run = Run()
    for clip in video.test:
        ours.watch(clip, learns=False)
    point = raised(video, ours.run)
    shown = {name: point[name] for name in ("stretches", "median_delay_s", "false_frames_pct")}
    return {"passes": ours.passes, "micro_auc": areas(video, ours.run)["micro_auc"], **shown}


def alone_mb(video: Video, model: str, every: int, who: str) -> int:
    """The largest resident set of a process that only watches the first training clips."""
    own = [sys.executable, "-m", "bench.scene_anomaly", "--data", str(video.folder), "--model", model]
    own += ["--every", str(every), "--memory", who]
    done = subprocess.run(own, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return int(done.stdout)


def resident_mb(video: Video, model: str, every: int, who: str) -> int:
    """Of this process, after it has watched with the detector alone or with normality too."""
    eyes = Eyes.of(model, every)
    ours = Ours.untaught(eyes, 10.0)
    for clip in (replace(one, last=MEMORY_FRAMES) for one in video.train[:MEMORY_CLIPS]):
        if who == "with_normality":
            ours.watch(clip, learns=True)
        else:
            for number, (second, picture) in enumerate(clip.pictures()):
                eyes.look(clip, number, Frame("bench", second, picture))
        eyes.seen.clear()
        ours.sighted.clear()
    status = Path("/proc/self/status").read_text(encoding="ascii")  # rusage would tell the parent's too
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def normal(video: Video, eyes: Eyes, *, passes: int = PASSES) -> dict[str, Any]:
    """False raises on normal video: each fourth of the training clips, judged by what the others taught, where that was enough."""
    raises, seconds, highest = 0, 0.0, list[list[float]]()
    train = video.train if len(video.train) >= PARTS else [part for clip in video.train for part in clip.cut(PARTS)]
    for part in range(PARTS):
        ours = Ours.taught(eyes, [clip for number, clip in enumerate(train) if number % PARTS != part], passes=passes)
        for clip in train[part::PARTS] if ours.has_learned else ():
            scores = ours.watch(clip, learns=False)
            step = ours.run.step_s[clip.name]
            raises += len(alarms(scores, step))
            highest.append(ours.highest[clip.name])
            seconds += len(scores) * step
    return rate(raises, seconds) | (calibration(highest) if highest else {})


def rate(raises: int, seconds: float) -> dict[str, float]:
    """False raises an hour, with the length that it rests on and its bound (Poisson, 95 %, one-sided)."""
    counted = {"seconds": round(seconds, 1), "raises": raises}
    an_hour = {"raises_per_hour": float(raises), "raises_per_hour_at_most_95": poisson_bound(raises)}
    return counted | ({name: round(3600 * count / seconds, 1) for name, count in an_hour.items()} if seconds else {})


def calibration(clips: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The share of usual things that ever reach a score, as the score states it and as it was, with how sure that is.

    The interval is a bootstrap of whole clips, since things of one clip are not independent of one another.
    """
    chance = np.random.default_rng(1)
    drawn = [[clips[at] for at in chance.integers(0, len(clips), len(clips))] for _ in range(RESAMPLED)]
    reached = {
        f"{score:g}": {
            "stated": round(10.0**-score, 4),
            "observed": round(share(clips, score), 4),
            "interval_95": [
                round(float(end), 4) for end in np.quantile([share(one, score) for one in drawn], (0.025, 0.975))
            ],
        }
        for score in STATED
    }
    things = sum(map(len, clips))
    return {"things": things, "raises_stated": round(things * 10.0**-RAISED, 1), "reached": reached}


def share(clips: Sequence[Sequence[float]], score: float) -> float:
    """Of all things of some clips, how many reached a score."""
    return sum(highest >= score for clip in clips for highest in clip) / max(1, sum(map(len, clips)))


# Scores


def areas(video: Video, run: Run) -> dict[str, float | None]:
    """AUC in percent, None without both classes: the headline, the mean over clips with both, and as papers give it."""
    both = [clip for clip in video.test if 0 < truth(video, clip, run).sum() < len(run.scores[clip.name])]
    stretched = {clip.name: looked_ahead(run.scores[clip.name], run.step_s[clip.name]) for clip in video.test}
    by_clip = [100 * auc(run.scores[clip.name], truth(video, clip, run)) for clip in both]
    figures = {
        "micro_auc": micro(video, run, run.scores),
        "macro_auc": round(mean(by_clip), 2) if by_clip else math.nan,
        "literature_style": micro(video, run, stretched),
    }
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


def micro(video: Video, run: Run, scores: Mapping[str, Scores]) -> float:
    told = np.concatenate([scores[clip.name] for clip in video.test])
    return round(100 * auc(told, np.concatenate([truth(video, clip, run) for clip in video.test])), 2)


def truth(video: Video, clip: Clip, run: Run) -> Truth:
    """Of the frames that the video has; a truth that is shorter goes on as it ends."""
    told, length = video.truth[clip.name][:: clip.skip], len(run.scores[clip.name])
    return np.pad(told, (0, max(0, length - len(told))), mode="edge")[:length]


def auc(scores: Scores, true: Truth) -> float:
    """The share of pairs of a true and a false frame in which the true one scores higher, ties half; not a number without both."""
    if true.all() or not true.any():
        return math.nan
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    positive = int(true.sum())
    return float((rank[true].sum() - positive * (positive + 1) / 2) / (positive * (len(true) - positive)))


def looked_ahead(scores: Scores, step_s: float) -> Scores:
    """A clip's scores stretched to 0 to 1 and smoothed with frames that are yet to come."""
    low, high = float(scores.min()), float(scores.max())
    sigma = LOOK_AHEAD_S / step_s
    reach = np.arange(-round(3 * sigma), round(3 * sigma) + 1)
    kernel = np.exp(-0.5 * (reach / sigma) ** 2)
    padded = np.pad((scores - low) / max(high - low, 1e-9), len(reach) // 2, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def alarms(scores: Scores, step_s: float) -> list[int]:
    """Frames at which the engine opens an event of the rule with its defaults, from what a watching camera tells of each frame."""
    rule = NormalityRule(id="unusual", per_hour=SHOWN_AN_HOUR)
    engine, told = Engine([rule], new_id=ids("bench")), list[int]()
    for number, score in enumerate(scores.tolist()):
        at = EPOCH_S + number * step_s
        events = engine.update(Observation("bench", rule.quantity, score if score >= LEAST_TOLD else 0.0, at))
        told += [number for event in events if event.phase is Phase.OPENED]
    return told


def raised(video: Video, run: Run) -> dict[str, Any]:
    """At the rule's defaults: stretches raised, median delay of the score and of the rule, false-positive frames."""
    found, delays, later, false_frames, calm_frames = 0, [], [], 0, 0
    stretches = 0
    for clip in video.test:
        scores, true, step = run.scores[clip.name], truth(video, clip, run), run.step_s[clip.name]
        false_frames += int((scores[~true] >= RAISED).sum())
        calm_frames += int((~true).sum())
        edges = np.flatnonzero(np.diff(np.concatenate([[False], true, [False]]).astype(int))).reshape(-1, 2)
        told = np.array(alarms(scores, step))
        for begin, end in edges:
            stretches += 1
            over = np.flatnonzero(scores[begin:end] >= RAISED)
            found += bool(len(over))
            delays += [over[0] * step] if len(over) else []
            rule = told[(told >= begin) & (told < end)]
            later += [(rule[0] - begin) * step] if len(rule) else []
    return {
        "score": RAISED,
        "stretches": f"{found} of {stretches}",
        "median_delay_s": round(median(delays), 2) if delays else None,
        "false_frames_pct": round(100 * false_frames / max(1, calm_frames), 2),
        "by_the_rule": f"{len(later)} of {stretches}",
        "median_delay_of_the_rule_s": round(median(later), 2) if later else None,
    }


# Settings chosen without the clip they are tested on


def left_one_out(video: Video, run: Run, train: Mapping[str, Sights], test: Mapping[str, Sights]) -> dict[str, Any]:
    """Smoothing and weight of likeness for each test clip by the AUC of the others, among nine settings."""
    if len(video.test) < 2 or math.isnan(micro(video, run, run.scores)):
        return {}
    grid = [(smooth_s, weight) for smooth_s in (0.15, 0.3, 0.6) for weight in (0.25, 0.5, 1.0)]
    tried = {
        (smooth_s, weight): retold(video, run, train, test, {"speed": 1.0, "likeness": weight}, smooth_s=smooth_s)
        for smooth_s, weight in grid
    }
    chosen = {}
    for clip in video.test:
        others = replace(video, test=[other for other in video.test if other is not clip])
        best = max(grid, key=lambda setting: micro(others, run, tried[setting]))
        chosen[clip.name] = tried[best][clip.name]
    all_micro = [micro(video, run, scores) for scores in tried.values()]
    return {"micro_auc": micro(video, run, chosen), "worst_setting": min(all_micro), "best_setting": max(all_micro)}


def retold(
    video: Video,
    run: Run,
    train: Mapping[str, Sights],
    test: Mapping[str, Sights],
    weights: Mapping[str, float],
    *,
    smooth_s: float,
) -> dict[str, Scores]:
    """What the scores would have been with another smoothing and other weights of `COLUMNS`, from the same sights."""
    step, names = median(run.step_s.values()), list(weights)
    usual = [trail for clip in list(train)[len(train) // 2 :] for trail in trails(train[clip], smooth_s, step, names)]
    tails = [Tail(COLUMNS[name]) for name in names]
    for trail in usual:
        for tail, largest in zip(tails, np.nanmax(trail[:, 1:], axis=0, initial=0.0), strict=True):
            tail.add(float(largest))
    told = {}
    for clip in video.test:
        scores = np.zeros(len(run.scores[clip.name]))
        for trail in trails(test[clip.name], smooth_s, step, names):
            for frame, *values in trail.tolist():
                scores[int(frame)] = max(scores[int(frame)], summed(values, tails, list(weights.values())))
        told[clip.name] = scores
    return told


def summed(values: Sequence[float], tails: Sequence[Tail], weights: Sequence[float]) -> float:
    """Evidence added up as the node does: what is known stands for what is not."""
    known = [
        (weight, tail.score(value))
        for value, tail, weight in zip(values, tails, weights, strict=True)
        if not math.isnan(value)
    ]
    total = sum(weight for weight, _ in known)
    return sum(weight * score for weight, score in known) * sum(weights) / total if total else 0.0


def trails(sights: Sights, smooth_s: float, step: float, names: Sequence[str]) -> Iterator[NDArray[np.float64]]:
    """Rows (frame, and the named columns) of each thing, smoothed with what came before."""
    share = 1.0 - np.exp(-step / smooth_s)
    if not len(sights):
        return
    wanted = [0, *(2 + list(COLUMNS).index(name) for name in names)]
    by_thing = sights[np.argsort(sights[:, 1], kind="stable")].astype(np.float64)
    for each in np.split(by_thing, np.flatnonzero(np.diff(by_thing[:, 1])) + 1):
        trail = each[:, wanted]
        for row in range(1, len(trail)):
            before, now = trail[row - 1, 1:], trail[row, 1:]
            trail[row, 1:] = np.where(np.isnan(before), now, before + (now - before) * share)
        yield trail


# Peers


def peer(video: Video, name: str) -> dict[str, Any]:
    """What one would otherwise take, in the same run: AUC, and frames a second."""
    method = PEERS[name]()
    for clip in video.train:
        method.begin()
        for _, picture in clip.pictures():
            method.learn(picture)
    run, began = Run(), 0.0
    for clip in video.test:
        method.begin()
        scores, step = [], 1.0 / FPS
        for number, (second, picture) in enumerate(clip.pictures()):
            step = second / number if number else step
            began = time.process_time()
            scores.append(method.score(picture))
            run.spent_s += time.process_time() - began
        run.scores[clip.name], run.step_s[clip.name] = np.array(scores), step
        run.frames += len(scores)
    return {**areas(video, run), "frames_per_s": round(run.frames / run.spent_s, 1)}


class FlowPerCell:
    """The optical-flow floor: speed of each cell over its own 99.5 % of the training video, mean of the top three."""

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None
        self._seen: list[NDArray[np.float32]] = []
        self._usual: NDArray[np.float32] | None = None

    def begin(self) -> None:
        self._before = None

    def learn(self, picture: NDArray[np.uint8]) -> None:
        self._seen.append(self._cells(picture))

    def score(self, picture: NDArray[np.uint8]) -> float:
        if self._usual is None:
            self._usual = np.percentile(np.stack(self._seen), 99.5, axis=0).astype(np.float32)
        ratio = self._cells(picture) / (self._usual + np.float32(0.1))
        return float(np.sort(ratio.ravel())[-3:].mean())

    def _cells(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        whole = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        grey = np.asarray(cv2.resize(whole, (240, 160), interpolation=cv2.INTER_AREA), np.uint8)
        before, self._before = self._before, grey
        if before is None:
            return np.zeros((10, 15), np.float32)
        flow = cv2.calcOpticalFlowFarneback(before, grey, None, 0.5, 3, 15, 3, 5, 1.2, 0)  # type: ignore[call-overload]
        speed = np.hypot(flow[..., 0], flow[..., 1])
        return np.asarray(speed.reshape(10, 16, 15, 16).mean(axis=(1, 3)), np.float32)


class LargestBlob:
    """Background subtraction (MOG2) and the area of the largest patch that is not background."""

    def __init__(self) -> None:
        self._background = cv2.createBackgroundSubtractorMOG2(detectShadows=False)

    def begin(self) -> None:
        """The background stays what it is."""

    def learn(self, picture: NDArray[np.uint8]) -> None:
        self._background.apply(picture)

    def score(self, picture: NDArray[np.uint8]) -> float:
        return float(self.patches(picture)[:, cv2.CC_STAT_AREA].max(initial=0))

    def patches(self, picture: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Rows (left, top, width, height, area) in pixels of what is not background."""
        plate = cv2.medianBlur(self._background.apply(picture), 5)
        return np.asarray(cv2.connectedComponentsWithStats(plate)[2][1:], np.int32)


PEERS: dict[str, type[FlowPerCell | LargestBlob]] = {"flow_per_cell": FlowPerCell, "largest_blob": LargestBlob}


if __name__ == "__main__":
    main()
