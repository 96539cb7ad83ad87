"""RAUC and Mender as they are in Debian, each with a folder for what is otherwise a bootloader or a partition."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.commands.places import wait
from tests.conftest import CHECKOUT

HOOKS = CHECKOUT / "deploy" / "images"
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
"""
SYSTEM = """[system]
compatible=piazza
bootloader=custom
statusfile={folder}/status
[keyring]
path={folder}/ca.pem
[handlers]
bootloader-custom-backend={folder}/backend
[slot.rootfs.0]
device={folder}/a.img
type=raw
bootname=A
[slot.rootfs.1]
device={folder}/b.img
type=raw
bootname=B
"""
BACKEND = """#!/bin/sh
# a bootloader whose variables are files
cd "$(dirname "$0")"
case "$1" in
  get-primary) cat primary ;;
  set-primary) echo "$2" >primary ;;
  get-state) cat "state-$2" ;;
  set-state) echo "$3" >"state-$2" ;;
  *) exit 1 ;;
esac
"""
MENDER = """{{"ArtifactScriptsPath": "{folder}/scripts", "RootfsScriptsPath": "{folder}/rootfs",
 "ModulesWorkPath": "{folder}/work", "DeviceTypeFile": "{folder}/data/device_type"}}
"""


@dataclass
class Command:
    """`piazza` as a program on the path, on the node whose configuration is named here."""

    folder: Path

    def ask(self, config: Path, *, wait_s: int) -> None:
        """From now on it is about this node, and waits for so long at most."""
        program = self.folder / "piazza"
        program.write_text(
            f'#!/bin/sh\nexec {sys.executable} -m agent "$@" --config {config} --wait {wait_s}\n', encoding="utf-8"
        )
        program.chmod(0o755)

    @property
    def path(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}


@dataclass
class Rauc:
    """A service of RAUC on a bus of its own; slot A has booted and is not good yet."""

    folder: Path
    command: Command
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        files = {"bus.conf": BUS, "system.conf": SYSTEM, "backend": BACKEND}
        for name, text in files.items():
            (self.folder / name).write_text(text.format(folder=self.folder))
        (self.folder / "backend").chmod(0o755)
        for name, text in {"primary": "A", "state-A": "bad", "state-B": "good", "a.img": "", "b.img": ""}.items():
            (self.folder / name).write_text(text)
        shutil.copy(next((self.folder.parent / "node" / "keys" / "ca").glob("ca.pem")), self.folder / "ca.pem")
        self._run("dbus-daemon", f"--config-file={self.folder}/bus.conf", "--nofork", "--nopidfile")
        wait((self.folder / "bus").exists)
        self._run("rauc", "--conf", f"{self.folder}/system.conf", "--override-boot-slot=A", "service")
        wait(lambda: self._call("rauc", "status").returncode == 0)

    @property
    def state(self) -> str:
        return (self.folder / "state-A").read_text().strip()

    def boots(self) -> bool:
        """What systemd does with our unit: the second line only where the first ended well."""
        lines = (HOOKS / "piazza-mark-good.service").read_text().splitlines()
        for option in ("ExecStartPre=", "ExecStart="):
            (line,) = (line.removeprefix(option) for line in lines if line.startswith(option))
            program, *arguments = line.split()
            if self._call(Path(program).name, *arguments).returncode != 0:
                return False
        return True

    def close(self) -> None:
        for process in reversed(self.started):
            process.terminate()
            process.wait()

    @property
    def _environment(self) -> dict[str, str]:
        return self.command.path | {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.folder}/bus"}

    def _run(self, *command: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.started.append(subprocess.Popen(command, env=self._environment, stdout=log, stderr=log))

    def _call(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=200, cwd=self.folder
        )


@dataclass
class Mender:
    """Mender without a server; an artifact is a file in a folder and the script that its commit asks."""

    folder: Path
    command: Command

    def make(self) -> None:
        for name in ("data", "etc", "into", "scripts"):
            (self.folder / name).mkdir()
        written = {
            "data/device_type": "device_type=piazza\n", "etc/artifact_info": "artifact_name=before\n",
            "mender.conf": MENDER.format(folder=self.folder), "into/image": "before", "image": "after",
            "dest_dir": str(self.folder / "into"), "filename": "image",
        }  # fmt: skip
        for name, text in written.items():
            (self.folder / name).write_text(text)
        files = [f"--file={self.folder / name}" for name in ("image", "dest_dir", "filename")]
        made = self._call(
            "mender-artifact", "write", "module-image", "-T", "single-file", "-n", "after", "-t", "piazza",
            "-o", str(self.folder / "after.mender"), *files, f"--script={HOOKS / 'ArtifactCommit_Enter_00_piazza'}",
        )  # fmt: skip
        assert made.returncode == 0, made.stderr

    @property
    def runs(self) -> tuple[str, str]:
        """What lies where the image goes, and what Mender says is installed."""
        return (self.folder / "into" / "image").read_text(), self._mender("show-artifact").stdout.strip()

    def install(self) -> None:
        done = self._mender("install", str(self.folder / "after.mender"))
        assert done.returncode == 0, done.stderr

    def commit(self) -> int:
        return self._mender("commit").returncode

    def _mender(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The client, for which our own folder stands where its package looks (/etc/mender)."""
        hidden = ["unshare", "--map-root-user", "--mount", "sh", "-ec", 'mount --bind "$0" /etc/mender; exec "$@"']
        own = ["--no-syslog", "--log-level", "error", "--config", f"{self.folder}/mender.conf"]
        places = ["--fallback-config", f"{self.folder}/none.conf", "--data", f"{self.folder}/data"]
        return self._call(*hidden, f"{self.folder}/etc", "mender", *own, *places, *arguments)

    def _call(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.command.path, capture_output=True, text=True, check=False, timeout=200)
