"""The virtual node on the kernel that Debian ships ready: nothing is compiled, so it boots in `make test`.

That kernel (package user-mode-linux) can do less than the one of `tools/vm/kernel`: what it lacks is told by name. The packages'
files come from the checkout, their wheels from the environment that runs the tests.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

from tests.conftest import CHECKOUT
from tests.vm.machine import CALLED

WHEELS = (
    "msgspec",
    "cryptography",
    "cffi",
    "paho-mqtt",
    "PyYAML",
    "typing-extensions",
    "numpy",
    "opencv-python-headless",
)
"""What the commands of a node without a model import."""
MODULES = Path("/usr/lib/uml/modules")
ROOT = "/dev/ubda2"
"""On a card there is a boot partition before it, and room behind."""
CARD_MB, ROOT_MB, BEFORE_MB = 3072, 2048, 8
FSTAB = f"""{ROOT} / ext4 defaults,noatime 0 1
none /usr/lib/modules hostfs {MODULES},ro 0 0
/dev/ubdb /boot/firmware vfat defaults,x-systemd.requires-mounts-for=/usr/lib/modules 0 2
"""
HAND = """[Unit]
DefaultDependencies=no
After=systemd-remount-fs.service
[Service]
ExecStart=/usr/local/lib/hand
Restart=always
[Install]
WantedBy=sysinit.target
"""
CABLE = "[Match]\nName=vec0\n[Network]\nAddress=10.77.0.2/24\nAddress=203.0.113.2/24\n"
"""The second network is a public one, which no unit may speak to."""
ENABLED = ("called", "hand", "nftables-piazza", "piazza-data", "systemd-networkd")
MASKED = ("getty@tty1.service", "console-getty.service")
"""The second console is the hand's."""
PATIENT = "[Manager]\nRuntimeWatchdogSec=off\n"


def spoilt() -> str:
    """A wheel whose files another one has written over in this environment; nothing where there is none."""
    for name in WHEELS:
        for file in importlib.metadata.files(name) or ():
            if file.size is not None and Path(file.locate()).stat().st_size != file.size:
                return name
    return ""


def refused(linux: str, root: Path, umid: str) -> str:
    """Why this machine lets no such kernel run a program; nothing where it does.

    The kernel runs `true` as its first program, and ends because that ends: then memory, tracing and the processor do.
    """
    command = [linux, "mem=128M", "root=/dev/root", "rootfstype=hostfs", f"rootflags={root}", "ro", "init=/bin/true"]
    command += ["con=null", "con0=null,fd:1", "ssl=null", f"umid={umid}"]
    said = subprocess.run(
        ["timeout", "-s", "KILL", "180", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    ).stdout
    return "" if "exitcode=0x00000000" in said else " / ".join(said.splitlines()[-3:]) or "it said nothing"


def made_image(base: Path, root: Path, image: Path) -> Path:
    """A card with the bare Debian and what both packages bring, before its first boot; `root` is a folder to make it in."""
    subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(root)], check=True)
    shutil.copytree(CHECKOUT / "firmware_config/root", root, dirs_exist_ok=True)
    _agent(root)
    for name, text in {
        "etc/fstab": FSTAB,
        "etc/machine-id": "",
        "etc/systemd/network/10-cable.network": CABLE,
        "etc/systemd/system.conf.d/90-patient.conf": PATIENT,
        "etc/systemd/system/hand.service": HAND,
        "etc/systemd/system/called.service": CALLED,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for folder in ("boot/firmware", "usr/lib/modules"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(CHECKOUT / "tools/vm/hand", root / "usr/local/lib/hand")
    subprocess.run(["systemd-sysusers", f"--root={root}", "piazza.conf"], check=True, capture_output=True)
    subprocess.run(["systemctl", f"--root={root}", "enable", *ENABLED], check=True, capture_output=True)
    subprocess.run(["systemctl", f"--root={root}", "mask", *MASKED], check=True, capture_output=True)
    subprocess.run(["truncate", "--size", f"{CARD_MB}M", str(image)], check=True)
    table = f"label: dos\nstart=2048, size={(BEFORE_MB - 1) * 2048}, type=c\nstart={BEFORE_MB * 2048}, size={ROOT_MB * 2048}\n"
    subprocess.run(["/usr/sbin/sfdisk", "--quiet", str(image)], input=table, text=True, check=True)
    habits = f"lazy_itable_init=1,offset={BEFORE_MB << 20}"
    make = ["mke2fs", "-q", "-F", "-t", "ext4", "-E", habits, "-d", str(root), str(image), f"{ROOT_MB}M"]
    subprocess.run(make, check=True)
    shutil.rmtree(root)
    return image


def _agent(root: Path) -> None:
    """What `tools/deb` puts into the package, from here."""
    site, units = root / "usr/lib/piazza/site", root / "usr/lib/systemd/system"
    shutil.copytree(CHECKOUT / "agent", site / "agent", ignore=shutil.ignore_patterns("__pycache__"))
    for name in WHEELS:
        for file in importlib.metadata.files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), site / file)
    shutil.copy(CHECKOUT / "packaging/deb/piazza", root / "usr/bin/piazza")
    (root / "usr/bin/piazza").chmod(0o755)
    shutil.copy(CHECKOUT / "systemd/lib/backoff", root / "usr/lib/piazza/backoff")
    for unit in (CHECKOUT / "systemd").iterdir():
        if unit.is_file():
            shutil.copy(unit, units)
    for kind in ("sysusers.d", "tmpfiles.d"):
        shutil.copy(CHECKOUT / "systemd" / kind / "piazza.conf", root / "usr/lib" / kind)
