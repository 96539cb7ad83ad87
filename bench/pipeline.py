"""What a frame costs beside the model: masks, motion, detection's own work, tracks, zones, rules, outbox.

The same decoded frames go through the whole of `sense` in one thread, and the model's own time is taken
from inside that run, frame by frame, so that both see the same machine. Times are CPU time of that thread.
Video decoding is left out. A still scene (one frame again and again with sensor noise, after five seconds
to learn it) shows what the motion gate saves.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import median
from time import process_time, sleep, thread_time
from typing import Any

import av
import msgspec
import numpy as np

from agent.clock import SystemClock
from agent.commands import assembly
from agent.config import CameraSection, Config
from agent.contract.jws import KeyRing, Signer
from agent.documents import convert
from agent.pixels import Frame
from agent.records import ClockQuality, Observation
from agent.uplink.envelope import Sealer
from agent.uplink.inbox import Inbox
from agent.uplink.outbox import Outbox
from agent.uplink.spool import Spool
from agent.vision.masks import masked
from bench.machine import describe, line, ordinary
from bench.start import node, rss_mb

CLIP = "mot15_pets09_s2l1/vtest.avi"
FPS = 10.0
SETTLE = 50
"""Frames in which a still scene is learned, not counted."""
CONFIG: dict[str, Any] = {
    "version": 1,
    "node": {"union": "bench", "comune": "bench", "id": "n-1"},
    "uplink": {"broker": {"host": "localhost"}},
    "cameras": [
        {
            "id": "square",
            "input": {"driver": "video", "source": "-"},
            "view": {
                "masks": [[[0.42, 0.05], [0.76, 0.05], [0.76, 0.15], [0.42, 0.15]]],
                "zones": [
                    {"id": "junction", "polygon": [[0.5, 0.3], [1, 0.3], [1, 0.84], [0.5, 0.56]]},
                    {"id": "footway", "polygon": [[0, 0.31], [0.5, 0.36], [0.5, 0.56], [0, 0.43]]},
                ],
                "lines": [{"id": "passage", "start": [0.5, 0.32], "end": [0.5, 0.62]}],
            },
        }
    ],
    "rules": [
        {"kind": "crossing", "id": "in", "quantity": "passage/person/in"},
        {"kind": "loitering", "id": "lingering", "stay_s": 10},
        {"kind": "occupancy", "id": "crowded", "quantity": "junction/all/occupancy", "more_than": 3},
    ],
}


class Bench:
    """The whole of `sense` in one thread, without threads and cameras."""

    def __init__(self, config: Config, folder: Path) -> None:
        clock = SystemClock()
        self.section: CameraSection = config.cameras[0]
        self.sight = assembly.detector(config.vision, timer=thread_time)
        self.eye = assembly.eye(self.section, config.vision, self.sight)
        self.decider = assembly.decider(config, boot="bench")
        sealer = Sealer(
            assembly.name(config),
            Signer(bytes(32)),
            assembly.vocabulary(config),
            clock=clock,
            boot="0" * 8,
            trust=lambda: ClockQuality.NTP,
        )
        outbox = Outbox(folder / "outbox.sqlite", config.uplink.outbox)
        self.spool = Spool(outbox, sealer, Inbox(folder / "inbox"), KeyRing(), config.uplink)
        self.invoke_s: list[float] = []
        self.total_s: list[float] = []
        self.cpu_s = 0.0

    def run(self, frames: Sequence[Frame]) -> None:
        """Every frame through everything; what each took, and what of it was the model."""
        began = process_time()
        second = frames[0].at
        for frame in frames:
            since = thread_time()
            self.sight.invoke_s = 0.0
            (clear,) = masked([frame], self.section.view.masks)
            found = self.eye.observe(clear)
            if frame.at >= second + 1.0:
                second += 1.0
                found.append(Observation("clock", "tick", 1.0, second))
            self._decide(found)
            self.total_s.append(thread_time() - since)
            self.invoke_s.append(self.sight.invoke_s)
        self.cpu_s += process_time() - began

    def _decide(self, found: Sequence[Observation]) -> None:
        records = [record for one in found for record in self.decider.update(one)]
        for record in records:
            self.spool.put(record)
        if records:
            self.spool.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of real data")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long the processes work for the memory figure")
    parser.add_argument("--model", default="nanodet-g-416")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.data, frames=options.frames, model=options.model, seconds=options.seconds)
    print(msgspec.json.encode(figures).decode() if options.json else text(figures))
    return 0


def measure(data: Path, *, frames: int, model: str, seconds: float) -> dict[str, Any]:
    config = convert({**CONFIG, "vision": {"model": model, "threads": 1}}, Config, name="bench")
    clip = list(islice(_clip(data / CLIP), frames))
    with tempfile.TemporaryDirectory() as folder:
        moving = Bench(config, Path(folder))
        moving.run(clip[:30])
        moving.total_s.clear()
        moving.invoke_s.clear()
        moving.cpu_s = 0.0
        moving.run([_at(frame, 30 / FPS) for frame in clip])
    with tempfile.TemporaryDirectory() as folder:
        still = Bench(config, Path(folder))
        shots = _still(clip[0], frames + SETTLE)
        still.run(shots[:SETTLE])
        still.cpu_s = 0.0
        still.run(shots[SETTLE:])
    overhead = [whole - model_s for whole, model_s in zip(moving.total_s, moving.invoke_s, strict=True) if model_s]
    invoke = [model_s for model_s in moving.invoke_s if model_s]
    return {
        "machine": describe(),
        "model": model,
        "frames": frames,
        "frames_per_cpu_s": round(1.0 / median(moving.total_s), 1),
        "invoke_ms": round(1000 * median(invoke), 2),
        "rest_ms": round(1000 * median(overhead), 2),
        "rest_share_of_invoke": round(median(overhead) / median(invoke), 3),
        "cpu_ms_per_frame": round(1000 * moving.cpu_s / frames, 2),
        "still_cpu_ms_per_frame": round(1000 * still.cpu_s / frames, 2),
        "still_saves": round(1.0 - still.cpu_s / moving.cpu_s, 3),
        **memory(data / CLIP, seconds=seconds),
    }


def memory(clip: Path, *, seconds: float) -> dict[str, float]:
    """The largest resident set of the two real processes after working for a while."""
    with tempfile.TemporaryDirectory() as folder, node(Path(folder), clip.resolve()) as config:
        command = [sys.executable, "-m", "agent"]
        running = {
            verb: subprocess.Popen([*command, verb, "--config", str(config)], env=ordinary(), stderr=subprocess.DEVNULL)
            for verb in ("link", "sense")
        }
        sleep(seconds)
        found = {f"{verb}_rss_mib": round(rss_mb(process.pid), 1) for verb, process in running.items()}
        for process in running.values():
            process.terminate()
            process.wait()
    return found


def text(figures: dict[str, Any]) -> str:
    return (
        f"{line(figures['machine'])}\n{figures['model']}, one thread, {figures['frames']} frames of a square with walkers\n"
        f"  {figures['frames_per_cpu_s']} frames a CPU second; model {figures['invoke_ms']} ms, everything else {figures['rest_ms']} ms "
        f"({figures['rest_share_of_invoke']:.1%} of the model)\n"
        f"  CPU a frame {figures['cpu_ms_per_frame']} ms; of a still scene {figures['still_cpu_ms_per_frame']} ms, "
        f"{figures['still_saves']:.1%} saved\n"
        f"  resident memory of the processes: sense {figures['sense_rss_mib']} MiB, link {figures['link_rss_mib']} MiB"
    )


def _clip(path: Path) -> Iterator[Frame]:
    with av.open(str(path)) as container:
        for number, picture in enumerate(container.decode(video=0)):
            pixels = np.asarray(picture.to_ndarray(format="rgb24"), np.uint8)
            pixels.flags.writeable = False
            yield Frame("square", number / FPS, pixels)


def _at(frame: Frame, later_s: float) -> Frame:
    return Frame(frame.camera, frame.at + later_s, frame.pixels)


def _still(frame: Frame, count: int) -> list[Frame]:
    """The same picture with the noise of a sensor; ten noises in turn, so that memory does not grow."""
    chance = np.random.default_rng(1)
    shots = []
    for _ in range(10):
        noise = chance.normal(0.0, 2.0, frame.pixels.shape)
        shots.append(np.clip(frame.pixels + noise, 0, 255).astype(np.uint8))
    return [Frame(frame.camera, number / FPS, shots[number % 10]) for number in range(count)]


if __name__ == "__main__":
    raise SystemExit(main())
