"""A machine that has just been flashed, as a Linux of its own: user-mode Linux, whose hardware is imitated at the kernel's edge.

Its root is an overlay of a Debian image, its boot partition the FAT image that `piazza image` wrote, its cable a tap. It has no
clock of its own and begins in 1970. `tools/vm/kernel` and `tools/vm/root` make what it stands on.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tests.conftest import CHECKOUT
from tests.vm.machine import HERE, STOCK

TAP = "piazza-tap0"
CARD_MB = 320
MEMORY_MB = 512
"""Of a Raspberry Pi Zero 2 W."""
PATIENCE_S = 300.0
JOURNAL = os.environ.get("JOURNAL", "")
"""A file that outlives the machine: its console goes there and its journal with it, cuts or not."""
LINE = 1024
"""Characters of a file that go in at a time; a multiple of four, as base64 wants it."""


def kernel(*, build: bool) -> Path | None:
    """The folder of the kernel; without `build` None where nobody has built it yet."""
    done = subprocess.run(
        [str(CHECKOUT / "tools/vm/kernel"), *([] if build else ["--there"])],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def made_root() -> Path:
    """The image of a Debian that nobody has booted; a minute when it is not there yet."""
    said = subprocess.run([str(CHECKOUT / "tools/vm/root")], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(said.strip())


def flashed_image(image: Path) -> Path:
    """A boot partition in a file, as it is after flashing Raspberry Pi OS."""
    subprocess.run(["truncate", "--size", f"{CARD_MB}M", str(image)], check=True)
    subprocess.run(["mformat", "-i", str(image), "-F", "::"], check=True)
    for name, text in STOCK.items():
        subprocess.run(["mcopy", "-i", str(image), "-", f"::{name}"], input=text.encode(), check=True)
    return image


def tap() -> str:
    """Lay the cable; says why that is refused, nothing when it lies there."""
    cut()
    for line in (
        f"ip tuntap add {TAP} mode tap",
        f"ip address add {HERE}/24 dev {TAP}",
        f"ip link set {TAP} up",
    ):
        done = subprocess.run(line.split(), capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{line}: {done.stderr.strip()}"
    return ""


def cut() -> None:
    """Take the cable away; nothing where there is none."""
    subprocess.run(["ip", "link", "delete", TAP], check=False, capture_output=True)


@dataclass
class Guest:
    """One machine; `folder` holds all that it writes."""

    folder: Path
    card: Path
    kernel: Path
    root: Path
    disks: tuple[Path, ...] = ()
    """More of them: data, and the log of what is written there."""
    begins_on: str = "/dev/ubda"
    """Its root: the whole of the first disk, or a partition of it."""
    code: str = ""
    """Of the label."""
    process: subprocess.Popen[bytes] | None = None
    hand: socket.socket | None = None
    answers: BinaryIO | None = None
    listens: bool = False

    def start(self) -> None:
        """Power on; what its console says goes to `console` in the folder."""
        ours, theirs = socket.socketpair()
        line = theirs.fileno()
        if JOURNAL and not (self.folder / "console").exists():
            Path(JOURNAL).touch()
            (self.folder / "console").symlink_to(Path(JOURNAL).resolve())
        command = [
            str(self.kernel / "linux"),
            f"mem={MEMORY_MB}M",
            f"ubd0={self.folder / 'card.cow'},{self.root}",
            f"ubd1={self.card}",
            *(f"ubd{number}={disk}" for number, disk in enumerate(self.disks, start=2)),
            *(
                f"root={self.begins_on}",
                "rw",
                "quiet",
                "con=null",
                "con0=null,fd:1",
                f"con1=fd:{line},fd:{line}",
                "ssl=null",
            ),
            *(["systemd.journald.forward_to_console=1"] if JOURNAL else []),
            "seccomp=auto",  # its programs need not be traced where this machine allows that: boots take two thirds
            f"vec0:transport=tap,ifname={TAP},depth=128,gro=1",
            f"umid=piazza-{os.getpid()}-{self.folder.name}",
        ]
        with (self.folder / "console").open("ab") as console:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                pass_fds=[line],
                start_new_session=True,
            )
        theirs.close()
        ours.settimeout(PATIENCE_S)
        self.hand, self.answers = ours, ours.makefile("rb")

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in there, as root; AssertionError when the machine has gone."""
        assert self.hand
        if not self.listens:  # until then the line's driver would echo what is said
            self.listens = bool(self._answer()["ready"])
        self.hand.sendall(json.dumps(command).encode() + b"\n")
        told = self._answer()
        return subprocess.CompletedProcess(command, told["code"], told["out"], told["err"])

    def bring(self, path: str, content: bytes) -> None:
        """Put a file into it; in short lines, as a terminal loses what is longer than its buffer."""
        text = base64.b64encode(content).decode()
        for begin in range(0, len(text), LINE):
            self.inside("sh", "-c", f"echo {text[begin : begin + LINE]} | base64 -d >> {path}")

    def power_off(self) -> None:
        """Pull the plug: what has reached the card's file is what remains."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for end in (self.answers, self.hand):
            if end:
                end.close()
        self.process = self.hand = self.answers = None
        self.listens = False

    def _answer(self) -> Any:
        assert self.answers
        said = self.answers.readline()
        assert said, f"the machine has gone: {(self.folder / 'console').read_text()[-2000:]}"
        return json.loads(said)
