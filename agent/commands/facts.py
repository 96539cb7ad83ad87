"""What `piazza doctor`, `status` and `collect` look at: a node's facts, gathered without changing anything.

Every path lies under a root and every program is asked through one call, so tests stand in for a machine.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agent.config import Config, load
from agent.errors import ConfigError, OutboxBroken, PiazzaError
from agent.provision.ca import begins_at, ends_at
from agent.provision.enrol_node import Place
from agent.provision.facts import Facts, Unit
from agent.provision.identity import Ticket
from agent.sensors.host import Host
from agent.sensors.settings import HostSettings
from agent.uplink import numbers
from agent.uplink.outbox import OutboxReader

UNITS = {"sense": "piazza-sense.service", "link": "piazza-link.service", "firewall": "nftables-piazza.service"}
NUMBERS = "run/piazza-sense/numbers.json"
ENROL = "piazza-enrol.service"
_SHOW = "ActiveState,LoadState,NRestarts,StatusText"
SAID, NEXT = "piazza: ", "-> "
"""How `piazza` ends with an error: its message, and what to do next."""

Ask = Callable[..., str]


def ask(*command: str) -> str:
    """What a program prints; empty where it is missing or fails, because then nothing is known."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20, errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, or a folder that looks like one."""

    root: Path = Path("/")
    ask: Ask = ask
    config: str = "etc/piazza/node.yaml"

    def facts(self, at: float) -> Facts:
        config, problems = self._config()
        place = Place(self.root / "etc/piazza")
        files = [place.signing, place.ring, place.key("tls"), place.ca]
        told = self._numbers()
        return Facts(
            at=at,
            node=f"{config.node.union}/{config.node.comune}/{config.node.id}" if config else "",
            rootless=not _may_enter(place.root),
            absent=not _is_there(self.root / self.config),
            problems=problems,
            broker=config.uplink.broker.host if config else "",
            cameras=tuple(camera.id for camera in config.cameras) if config else (),
            ticket=_is_there(place.ticket),
            ticket_ends=_ticket_ends(place.ticket),
            enrolment=self._enrolment(place),
            ticket_on_card=(self.root / "boot/firmware/piazza/enrol.json").exists(),
            missing_keys=tuple(file.name for file in files if not _is_there(file)),
            open_keys=tuple(file.name for file in (files[0], files[2]) if _is_open(file)),
            certificate_begins=_of_certificate(place.certificate("tls"), begins_at),
            certificate_ends=_of_certificate(place.certificate("tls"), ends_at),
            units={name: unit for name, service in UNITS.items() if (unit := self._unit(service))},
            read_only=self._read_only(config),
            host=self._host(at, config),
            numbers_at=told.get("at"),
            numbers=told.get("sources", {}),
            connected=self._connected(config, at),
            **self._outbox(config),
            memory_limits=self._memory_limits(),
            watchdog=self._watchdog(),
        )

    def _config(self) -> tuple[Config | None, tuple[str, ...]]:
        try:
            return load(self.root / self.config), ()
        except ConfigError as error:
            return None, error.problems or (error.message,)

    def _unit(self, service: str) -> Unit | None:
        shown = dict(
            line.partition("=")[::2] for line in self.ask("systemctl", "show", service, "-p", _SHOW).splitlines()
        )
        if shown.get("LoadState") != "loaded":
            return None
        active, restarts = shown.get("ActiveState") == "active", int(shown.get("NRestarts") or 0)
        reason, hint = ("", "") if active and not restarts else self._last_words(service)
        return Unit(active=active, restarts=restarts, status=shown.get("StatusText", ""), reason=reason, hint=hint)

    def _enrolment(self, place: Place) -> str:
        asking = self._unit(ENROL) if _is_there(place.ticket) else None
        return asking.reason or asking.status if asking else ""

    def _last_words(self, service: str) -> tuple[str, str]:
        """Message and hint with which the service last ended, as its log of this boot has them."""
        log = self.ask("journalctl", "-b", "-u", service, "-n", "50", "-o", "cat", "--no-pager").splitlines()
        ended = [number for number, line in enumerate(log) if line.startswith(SAID)]
        if not ended:
            return "", ""
        hints = [line.strip().removeprefix(NEXT) for line in log[ended[-1] :] if line.strip().startswith(NEXT)]
        return log[ended[-1]].removeprefix(SAID), hints[0] if hints else ""

    def _read_only(self, config: Config | None) -> bool:
        """Whether the state folder's disk takes nothing, as the kernel tells of the innermost mount above it."""
        folder = Path(config.state_dir if config else "/var/lib/piazza")
        try:
            rows = [line.split() for line in (self.root / "proc/mounts").read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError):
            return False
        above = [row for row in rows if len(row) > 3 and folder.is_relative_to(row[1])]  # noqa: PLR2004 -- fstab(5)
        return bool(above) and "ro" in max(above, key=lambda row: len(row[1]))[3].split(",")

    def _host(self, at: float, config: Config | None) -> Mapping[str, float]:
        disk = config.state_dir if config else "/var/lib/piazza"
        host = Host(HostSettings(disk=disk), root=self.root)
        return {one.quantity: one.value for one in host.read(at)}

    def _numbers(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = msgspec.json.decode((self.root / NUMBERS).read_bytes())
        except (OSError, msgspec.DecodeError):
            return {}
        return found

    def _state(self, config: Config | None) -> Path:
        return self.root / (config.state_dir if config else "/var/lib/piazza").lstrip("/")

    def _connected(self, config: Config | None, at: float) -> bool | None:
        """Whether link has a session; None where it has never said."""
        found = dict(numbers.vitals(self._state(config) / "inbox", at=at)).get("link_connected")
        return None if found is None else found > 0.0

    def _outbox(self, config: Config | None) -> dict[str, Any]:
        folder = self._state(config)
        reader = OutboxReader(folder / "outbox.sqlite")
        try:
            if not (folder / "outbox.sqlite").exists():
                return {}
            return {"waiting": len(reader.after(0, limit=100_000)), "last": reader.last()}
        except (OSError, OutboxBroken):
            return {}
        finally:
            reader.close()

    def _memory_limits(self) -> bool | None:
        try:
            return "memory" in (self.root / "sys/fs/cgroup/cgroup.controllers").read_text(encoding="ascii").split()
        except OSError:
            return None

    def _watchdog(self) -> bool | None:
        shown = self.ask("systemctl", "show", "-p", "RuntimeWatchdogUSec").strip().partition("=")[2]
        return shown not in ("0", "infinity") if shown else None


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:
        return False


def _is_open(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IRWXO)
    except OSError:
        return False


def _may_enter(folder: Path) -> bool:
    """Whether what is in the folder can be seen; nobody is kept out of one that is not there."""
    try:
        return not folder.exists() or os.access(folder, os.X_OK)
    except OSError:
        return False


def _of_certificate(certificate: Path, told: Callable[[str], float]) -> float | None:
    try:
        return told(certificate.read_text(encoding="ascii"))
    except (OSError, ValueError, PiazzaError):
        return None


def _ticket_ends(ticket: Path) -> float | None:
    try:
        return Ticket.read(ticket.read_bytes()).expires
    except (OSError, PiazzaError):
        return None
