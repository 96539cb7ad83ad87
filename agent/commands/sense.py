"""`piazza sense`: cameras and sensors in, signed events in the outbox out. This process has no network.

It ends when a camera fails, and the service manager starts it anew; the event of that stays open
until a picture comes.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import msgspec

from agent import logs
from agent.anomaly.engine import ids
from agent.anomaly.lost import RULE as LOST
from agent.anomaly.lost import LostCameras
from agent.camera import Camera
from agent.clock import SystemClock
from agent.commands import accepted, assembly, floor
from agent.commands.node import OUTBOX, Node, Numbers
from agent.commands.renewal import Renewal, shadow, use_models_beside
from agent.commands.renewed import RENEWED, Renewed
from agent.commands.trial import Trial
from agent.commands.visit import Visit
from agent.commissioning import Commissioning
from agent.config import Config, declared, may_listen
from agent.contract.types import StateData
from agent.governance.terms import expires_s
from agent.notify import Notify, Pulse, on_end
from agent.pipeline import Decider, LiveMerge, Stream, read, ticks, watch
from agent.provision.keys import load_ring, load_signer
from agent.provision.ring_file import RingFile
from agent.records import ClockQuality
from agent.sensors import Sensor, open_sensor
from agent.sensors.allowed import Allowed
from agent.sensors.kernel_clock import clock_quality
from agent.sensors.lamp import open_lamp
from agent.sensors.settings import AudioSettings, SensorSettings
from agent.uplink.envelope import Digests, Sealer
from agent.uplink.inbox import Inbox
from agent.uplink.life import Life
from agent.uplink.outbox import Outbox
from agent.uplink.spool import Spool
from agent.vision import Detector

log = logging.getLogger(__name__)

TICK_LAG_S = 1.0
"""How long after a second has passed the rules are told so: seeing takes a while."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("/etc/piazza/node.yaml"), help="the node's configuration")


def run(options: argparse.Namespace) -> int:
    logs.start()
    release, runtime, clock = Renewed(options.config), _runtime_folder(), SystemClock()
    trial = Trial(options.config, Commissioning(runtime) if runtime else None, clock)
    shipped = use_models_beside(options.config)
    config, cfg, tried = trial.config()

    def renewed() -> bool:
        return release() or trial() or accepted.came(Path(config.state_dir))

    with ExitStack() as stack:
        node = _node(config, cfg, stack, renewed, shipped=shipped, tried=tried)
        on_end(node.stop)
        node.run()
    log.info("sense has ended")
    return RENEWED if node.renewal and node.renewal.is_over() else 0


def _node(
    config: Config, cfg: str, stack: ExitStack, renewed: Callable[[], bool], *, shipped: Path, tried: bool
) -> Node:
    """Everything opened, the birth said, what an earlier run left open closed."""
    clock, boot = SystemClock(), BOOT_ID.read_text(encoding="ascii")[:8]
    sight = assembly.detector(config.vision, timer=clock.monotonic) if config.cameras else None
    folder = Path(config.state_dir)
    folder.mkdir(parents=True, exist_ok=True)
    beside = shadow(sight, folder, shipped, timer=clock.monotonic) if sight else None
    sight = beside or sight
    digests = Digests(cfg[: assembly.SHORT], assembly.model_digest(sight)[: assembly.SHORT])
    stack.callback(Life(folder).close)
    clock.not_before(floor.read(folder))
    report = accepted.waiting(folder, load_ring(Path(config.node.keyring)), str(assembly.name(config)))
    spool = opened_spool(config, clock, boot=boot, digests=digests, named=[report.digest] if report else [])
    decider = assembly.decider(config, boot=f"{boot} {clock.monotonic()}")
    cameras = {section.id: assembly.camera(section, clock=clock) for section in config.cameras}
    for camera in cameras.values():
        stack.callback(camera.close)
    renewal = Renewal(folder, renewed, digests.cfg, clock.now(), declared(config), beside)
    state = _state(digests, config, renewal, clock, networked=any(camera.networked for camera in cameras.values()))
    learned = folder / "learned.json"
    runtime = _runtime_folder()
    _restore(decider, learned)
    spool.birth(state())
    accepted.tell(report, spool, clock.now())
    node = Node(
        clock=clock,
        spool=spool,
        decider=decider,
        lost=_left_open(spool, decider, clock.now(), boot=boot),
        pulse=Pulse.of(Notify.of_service(), [*cameras, OUTBOX]),
        merge=LiveMerge(_watched(config, cameras, sight, runtime), _read(config, clock, stack)),
        learned=learned,
        numbers=Numbers(runtime / "numbers.json") if runtime else None,
        renewal=renewal,
        visit=Visit.of(config, runtime, tried=tried) if runtime else None,
        state=state,
        lamp=open_lamp(config.lamp) if config.lamp else None,
    )
    node.orders.forget_scenes = partial(assembly.forget_scenes, config)
    return node


def opened_spool(config: Config, clock: SystemClock, *, boot: str, digests: Digests, named: Sequence[str]) -> Spool:
    """`named` are the contents that an audit record may name."""
    folder = Path(config.state_dir)
    sealer = Sealer(
        assembly.name(config),
        load_signer(Path(config.node.signing_key)),
        assembly.vocabulary(config, digests=named),
        clock=clock,
        boot=boot,
        digests=digests,
        trust=partial(_trust, clock),
        lasts_s=expires_s(config.agreements, at=clock.now()),
    )
    outbox = Outbox(folder / "outbox.sqlite", config.uplink.outbox)
    ring_file = RingFile(Path(config.node.keyring))
    return Spool(outbox, sealer, Inbox(folder / "inbox"), ring_file.ring, config.uplink, look=ring_file.look)


def _trust(clock: SystemClock) -> ClockQuality:
    """How far the clock may be believed; not at all while it shows a time that has surely passed."""
    return ClockQuality.UNSYNCED if clock.impossible else clock_quality()


def _state(
    digests: Digests, config: Config, renewal: Renewal, clock: SystemClock, *, networked: bool
) -> Callable[[], StateData]:
    def state() -> StateData:
        born = assembly.state(digests, clock=_trust(clock), delete_on=config.uplink.delete_on, networked=networked)
        return renewal.told(born)

    return state


def _left_open(spool: Spool, decider: Decider, at: float, *, boot: str) -> LostCameras:
    """Close what an earlier run left open, except the loss of a camera, which only a picture ends."""
    left = spool.open_events()
    for event in decider.engine.close_left_open([event for event in left if event.rule != LOST], at):
        spool.put(event)
    spool.flush()
    return LostCameras(left, new_id=ids(boot))


def _watched(
    config: Config, cameras: dict[str, Camera], sight: Detector | None, runtime: Path | None
) -> Sequence[Stream]:
    return [
        watch(
            section.id,
            cameras[section.id],
            section.view.masks,
            assembly.eye(
                section, config.vision, sight, runtime=runtime, state=Path(config.state_dir), timezone=config.timezone
            ),
        )
        for section in config.cameras
        if sight is not None
    ]


def _read(config: Config, clock: SystemClock, stack: ExitStack) -> Sequence[Stream]:
    streams: list[Stream] = [ticks(clock, lag_s=TICK_LAG_S)]
    for settings in config.sensors:
        sensor = _sensor(config, settings, clock)
        stack.callback(sensor.close)
        streams.append(read(sensor, clock))
    return streams


def _sensor(config: Config, settings: SensorSettings, clock: SystemClock) -> Sensor:
    """One sensor; a microphone only on days on which an agreement lets the node listen."""
    if not isinstance(settings, AudioSettings):
        return open_sensor(settings, clock=clock)
    return Allowed(settings.period_s, partial(open_sensor, settings, clock=clock), partial(may_listen, config))


def _runtime_folder() -> Path | None:
    """The folder in memory that systemd made for this service; none on a bench that has no such thing."""
    named = os.environ.get("RUNTIME_DIRECTORY", "")
    return Path(named) if named else None


def _restore(decider: Decider, learned: Path) -> None:
    """Take up what was learned; a file that cannot be read costs the learning, not the node."""
    try:
        decider.engine.restore(msgspec.json.decode(learned.read_bytes()))
    except FileNotFoundError:
        log.info("nothing was learned yet")
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        log.exception("what was learned cannot be read; learning begins anew", extra={"file": str(learned)})
