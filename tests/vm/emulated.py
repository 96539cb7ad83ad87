"""A machine with the processor of a Raspberry Pi: Debian for arm64 under QEMU, alone (a program) or whole (a boot).

Emulated instructions say what is computed and never how fast. `tools/vm/arm64` makes what it stands on.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import CHECKOUT
from tests.vm.guest import TAP

CORES = {"cortex-a53": "Zero 2 W and 3", "cortex-a72": "4", "cortex-a76": "5"}
"""QEMU's name of a core -> the Raspberry Pi that has it. Not `max`: QEMU 7.2 computes wrongly with what it adds."""
MEMORY_MB = 1024
FSTAB = """/dev/vda / ext4 noatime 0 1
/dev/vdb /boot/firmware vfat x-systemd.device-timeout=1h 0 2
"""
"""Emulated on a busy machine, 90 seconds are not enough to find a disk."""
CPUINFO = """processor\t: {number}
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

"""
IN_ROOT = """mount --make-rprivate /
mount --rbind /sys "$1/sys"
mount -t proc proc "$1/proc"
mount --bind "$2" "$1/proc/cpuinfo"
shift 2
exec "$@"
"""


def made_arm64() -> Path:
    """Root, kernel and first file system for arm64; ten minutes when they are not there yet."""
    said = subprocess.run([str(CHECKOUT / "tools/vm/arm64")], check=True, stdout=subprocess.PIPE, text=True).stdout
    return Path(said.strip())


def run_in(root: Path, core: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run an arm64 program of `root` on `core`.

    The runtime of models looks for processors in /sys and /proc/cpuinfo, and QEMU 7.2 shows it those of this machine.
    """
    cpuinfo = root.parent / "cpuinfo"
    cpuinfo.write_text("".join(CPUINFO.format(number=number) for number in range(4)))
    script = ["unshare", "--mount", "sh", "-ec", IN_ROOT, "sh", str(root), str(cpuinfo)]
    enter = ["chroot", str(root), "env", f"QEMU_CPU={core}", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    return subprocess.run([*script, *enter, *command], capture_output=True, text=True, check=False)


def image_of(root: Path, image: Path) -> Path:
    """A disk with the files of `root`, which waits for the card's partition."""
    (root / "etc/fstab").write_text(FSTAB)
    subprocess.run(["truncate", "--size", "2G", str(image)], check=True)
    make = ["mke2fs", "-q", "-F", "-t", "ext4", "-E", "lazy_itable_init=1", "-d", str(root), str(image)]
    subprocess.run(make, check=True)
    return image


@dataclass
class Emulated:
    """A whole machine; `folder` holds what its console says."""

    folder: Path
    card: Path
    made: Path
    root: Path
    """Its first disk; what the machine writes there is thrown away."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            *("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a72", "-accel", "tcg,thread=multi"),
            *("-smp", "2", "-m", str(MEMORY_MB), "-nographic", "-no-reboot"),
            *("-kernel", str(self.made / "vmlinuz"), "-initrd", str(self.made / "initrd")),
            *("-append", "rw console=ttyAMA0 quiet panic=-1"),
            *("-drive", f"file={self.root},if=virtio,format=raw,snapshot=on"),
            *("-drive", f"file={self.card},if=virtio,format=raw"),
            *(
                "-netdev",
                f"tap,id=cable,ifname={TAP},script=no,downscript=no",
                "-device",
                "virtio-net-pci,netdev=cable,romfile=",  # it boots from no network, and the file is in another package
            ),
        ]
        with (self.folder / "console").open("ab") as console:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)

    @property
    def is_on(self) -> bool:
        """Whether the machine still runs."""
        return self.process is not None and self.process.poll() is None

    def power_off(self) -> None:
        """Pull the plug."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
