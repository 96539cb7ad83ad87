"""The node's acts of `piazza ota`: take an update in, keep it or go back, say how it stands.

One process at a time holds the lock; it ends by itself and costs nothing while there is nothing to do.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from agent import logs
from agent.clock import Clock, SystemClock
from agent.commands.gate import AliveGate
from agent.config import load
from agent.contract.times import instant
from agent.contract.topics import NodeName
from agent.errors import UserError
from agent.files import mark, write_atomic
from agent.ota import report
from agent.ota.approval import approve
from agent.ota.ledger import Attempt, Ledger, State
from agent.ota.offer import Instant, Offers
from agent.ota.releases import CONFIG, RealDisk, Releases
from agent.ota.report import ASK, REPORT
from agent.ota.source import Shelf
from agent.ota.update import OFFER, PROOF_S, TRIAL_S, Update
from agent.records import ClockQuality
from agent.sensors.kernel_clock import clock_quality
from agent.uplink.updates import SHELF

log = logging.getLogger(__name__)

ACTS = ("enroll", "check", "apply", "confirm", "rollback", "well")
LEDGER = "ota.sqlite"
WISHES = "wishes"
WORD = "word"
WORDS = ("confirm", "rollback")
"""What a person may ask of a trial; a process that has it in hand finds the word in a file."""

ROOT = "root.json"
LOOK_S = 1.0
WENT_BACK = 3
"""The exit code when an update was refused or did not stay: an answer, and no failure of the command."""

FETCH_S = 600.0
"""How long a run waits for chunks before it leaves the rest to the next one."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

Acts = argparse._SubParsersAction  # noqa: SLF001 -- argparse gives its kind no public name


def add_arguments(acts: Acts[argparse.ArgumentParser]) -> None:
    enroll = acts.add_parser("enroll", help="begin: what runs now is release 0, and this root is believed")
    enroll.add_argument("--root", type=Path, required=True, metavar="FILE", help="the first root, brought by hand")
    check = acts.add_parser("check", help="fetch and judge what is offered, and change nothing that runs")
    apply = acts.add_parser("apply", help="take in what is offered, and wait until it is kept or went back")
    apply.add_argument("--trial", type=float, default=TRIAL_S, metavar="SECONDS", help="how long it may prove itself")
    apply.add_argument("--proof", type=float, default=PROOF_S, metavar="SECONDS", help="how long of it between boots")
    confirm = acts.add_parser("confirm", help="keep the release on trial, whatever the health gate says")
    back = acts.add_parser("rollback", help="put the release before it back")
    well = acts.add_parser("well", help="wait until the node is well: for whoever commits an image of the system")
    well.add_argument("--wait", type=float, default=300.0, metavar="SECONDS")
    for parser in (enroll, check, apply, confirm, back, well):
        parser.add_argument("--config", type=Path, default=Path("/etc/piazza/node.yaml"))
        parser.add_argument("--usb", type=Path, metavar="DIR", help="a stick (default: what link has brought)")


def is_node(folder: Path) -> bool:
    """Whether a folder is a node's folder of updates and not an authority's."""
    return (folder / LEDGER).is_file()


def run(options: argparse.Namespace, clock: SystemClock) -> int:
    if options.act == "status":
        return _status(options.folder)
    logs.start()
    logging.getLogger("tuf").setLevel(logging.WARNING)  # it tells of every key that has not signed
    config = load(options.config)
    state = Path(config.state_dir)
    folder = state / "ota"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    if options.act == "well":
        return _well(options, AliveGate(state, folder, clock.now), clock)
    if options.act in WORDS and _is_busy(folder):
        (folder / WORD).write_text(options.act, encoding="ascii")
        print(f"asked: the process that has the trial in hand will {options.act}")
        return 0
    with _alone(folder):
        if options.act == "enroll":
            return _enroll(options, folder)
        name = NodeName(config.node.union, config.node.comune, config.node.id)
        update = _update(name, state, clock, shelf=options.usb / name.comune if options.usb else None)
        return _act(options, update, folder, clock)


def _act(options: argparse.Namespace, update: Update, folder: Path, clock: SystemClock) -> int:
    match options.act:
        case "check":
            attempt = update.check()
        case "confirm":
            attempt = update.commit()
        case "rollback":
            attempt = update.roll_back()
        case _:
            update.trial_s, update.proof_s = options.trial, options.proof
            attempt = take_in(update, folder, clock)
    _tell(folder, attempt)
    print(_sentence(attempt))
    failed = attempt.state in (State.REFUSED, State.ROLLED_BACK) or attempt.why.startswith(OFFER)
    return WENT_BACK if failed and options.act not in WORDS else 0


def take_in(update: Update, folder: Path, clock: Clock) -> Attempt:
    """Step until there is nothing more to do, or nothing more comes.

    What comes meanwhile wakes nobody, as the unit that watches for it does not look while this runs: so once more at the end.
    """
    attempt = _to_its_end(update, folder, clock)
    while attempt.resting:
        before, attempt = attempt, update.step()
        if attempt == before:
            break
        attempt = _to_its_end(update, folder, clock)
    return attempt


def _to_its_end(update: Update, folder: Path, clock: Clock) -> Attempt:
    """One update as far as it comes."""
    until = clock.monotonic() + FETCH_S
    attempt = update.step()
    while not attempt.resting and (attempt.state is not State.FETCHING or clock.monotonic() < until):
        before = attempt
        _tell(folder, before)
        attempt = _asked(update, folder) or update.step()
        if attempt == before:
            clock.sleep(LOOK_S)
    return attempt


def _asked(update: Update, folder: Path) -> Attempt | None:
    """What a person has asked of the trial meanwhile, done; None where nothing, or there is no trial."""
    path = folder / WORD
    word = path.read_text(encoding="ascii") if path.is_file() else ""
    path.unlink(missing_ok=True)
    attempt = update.ledger.attempt()
    if attempt is None or attempt.state is not State.TRIAL or word not in WORDS:
        return None
    return update.commit() if word == "confirm" else update.roll_back()


def _update(name: NodeName, state: Path, clock: SystemClock, *, shelf: Path | None) -> Update:
    folder = state / "ota"
    if not (folder / ROOT).is_file():
        raise UserError(f"{folder}: this node has no root to believe", hint="piazza ota enroll --root FILE")
    ledger = Ledger(folder / LEDGER)
    releases = Releases(folder, RealDisk())
    return Update(
        Offers(name, folder, (folder / ROOT).read_bytes(), ledger),
        Shelf(shelf or state / SHELF),
        releases,
        ledger,
        AliveGate(state, folder, clock.now),
        lambda: Instant(clock.now(), sure=clock_quality() is ClockQuality.NTP),
        clock.monotonic,
        BOOT_ID.read_text(encoding="ascii").strip(),
        lambda names: _wish(folder, names),
    )


def _enroll(options: argparse.Namespace, folder: Path) -> int:
    """Make what runs the first release; the configuration's own path becomes a link to what runs."""
    content = options.config.read_bytes()
    if (folder / ROOT).exists():
        raise UserError(f"{folder}: this node is enrolled already", hint="a new root comes by rotation")
    approve(content, running=load(options.config), consent=None)
    releases = Releases(folder, RealDisk())
    releases.switch(releases.stage(0, {CONFIG: content}))
    Ledger(folder / LEDGER).close()
    write_atomic(folder / ROOT, options.root.read_bytes(), mode=0o640)
    _give_to_owner(folder)
    fresh = options.config.with_name(f".{options.config.name}.link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to((folder / "current" / CONFIG).absolute())
    fresh.replace(options.config)
    os.sync()  # what a power cut now left of the owners could not be put right by doing it again
    print(f"{options.config} -> {folder}/current/{CONFIG}")
    return 0


def _well(options: argparse.Namespace, gate: AliveGate, clock: SystemClock) -> int:
    """Ask what a trial asks, of what runs now."""
    content, wanted = options.config.read_bytes(), report.cameras(load(options.config))
    ask, until = gate.folder / ASK, clock.monotonic() + options.wait
    mark(ask)
    try:
        verdict = gate.well(hashlib.sha256(content).hexdigest(), wanted)
        while not verdict.good and clock.monotonic() < until:
            clock.sleep(LOOK_S)
            verdict = gate.well(hashlib.sha256(content).hexdigest(), wanted)
    finally:
        ask.unlink(missing_ok=True)
    print("well" if verdict.good else f"not well: {verdict.why}")
    return 0 if verdict.good else WENT_BACK


def _give_to_owner(folder: Path) -> None:
    """What root has made here belongs to whom the folder belongs."""
    owner = folder.stat()
    for path in folder.rglob("*"):
        if path.lstat().st_uid != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _status(folder: Path) -> int:
    ledger = Ledger(folder / LEDGER)
    attempt, floors = ledger.attempt(), ledger.floors()
    print(f"runs: {Releases(folder, RealDisk()).running()}")
    print(_sentence(attempt) if attempt else "no update so far")
    print(f"never below: order {floors.seq}, " + ", ".join(f"{role} {one}" for role, one in floors.versions.items()))
    for move in ledger.moves():
        print(f"{instant(move.at)}  {move.seq:>4}  {move.state:12} {move.why}".rstrip())
    return 0


def _sentence(attempt: Attempt) -> str:
    order = f"order {attempt.seq}: {attempt.state}" if attempt.seq else "no order for this node yet"
    about = f" ({attempt.subject})" if attempt.subject else ""
    return f"{order}{f', {attempt.why}{about}' if attempt.why else ''}"


def _tell(folder: Path, attempt: Attempt) -> None:
    """Let sense sign how the update stands, where that is new."""
    news = report.of(attempt)
    if report.read(folder / REPORT, report.Report) != news:
        report.write(folder, REPORT, news)


def _wish(folder: Path, names: Sequence[str]) -> None:
    content = "".join(f"{name}\n" for name in names).encode()
    path = folder / WISHES
    if not path.is_file() or path.read_bytes() != content:
        write_atomic(path, content, mode=0o640)


def _is_busy(folder: Path) -> bool:
    """Whether another process has the lock."""
    try:
        with _alone(folder):
            return False
    except UserError:
        return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One update process at a time; the lock goes with the process, however it ends."""
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError("an update is under way", hint=f"piazza ota status {folder}") from error
        yield
