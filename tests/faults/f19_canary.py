"""F19: marked pictures go through a whole node; nothing on its disk and nothing it sends has a pixel of them.

    python -m tests.faults.f19_canary [--count N] [--seed N] [--json]

`count` frames of marked ground, people walking over it, are a clip that `piazza sense` watches as a
process of its own; link carries what it made to a broker in memory. Then every file below the node's
folders (state, run, temporary, log) and every message is searched. The control: pixels put into the
same places on purpose, in every spelling, must be found, or the search is worth nothing.
"""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import msgspec
import numpy as np

from agent.camera import Surroundings, open_camera
from agent.camera.settings import VideoSettings
from agent.clock import SimulatedClock, SystemClock
from agent.contract.topics import pattern
from agent.pixels import ACTOR_COLOURS
from agent.provision.keys import load_signer
from agent.transport import Message
from agent.transport.memory import MemoryBroker
from agent.uplink.budget import size_of
from agent.uplink.inbox import Inbox
from agent.uplink.link import Link
from agent.uplink.outbox import OutboxReader
from agent.uplink.settings import BrokerSettings, BudgetSettings, UplinkSettings
from tests.commands.places import NODE, ZONE, Place
from tests.faults import row
from tests.faults.tools.canary import LENGTH, Marks, Picture, known, traces

WIDE, HIGH, FPS = 96, 72, 20
FEWEST = 30
"""With fewer frames nobody has crossed the picture, nothing is told, and nothing would have been searched."""
BAD = ("traces_on_disk", "traces_sent", "bytes_over_budget", "overlooked")


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` frames through a node, FEWEST at least; counts of what was searched and found."""
    randomness = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        place = Place(Path(name) / "node")
        clip = written(Path(name) / "marked.avi", list(marked(max(count, FEWEST), seed)))
        pictures = list(seen(clip))
        lived(place, clip)
        files = {str(path): path.read_bytes() for path in place.folder.rglob("*") if path.is_file()}
        sent = carried(place)
        marks = known(pictures)
        return Counter(
            frames=len(pictures),
            files=len(files),
            bytes_written=sum(map(len, files.values())),
            messages=len(sent),
            bytes_sent=sum(size_of(one.topic, one.payload) for one in sent),
            traces_on_disk=found_in(files.values(), marks),
            traces_sent=found_in((one.topic.encode() + b"\n" + one.payload for one in sent), marks),
            bytes_over_budget=over_budget(sent),
            **planted(place, pictures, marks, randomness),
        )


# The pictures


def marked(count: int, seed: int) -> Iterator[Picture]:
    """Ground on which every pixel is its own, and two people who walk over it."""
    generator = np.random.default_rng(seed)
    ground = generator.integers(90, 150, (HIGH, WIDE, 3), dtype=np.uint8)
    for number in range(count):
        picture = ground.copy()
        picture[:4] = generator.integers(90, 150, (4, WIDE, 3), dtype=np.uint8)  # new in every frame
        for y, step in ((30, 1.1), (55, 0.7)):
            x = round(number * step) % (WIDE - 8)
            picture[y - 16 : y, x : x + 7] = ACTOR_COLOURS["person"]
        yield picture


def written(path: Path, pictures: list[Picture]) -> Path:
    """The pictures as a clip that keeps every bit."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDE, HIGH, "bgr24"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr24")))
        container.mux(stream.encode(None))
    return path


def seen(clip: Path) -> Iterator[Picture]:
    """The pictures as the node's own camera gives them."""
    camera = open_camera("square", VideoSettings(source=str(clip), pace="fast"), Surroundings(SimulatedClock(), 0.0))
    for frame in camera.frames():
        yield frame.pixels
    camera.close()


# The node


def lived(place: Place, clip: Path) -> None:
    """One life of sense, to the end of the clip, with everything that it may write below one folder."""
    for name in ("runtime", "tmp"):
        (place.folder / name).mkdir()
    camera = {"driver": "video", "source": str(clip), "pace": "timestamps"}
    zones = [ZONE, {"id": "corner", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]
    line = {"id": "middle", "start": [0.5, 0.0], "end": [0.5, 1.0]}
    config = place.config(
        cameras=[{"id": "square", "input": camera, "view": {"masks": [], "zones": zones, "lines": [line]}}],
        rules=[
            {"kind": "presence", "id": "somebody", "quantity": "corner/person/count"},
            {"kind": "crossing", "id": "passes", "quantity": "middle/person/out"},
        ],
    )
    home = {name: str(place.folder / "tmp") for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME")}
    with (place.folder / "sense.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "agent", "sense", "--config", str(config)],
            env={**os.environ, **home, "RUNTIME_DIRECTORY": str(place.folder / "runtime")},
            stdout=log, stderr=log, cwd=place.folder, check=True,
        )  # fmt: skip


def carried(place: Place) -> list[Message]:
    """Everything that link sends of it, as a broker gets it."""
    clock = SimulatedClock(SystemClock().now())
    broker = MemoryBroker(clock)
    store = broker.transport("store")
    store.subscribe(pattern())
    store.open()
    settings = UplinkSettings(BrokerSettings("localhost"), window=1000)
    reader = OutboxReader(place.state / "outbox.sqlite")
    link = Link(
        NODE, reader, broker.transport("node"), Inbox(place.state / "inbox"), settings, clock=clock,
        randomness=random.Random(1),
    )  # fmt: skip
    link.open()
    for _ in range(20):
        link.run_once(0.0)
        clock.sleep(0.1)
    link.close()
    assert len(broker.log) >= len(reader.after(0, limit=10_000)) > 1
    return broker.log


def over_budget(sent: Iterable[Message]) -> int:
    """Bytes above what link may send in an hour; the clip is shorter than that."""
    budget: int = sum(msgspec.structs.astuple(BudgetSettings()))
    return max(0, sum(size_of(one.topic, one.payload) for one in sent) - budget * 1024)


def found_in(haystacks: Iterable[bytes], marks: Marks) -> int:
    return sum(traces(one, marks) for one in haystacks)


# The control

Spell = Callable[[Picture], bytes]


@dataclass(frozen=True)
class Door:
    """A way in which pixels could leave."""

    spell: Spell
    signed: bool = False


def _file(ending: str) -> Spell:
    return lambda part: cv2.imencode(ending, part)[1].tobytes()


DOORS: Mapping[str, Door] = {
    "raw": Door(lambda part: part.tobytes()),
    "grey": Door(lambda part: cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).tobytes()),
    "hex": Door(lambda part: part.tobytes().hex().encode()),
    "base64": Door(lambda part: base64.b64encode(part.tobytes())),
    "packed": Door(lambda part: zlib.compress(part.tobytes())),
    "numbers": Door(lambda part: json.dumps(part.ravel().tolist()).encode()),
    "png": Door(_file(".png")),
    "jpeg": Door(_file(".jpg")),
    "signed": Door(lambda part: base64.urlsafe_b64encode(part.tobytes()), signed=True),
    "signed numbers": Door(lambda part: json.dumps(part.ravel().tolist()).encode(), signed=True),
}


def planted(place: Place, pictures: list[Picture], marks: Marks, randomness: random.Random) -> dict[str, int]:
    """Open every door once on purpose, for a small part of a picture and for a smaller copy of it."""
    counts = {"planted": 0, "overlooked": 0}
    for door in DOORS.values():
        for part in (_part(randomness.choice(pictures), randomness), _copy(randomness.choice(pictures))):
            counts["planted"] += 1
            counts["overlooked"] += not traces(_through(door, part, place, randomness), marks)
    return counts


def _part(picture: Picture, randomness: random.Random) -> Picture:
    """A patch as small as a face far away, from the ground between the people."""
    x = randomness.randrange(WIDE - LENGTH)
    return np.ascontiguousarray(picture[60:68, x : x + LENGTH])


def _copy(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, (32, 24), interpolation=cv2.INTER_AREA), np.uint8)


def _through(door: Door, part: Picture, place: Place, randomness: random.Random) -> bytes:
    """What would be written or sent, among other bytes."""
    payload = door.spell(part)
    if door.signed:
        told = json.dumps({"data": {"rule": "somebody", "zone": payload.decode()}})
        return load_signer(place.bench.signing_key(str(NODE))).seal(told.encode())[0].encode()
    return b"%s %s" % (randomness.randbytes(randomness.randrange(50)), payload)


if __name__ == "__main__":
    raise SystemExit(row.main("F19 canary", run, count=1_000, targets=BAD))
