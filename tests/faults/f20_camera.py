"""F20: a camera that is frozen, dark, covered, turned, blurred, noisy, silent, of another size or slow.

    python -m tests.faults.f20_camera [--count N] [--seed N] [--json]

Each trial draws a scene of its own and breaks its camera at a random moment for a random time; camera, masks, eye,
rules and ticks are those that sense puts together. An event of kind `tamper` must name the fault by its
quantity, none may come before, and it must be over after the fault. A blur in a scene of which the node had said
before that its focus cannot be judged is counted apart: the drawn ground is soft in small pictures. Frozen and silent cameras are tried once more as a
real driver gives up on them: it ends, is started anew as often as patience allows and no oftener, and sees again
when the fault is over.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from agent.camera.world import Fault, FaultKind, Scene
from agent.clock import SimulatedClock
from agent.commands import assembly
from agent.config import CameraSection, Config
from agent.documents import convert, parse
from agent.errors import CameraStalled
from agent.pipeline import merged, ticks, watch
from agent.pixels import Frame
from agent.records import Event, Observation, Phase
from tests.faults import row

START = 1_715_700_000.0
LENGTH_S = 40.0
STALL_S = 4.0
BAD = ("unnamed", "misnamed", "early", "not_over", "excess_restarts", "not_back")

NAMED: Mapping[FaultKind, frozenset[str]] = {
    "freeze": frozenset({"camera/frozen"}),
    "lost": frozenset({"camera/fps"}),
    "black": frozenset({"camera/dark"}),
    "blocked": frozenset({"camera/blocked"}),
    "overexposed": frozenset({"camera/bright"}),
    "shift": frozenset({"camera/moved_by"}),
    "blur": frozenset({"camera/defocus", "camera/blocked"}),
    "noise": frozenset({"camera/noise"}),
    "garbage": frozenset({"camera/noise"}),
}
"""Fault as the synthetic camera knows it -> the quantities that name it rightly."""
AMOUNTS = {"shift": (0.06, 0.3), "blur": (0.04, 0.08), "noise": (0.5, 0.9)}
"""The drawn ground is soft by itself, so a blur must be strong to be one."""
FPS = (1.0, 2.0, 4.0)
SIZES = ((320, 240), (640, 360), (352, 288))
CONFIG = """
version: 1
node: {{union: romagna-faentina, comune: brisighella, id: n-0017}}
uplink: {{broker: {{host: localhost}}}}
vision: {{detector: chroma}}
cameras:
  - id: square
    input: {{driver: synthetic, fps: {fps}, width: {width}, height: {height}, seed: {seed}{patience}}}
    view: {{masks: []}}
rules:
  - {{kind: health, id: eye}}
  - {{kind: absence, id: no-pictures, quantity: camera/fps, source: square, longer_s: 5, event: tamper}}
"""


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` broken cameras, every kind in turn, and a change of size; counts of what was seen."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(faults=count, said_unjudged=0, restarts=0, **dict.fromkeys(BAD, 0))
    for number in range(count):
        kind = (*NAMED, None)[number % (len(NAMED) + 1)]
        if kind is None:
            counts["early"] += len(list(another_size(randomness)))
            continue
        fault = broken(kind, randomness)
        saw: list[Observation] = []
        events = list(told(node(randomness), scene(fault, randomness), saw.append))
        counts.update(judged(fault, events, unjudged=kind == "blur" and said_unjudged(saw)))
        if kind in ("freeze", "lost"):
            counts.update(given_up(fault, randomness))
    return counts


def broken(kind: FaultKind, randomness: random.Random) -> Fault:
    """A fault of this kind at a random time, long enough to be told and over well before the end."""
    amount = randomness.uniform(*AMOUNTS.get(kind, (0.1, 0.1)))
    return Fault(kind=kind, at_s=randomness.uniform(6, 12), for_s=randomness.uniform(12, 16), amount=amount)


def scene(fault: Fault | None, randomness: random.Random) -> Scene:
    faults = (fault,) if fault else ()
    return Scene(duration_s=LENGTH_S, seed=randomness.randrange(10_000), faults=faults)


def node(randomness: random.Random, *, patience: str = "", size: tuple[int, int] | None = None) -> Config:
    width, height = size or randomness.choice(SIZES)
    text = CONFIG.format(
        fps=randomness.choice(FPS), width=width, height=height, seed=randomness.randrange(1000), patience=patience
    )
    found: Config = convert(parse(text, name="f20"), Config, name="f20")
    return found


def told(config: Config, world: Scene, note: Callable[[Observation], None]) -> Iterator[Event]:
    """Every event of kind tamper that the node tells of a scene; `note` takes every observation."""
    section = config.cameras[0]
    decider = assembly.decider(config, boot="f20")
    sight = assembly.detector(config.vision, timer=lambda: 0.0)
    camera = Shown(frames(section, world, START))
    seen = watch(section.id, camera, section.view.masks, assembly.eye(section, config.vision, sight))
    for observation in merged([ticks(SimulatedClock(START), until=START + LENGTH_S), seen]):
        note(observation)
        for record in decider.update(observation):
            if isinstance(record, Event) and record.kind == "tamper":
                yield record


def frames(section: CameraSection, scene: Scene, start: float) -> Iterator[Frame]:
    return assembly.camera(section, clock=SimulatedClock(start), scene=scene, start=start).frames()


class Shown:
    """A camera that gives these frames."""

    networked = False

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames = frames

    def frames(self) -> Iterator[Frame]:
        return self._frames

    def close(self) -> None:
        """Nothing is held."""


def said_unjudged(saw: Iterable[Observation]) -> bool:
    """Whether the node said that there is something that it cannot judge here."""
    return any(one.quantity == "camera/unjudged" and one.value > 0.0 for one in saw)


def judged(fault: Fault, events: list[Event], *, unjudged: bool) -> Counter[str]:
    """What is wrong with the events that were told of a fault; none is needed where the node had said so."""
    opened = [event for event in events if event.phase is Phase.OPENED]
    closed = {event.id for event in events if event.phase is Phase.CLOSED}
    within = [event for event in opened if event.at >= START + fault.at_s]
    rightly = [event for event in within if event.reason.quantity in NAMED[fault.kind]]
    return Counter(
        early=len(opened) - len(within),
        said_unjudged=int(unjudged and not rightly),
        unnamed=int(not rightly and not unjudged),
        misnamed=int(bool(within) and within[0] not in rightly),
        not_over=sum(event.id not in closed for event in opened),
    )


def given_up(fault: Fault, randomness: random.Random) -> Counter[str]:
    """The driver's side: it ends with the camera's name, is started anew, and comes back with the pictures."""
    config = node(randomness, patience=f", stall_s: {STALL_S}")
    world = scene(fault, randomness)
    section = config.cameras[0]
    starts, since, last = 0, 0.0, 0.0
    while since < LENGTH_S:
        starts += 1
        rest = later(world, since)
        try:
            for frame in frames(section, rest, START + since):
                last = frame.at - START
            since = LENGTH_S
        except CameraStalled:
            since = min(LENGTH_S, max(since, last) + STALL_S)
    most = int((fault.for_s or 0.0) / STALL_S) + 2
    return Counter(restarts=starts - 1, excess_restarts=max(0, starts - 1 - most), not_back=int(last < LENGTH_S - 2.0))


def later(world: Scene, since: float) -> Scene:
    """What is left of a scene with one fault after `since` seconds."""
    (fault,) = world.faults
    ends = fault.at_s + (fault.for_s or 0.0) - since
    begins = max(0.0, fault.at_s - since)
    kept = (Fault(kind=fault.kind, at_s=begins, for_s=max(0.001, ends - begins)),) if ends > 0.0 else ()
    return Scene(duration_s=LENGTH_S - since, seed=world.seed, faults=kept)


def another_size(randomness: random.Random) -> Iterator[Event]:
    """A camera that gives pictures of another size from one moment on: not a fault, and no crash."""
    small, large = (node(randomness, size=size) for size in (SIZES[0], SIZES[1]))
    section = small.cameras[0]
    decider = assembly.decider(small, boot="f20")
    eye = assembly.eye(section, small.vision, assembly.detector(small.vision, timer=lambda: 0.0))
    both = chain(
        frames(section, scene(None, randomness), START),
        frames(large.cameras[0], scene(None, randomness), START + LENGTH_S),
    )
    for observation in watch(section.id, Shown(both), (), eye):
        yield from (one for one in decider.update(observation) if isinstance(one, Event))


if __name__ == "__main__":
    raise SystemExit(row.main("F20 camera faults", run, count=20, long=60, targets=BAD))
