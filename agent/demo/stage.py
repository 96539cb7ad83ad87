"""What a demonstration needs on disk: keys made for it, a configuration, empty folders.

Everything lies under one folder, which is made anew each time.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.provision.bench import Bench
from agent.transport.loopback import free_port

NODE = "romagna-faentina/brisighella/n-0001"
STORE = "romagna-faentina/brisighella/store-1"
CAMERA = "square"
MARK = ".demonstration"
"""A folder with this file in it may be emptied."""

WORLD = "world.yaml"
"""A folder with this file is a drawn world."""

_PLACES: dict[str, dict[str, Any]] = {
    # The clip shows a junction between two lawns; the windows of the house are masked.
    "vtest.avi": {
        "masks": [[[0.42, 0.05], [0.76, 0.05], [0.76, 0.15], [0.42, 0.15]]],
        "zones": [
            {"id": "junction", "polygon": [[0.5, 0.36], [0.8, 0.28], [1, 0.5], [1, 0.84], [0.75, 0.7], [0.5, 0.56]]},
            {"id": "footway", "polygon": [[0, 0.31], [0.5, 0.36], [0.5, 0.56], [0, 0.43]]},
            {"id": "lawn", "polygon": [[0, 0.46], [0.5, 0.6], [1, 0.88], [1, 1], [0, 1]]},
        ],
        "lines": [{"id": "passage", "start": [0.5, 0.32], "end": [0.5, 0.62]}],
    },
    # Any other camera is cut into a left and a right half.
    "": {
        "masks": [],
        "zones": [
            {"id": "left", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]},
            {"id": "right", "polygon": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]},
        ],
        "lines": [{"id": "passage", "start": [0.5, 0], "end": [0.5, 1]}],
    },
}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where things are."""

    folder: Path
    port: int
    view: dict[str, Any]

    @property
    def bench(self) -> Bench:
        return Bench(self.folder / "keys")

    @property
    def config(self) -> Path:
        return self.folder / "node.yaml"

    @property
    def runtime(self) -> Path:
        return self.folder / "runtime"

    @property
    def database(self) -> Path:
        return self.folder / "events.sqlite"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def set_up(folder: Path, source: str, *, at: float) -> Stage:
    """A fresh stage in `folder` for the camera `source`; UserError where something else lies there."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise UserError(f"{folder} holds something that is not a demonstration", hint="choose another --folder")
    shutil.rmtree(folder, ignore_errors=True)
    stage = Stage(folder, free_port(), _PLACES.get(Path(source).name, _PLACES[""]))
    stage.runtime.mkdir(parents=True)
    (folder / MARK).touch()
    bench = Bench.make(folder / "keys", at=at)
    bench.add_signer("node", NODE, at=at)
    bench.add_signer("store", STORE, at=at)
    # JSON is YAML, and quotes what the user gave.
    stage.config.write_text(json.dumps(_config(stage, source), indent=1), encoding="utf-8")
    return stage


def _config(stage: Stage, source: str) -> dict[str, Any]:
    union, comune, node = NODE.split("/")
    return {
        "version": 1,
        "node": {
            "union": union,
            "comune": comune,
            "id": node,
            "signing_key": str(stage.bench.signing_key(NODE)),
            "keyring": str(stage.bench.ring),
        },
        "state_dir": str(stage.folder / "state"),
        # What a broker lost that died is sent again soon, so that a short show sees it heal.
        "uplink": {
            "broker": {"host": "127.0.0.1", "port": stage.port, "mqtt": "3.1.1"},
            "head_s": 5,
            "resend_s": 5,
        },
        "vision": {"detector": "chroma" if _is_world(source) else "tflite"},
        "cameras": [{"id": CAMERA, "input": _input(source), "view": stage.view}],
        "sensors": [{"driver": "host", "disk": str(stage.folder), "period_s": 5}],
        "rules": list(_rules(stage.view)),
    }


def _input(source: str) -> dict[str, Any]:
    if _is_world(source):
        return {"driver": "synthetic", "world": str(Path(source, WORLD).resolve()), "pace": "timestamps", "fps": 8}
    looped = "://" not in source and Path(source).is_file()
    return {"driver": "video", "source": source, "loop": looped}


def _is_world(source: str) -> bool:
    return Path(source, WORLD).is_file()


def _rules(view: dict[str, Any]) -> list[dict[str, Any]]:
    zones = [zone["id"] for zone in view["zones"]]
    return [
        {"kind": "crossing", "id": "passage-in", "quantity": "passage/person/in"},
        {"kind": "crossing", "id": "passage-out", "quantity": "passage/person/out"},
        {"kind": "loitering", "id": "lingering", "stay_s": 10, "update_s": 30},
        {"kind": "occupancy", "id": "crowded", "quantity": f"{zones[0]}/all/occupancy", "more_than": 3, "margin": 1},
        *({"kind": "presence", "id": f"on-{zone}", "quantity": f"{zone}/person/count"} for zone in zones[2:]),
        {"kind": "limit", "id": "hot", "quantity": "cpu_temp_c", "above": 80, "hysteresis": 5},
    ]
