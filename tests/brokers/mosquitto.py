"""mosquitto as a child process on a free port of loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from agent.clock import SystemClock
from agent.provision.bench import Bench
from agent.provision.ca import common_name
from agent.transport import Address

SETTINGS = """
per_listener_settings false
listener {port} 127.0.0.1
cafile {ca}
certfile {certificate}
keyfile {key}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
acl_file {acl}
allow_anonymous false
persistence true
persistence_location {folder}/
max_queued_messages 1000000
max_queued_bytes 67108864
max_inflight_messages 400
max_packet_size 300000
set_tcp_nodelay true
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
{more}
"""


PORTS = count(10_000 + 101 * os.getpid() % 20_000)


def free_port() -> int:
    """A port of loopback that nobody uses, given once; each process that tests begins elsewhere.

    It lies below those that the kernel gives to outgoing connections, so none of them takes it before its server starts.
    """
    return next(filter(_unused, PORTS))


def _unused(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class Mosquitto:
    """One broker: `rights` is party -> lines of its access list, such as `read piazza/v1/#`."""

    folder: Path
    bench: Bench
    rights: Mapping[str, Sequence[str]]
    more: str = ""
    listed: str = ""
    """A whole access list, in place of `rights`."""
    port: int = field(default_factory=free_port)
    log: list[str] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None
    reader: threading.Thread = field(default_factory=threading.Thread)

    def start(self) -> None:
        """Start, and come back when it takes connections."""
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/sbin")
        if program is None:
            pytest.skip("mosquitto is not installed: see requirements/apt.txt")
        self.process = subprocess.Popen(
            [program, "-c", str(self._configure())], stderr=subprocess.PIPE, text=True, cwd=self.folder
        )
        for line in self.process.stderr or ():
            self.log.append(line)
            if " running" in line:
                break
        else:
            pytest.fail("mosquitto did not start:\n" + "".join(self.log))
        self.reader = threading.Thread(target=self._read_log, args=[self.process], daemon=True)
        self.reader.start()

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def address(self, name: str, *, keepalive_s: int = 30) -> Address:
        """How the party `name` reaches it."""
        files = self.bench.tls(name)
        return Address(
            "localhost",
            self.port,
            ca=str(self.bench.ca),
            certificate=str(files.certificate),
            key=str(files.key),
            keepalive_s=keepalive_s,
        )

    def reread(self) -> None:
        """Have it read its access list anew, and come back when it has."""
        self.write_rights()
        clock, before = SystemClock(), self._reloads()
        while self.process is not None and self._reloads() == before:
            self.process.send_signal(signal.SIGHUP)  # again and again: while it starts, mosquitto forgets a signal
            clock.sleep(0.1)

    def _reloads(self) -> int:
        """How often it has read its list anew, which it does before it takes anything more."""
        return sum("Reloading config" in line for line in self.log)

    def write_rights(self) -> Path:
        """The access list as a file; a running broker reads it anew on SIGHUP."""
        access = self.folder / "acl"
        made = "".join(f"user {common_name(party)}\n" + "".join(f"topic {line}\n" for line in lines) + "\n"
                       for party, lines in self.rights.items())  # fmt: skip
        access.write_text(self.listed or made)
        access.chmod(0o600)
        return access

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            while self.process.poll() is None:  # while it starts, mosquitto forgets a signal that it has heard
                self.process.send_signal(how)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.5)
            self.process = None
            self.reader.join()

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        with process.stderr or contextlib.nullcontext(()) as lines:
            self.log.extend(lines)

    def _configure(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        access = self.write_rights()
        settings = self.folder / "mosquitto.conf"
        settings.write_text(
            SETTINGS.format(
                port=self.port,
                ca=self.bench.ca,
                certificate=self.bench.broker.certificate,
                key=self.bench.broker.key,
                acl=access,
                folder=self.folder,
                more=f"user {self._owner()}\n{self.more}",
            )
        )
        return settings

    def _owner(self) -> str:
        """mosquitto started by root would become another user, who cannot read our files."""
        return self.folder.owner()
