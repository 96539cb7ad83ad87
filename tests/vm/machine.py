"""A machine that has just been flashed: a Debian in a container with its own network, whose boot partition is a card.

It imitates what Raspberry Pi OS does at first boot (cloud-init calls the card's script) and nothing else: packages, users,
units, firewall, enrolment and the way to the broker are the real ones. Its kernel is this machine's.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import CHECKOUT

BASES = {"bookworm": CHECKOUT / ".cache/firmware-root", "trixie": CHECKOUT / ".cache/firmware-root-trixie"}
PACKAGES = (
    "systemd,systemd-sysv,dbus,udev,iproute2,python3,python3-numpy,nftables,unattended-upgrades,systemd-timesyncd"
)
HERE, THERE = "10.77.0.1", "10.77.0.2"
LINKS = ("piazza-vm0", "piazza-vm1")
NETWORK = "piazza-vm"
CALLED = """[Unit]
ConditionPathExists=!/var/lib/first-boot-done
[Service]
Type=oneshot
ExecStart=/bin/sh /boot/firmware/piazza/firstboot
ExecStartPost=/bin/touch /var/lib/first-boot-done
[Install]
WantedBy=multi-user.target
"""
STOCK = {
    "config.txt": "camera_auto_detect=1\n",
    "cmdline.txt": "console=tty1 rootwait\n",
    "user-data": "#cloud-config\n",
}


def made_base(mmdebstrap: str, release: str = "bookworm", *, architecture: str = "amd64") -> Path:
    """The Debian with what the packages depend on, made when it is not there yet; a minute, for another processor fifteen."""
    base = (
        BASES[release] if architecture == "amd64" else BASES[release].with_name(f"{BASES[release].name}-{architecture}")
    )
    if not (base / "usr/sbin/nft").exists():
        half = base.with_name(f"{base.name}.half")  # one that was broken off is not taken for a whole one
        # /proc and /dev of this machine may still be mounted in there, if it was killed.
        subprocess.run(["rm", "-rf", "--one-file-system", str(base), str(half)], check=True)
        base.parent.mkdir(exist_ok=True)
        habits = base.parent / "apt.conf"
        habits.write_text(subprocess.check_output(["apt-config", "dump", "Acquire"], text=True))
        command = [
            mmdebstrap,
            f"--arch={architecture}",
            "--variant=minbase",
            f"--aptopt={habits}",
            f"--include={PACKAGES}",
            release,
            str(half),
        ]
        made = subprocess.run(
            command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3600
        )
        assert made.returncode == 0, made.stderr[-2000:]
        half.rename(base)
    return base


def flashed(card: Path) -> Path:
    """A boot partition as it is after flashing Raspberry Pi OS."""
    card.mkdir()
    for name, text in STOCK.items():
        (card / name).write_text(text)
    return card


def plug_in() -> None:
    """A network of its own for the machine, and a cable from it to this one, with the addresses HERE and THERE."""
    unplug()
    for line in (
        f"ip netns add {NETWORK}",
        f"ip link add {LINKS[0]} type veth peer name {LINKS[1]} netns {NETWORK}",
        f"ip address add {HERE}/24 dev {LINKS[0]}",
        f"ip link set {LINKS[0]} up",
        f"ip -n {NETWORK} address add {THERE}/24 dev {LINKS[1]}",
        f"ip -n {NETWORK} link set {LINKS[1]} up",
        f"ip -n {NETWORK} link set lo up",
    ):
        subprocess.run(line.split(), check=True)


def unplug() -> None:
    for line in (f"ip link delete {LINKS[0]}", f"ip netns delete {NETWORK}"):
        subprocess.run(line.split(), check=False, capture_output=True)


@dataclass
class Machine:
    """One machine; `root` is thrown away with the folder it lies in."""

    root: Path
    card: Path
    nspawn: str
    code: str = ""
    """Of the label."""
    process: subprocess.Popen[bytes] | None = None

    def flash(self, base: Path) -> None:
        """The system of the card, before its first boot."""
        subprocess.run(["cp", "-a", "--reflink=auto", f"{base}/.", str(self.root)], check=True)
        (self.root / "etc/systemd/system/called.service").write_text(CALLED)
        (self.root / "boot/firmware").mkdir(parents=True, exist_ok=True)
        (self.root / "etc/machine-id").write_text("")
        wants = self.root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / "called.service").symlink_to("/etc/systemd/system/called.service")

    def start(self) -> None:
        """Power on; what its console says goes to `console` beside the root."""
        command = [self.nspawn, "-q", "-D", str(self.root), "--register=no", "--keep-unit", "-b"]
        command += [
            f"--network-namespace-path=/run/netns/{NETWORK}",
            "--capability=CAP_NET_ADMIN",
            f"--bind={self.card}:/boot/firmware",
        ]
        console = (self.root.parent / "console").open("ab")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        console.close()

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in there, as root, in its namespaces."""
        leader = ["--all", f"--target={self._init()}"]
        return subprocess.run(["nsenter", *leader, *command], capture_output=True, text=True, check=False)

    def power_off(self) -> None:
        """Pull the plug: nothing in there has time for anything."""
        if self.process:
            os.kill(int(self._init()), signal.SIGKILL)  # and the kernel ends all the rest of its processes
            self.process.wait()
            self.process = None

    def _init(self) -> str:
        """Process 1 of the machine as this one calls it."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return children[0]
