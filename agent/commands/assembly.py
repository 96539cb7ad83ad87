"""From a configuration to the parts of a node: the one place where rooms are put together.

`sense` and `replay` both build from here, so a replayed world runs the same objects as a live node.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from agent import __version__
from agent.anomaly.engine import Engine, ids
from agent.anomaly.flood import RULE as FLOOD
from agent.anomaly.lost import RULE as LOST
from agent.anomaly.settings import NormalityRule
from agent.anomaly.tally import Tally
from agent.camera import Camera, Surroundings, open_camera
from agent.camera.settings import SyntheticSettings
from agent.camera.world import Scene
from agent.clock import Clock, local_offset
from agent.commissioning import OUTCOMES as VISITS
from agent.commissioning import SIGHT, Commissioning, Sight
from agent.config import TRIAL, CameraSection, Config, places, sources
from agent.contract.topics import NodeName
from agent.contract.types import StateData
from agent.files import replace_whole
from agent.ota.report import outcomes
from agent.pipeline import Decider, Vitals
from agent.records import ClockQuality
from agent.sensors.settings import HostSettings
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Digests
from agent.vision import DETECTORS, NO_MODEL, Detector
from agent.vision.backdrop import Backdrop
from agent.vision.eye import Eye
from agent.vision.memory import SceneFile
from agent.vision.settings import VisionSettings
from agent.world import load as load_world

SHORT = 12
"""Digits of a digest that the contract tells."""


def name(config: Config) -> NodeName:
    """The node's full name."""
    return NodeName(config.node.union, config.node.comune, config.node.id)


def vocabulary(config: Config, *, digests: Sequence[str] = ()) -> Vocabulary:
    """Every id that may leave this node."""
    return Vocabulary(
        rules=frozenset({LOST, TRIAL, FLOOD, *(rule.id for rule in config.rules)}),
        sources=frozenset(sources(config)),
        zones=places(config),
        agreements=frozenset(one.id for one in config.agreements),
        outcomes=outcomes() | VISITS,
        digests=frozenset(digests),
    )


def decider(config: Config, *, boot: str) -> Decider:
    """Rules, counts and the node's own numbers."""
    hosts = frozenset(sensor.id for sensor in config.sensors if isinstance(sensor, HostSettings))
    engine = Engine(
        config.rules, new_id=ids(boot), local=local_offset(config.timezone), days=config.calendar, alerts=config.alerts
    )
    return Decider(engine, Tally(), Vitals(hosts))


def detector(settings: VisionSettings, *, timer: Callable[[], float], models: Path | None = None) -> Detector:
    """The detector that all cameras share; its model from the folder `models` or from where they usually lie."""
    given = {"models": models} if models else {}
    found: Detector = _driver(DETECTORS[settings.detector]).from_settings(settings, timer=timer, **given)
    return found


def camera(section: CameraSection, *, clock: Clock, scene: Scene | None = None, start: float | None = None) -> Camera:
    """The camera of one section; `scene` and `start` are the world of a replay."""
    settings = section.input
    if scene is None and isinstance(settings, SyntheticSettings) and settings.world:
        scene = load_world(Path(settings.world))
    return open_camera(section.id, settings, Surroundings(clock, start, scene))


def eye(
    section: CameraSection,
    settings: VisionSettings,
    sight: Detector,
    *,
    runtime: Path | None = None,
    state: Path | None = None,
    timezone: str = "UTC",
) -> Eye:
    """What turns this camera's frames into numbers.

    `runtime` is where commissioning may draw the empty place, `state` where the scene is kept, `timezone` that of its hours.
    """
    backdrop = None
    memory = SceneFile(state, section.id) if state else None
    if runtime:
        draw = partial(replace_whole, runtime / f"backdrop-{section.id}.png")
        backdrop = Backdrop(
            Commissioning(runtime).is_open, draw, partial(_tell, runtime / SIGHT.format(camera=section.id))
        )
    return Eye(
        camera=section.id,
        view=section.view,
        settings=settings,
        detector=sight,
        backdrop=backdrop,
        memory=memory,
        hour=partial(_hour, local_offset(timezone)),
    )


def forget_scenes(config: Config, rule: str) -> None:
    """Let the cameras that a rule on scenes looks at learn anew; all of them where no rule is named."""
    for one in config.rules:
        if isinstance(one, NormalityRule) and rule in ("", one.id):
            for section in config.cameras:
                if one.source in ("", section.id):
                    SceneFile(Path(config.state_dir), section.id).ask()


def _hour(offset: Callable[[float], float], at: float) -> int:
    """The hour of the day on the clock on the wall."""
    return int((at + offset(at)) // 3600.0) % 24


def _tell(path: Path, sight: Sight) -> None:
    replace_whole(path, msgspec.json.encode(sight))


def digest(content: bytes) -> str:
    """SHA-256 as the contract tells it."""
    return hashlib.sha256(content).hexdigest()


def _driver(where: str) -> Any:
    module, _, kind = where.partition(":")
    return getattr(importlib.import_module(module), kind)


def model_digest(sight: Detector | None) -> str:
    """SHA-256 of the model that looks at the pictures, zeros where none does."""
    return sight.digest if sight else NO_MODEL


def state(
    digests: Digests, *, clock: ClockQuality, delete_on: Literal["receipt", "puback"], networked: bool = False
) -> StateData:
    """What a node that is up says of itself; `networked` where a camera of its own needs a network."""
    return StateData(
        status="up",
        agent=__version__,
        cfg=digests.cfg,
        model=digests.model,
        contract=contract_digest()[:SHORT],
        clock=clock,
        delete_on=delete_on,
        pixels_network=networked,
    )


def contract_digest() -> str:
    """SHA-256 of the contract's document, as it ships with this agent."""
    return digest(resources.files("agent").joinpath("schemas/asyncapi.json").read_bytes())
