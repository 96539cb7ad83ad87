"""A Debian with our units under a real PID 1, in a container of systemd-nspawn.

The root is made once with mmdebstrap and kept in .cache/. What the kernel adds only on a real node
(cgroup limits, device nodes, BPF address filters) is not seen here; the virtual node shows that.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import CHECKOUT

ROOT = CHECKOUT / ".cache/systemd-root"
PACKAGES = "systemd,systemd-sysv,dbus,udev,kmod,fdisk,nftables,python3,libstdc++6"
PYTHON = (3, 11)
"""What Debian 12 has; our own packages are lent to the container where they are for the same."""

COMMAND = """#!/bin/sh
PYTHONPATH=/usr/lib/piazza exec /usr/bin/python3 /usr/lib/piazza/probe.py "$@"
"""
FAILED_BEFORE = (
    "d /run/piazza-link 0700 piazza-link piazza -\nf /run/piazza-link/failures 0600 piazza-link piazza - 3\n"
)
"""One failure more, and link has to wait."""
SHORT_WATCHDOG = "[Service]\nWatchdogSec=2\nRestartSec=1\n"
COLLECT = """[Unit]
After=piazza.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'for i in $(seq 300); do sleep 0.5; \
 [ $(ls /var/lib/piazza/sense-*.json | wc -l) -ge 2 ] && [ $(ls /var/lib/piazza/inbox/link-*.json | wc -l) -ge 2 ] && break; done; \
 cp /var/lib/piazza/sense-*.json /var/lib/piazza/inbox/link-*.json /mnt/out; \
 cp /run/piazza-link/failures /mnt/out; \
 journalctl -b --no-pager -u piazza-sense -u piazza-link > /mnt/out/journal; systemctl poweroff'
"""


@dataclass(frozen=True, slots=True)
class Boot:
    """What one boot left behind: the probes' findings by role, one for each start, link's failures in a row, and the journal."""

    findings: dict[str, list[dict[str, str]]]
    failures: int
    journal: str


def made_root(mmdebstrap: str) -> Path:
    """The bare Debian, made when it is not there yet; about half a minute, and by one process at a time.

    It fetches as this machine's own apt does (proxy, accepted age of a mirror's index): a fresh apt knows none of that.

    Raises:
        RuntimeError: mmdebstrap cannot make it here; the message holds its last words.
    """
    ROOT.parent.mkdir(exist_ok=True)
    with ROOT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((ROOT / "usr/sbin" / name).exists() for name in ("nft", "sfdisk")):
            _make(mmdebstrap)
    return ROOT


def _make(mmdebstrap: str) -> None:
    """Beside its place and then into it, so that what lies there is whole."""
    fresh, habits = ROOT.with_suffix(".new"), ROOT.parent / "apt.conf"
    for folder in (ROOT, fresh):
        shutil.rmtree(folder, ignore_errors=True)
    habits.write_text(subprocess.check_output(["apt-config", "dump", "Acquire"], text=True))
    command = [mmdebstrap, "--variant=minbase", f"--aptopt={habits}", f"--include={PACKAGES}", "bookworm", str(fresh)]
    made = subprocess.run(
        ["timeout", "-k", "30", "700", *command],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise RuntimeError(" / ".join(made.stderr.splitlines()[-8:]) or f"it ended with {made.returncode}")
    fresh.rename(ROOT)


def installed(base: Path, root: Path) -> Path:
    """A copy of the bare Debian with our units, users, folders, keys and the probe as the command."""
    subprocess.run(["cp", "-a", "--reflink=auto", f"{base}/.", str(root)], check=True)
    units, library = root / "etc/systemd/system", root / "usr/lib/piazza"
    shutil.copytree(CHECKOUT / "agent", library / "agent")
    shutil.copy(CHECKOUT / "tests/systemd/probe.py", library)
    shutil.copy(CHECKOUT / "systemd/lib/backoff", library)
    for service in (CHECKOUT / "systemd").glob("*piazza*.*"):
        if service.is_file():
            shutil.copy(service, units)
    shutil.copy(CHECKOUT / "systemd/sysusers.d/piazza.conf", root / "usr/lib/sysusers.d")
    shutil.copy(CHECKOUT / "systemd/tmpfiles.d/piazza.conf", root / "usr/lib/tmpfiles.d")
    for name, text in {
        "usr/bin/piazza": COMMAND,
        "etc/piazza/node.yaml": "",
        "etc/piazza/keys/sign.pem": "",
        "etc/piazza/tls/key.pem": "",
        "etc/systemd/system/piazza-sense.service.d/short.conf": SHORT_WATCHDOG,
        "etc/systemd/system/piazza-link.service.d/short.conf": SHORT_WATCHDOG,
        "etc/systemd/system/collect.service": COLLECT,
        "etc/tmpfiles.d/failed-before.conf": FAILED_BEFORE,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "usr/bin/piazza").chmod(0o755)
    wants = units / "multi-user.target.wants"
    for unit in ("piazza.target", "collect.service"):
        (wants / unit).symlink_to(units / unit)
    return root


def lent() -> dict[Path, str]:
    """What the container borrows from here to infer with: our packages and a model."""
    site = next((Path(one) for one in sys.path if one.endswith("site-packages")), None)
    model = CHECKOUT / "models/nanodet_g_320x320_int8.tflite"
    if sys.version_info[:2] != PYTHON or site is None or not (site / "ai_edge_litert").is_dir() or not model.is_file():
        return {}
    return {site: "/usr/lib/piazza/site", model: "/usr/lib/piazza/model.tflite"}


def boot(nspawn: str, root: Path, out: Path) -> Boot:
    """Boot, wait until both services were probed, hung, killed and started again, and power off."""
    binds = [f"--bind-ro={source}:{target}" for source, target in lent().items()]
    command = [nspawn, "-q", "-D", str(root), "--register=no", "--keep-unit", "--private-network", *binds]
    command = ["timeout", "-s", "TERM", "-k", "30", "300", *command, f"--bind={out}:/mnt/out", "-b"]
    said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    journal = out / "journal"
    if not journal.exists():
        raise RuntimeError(f"{said.stdout[-500:]}{said.stderr[-500:]}".strip() or "nothing was said")
    findings: dict[str, list[dict[str, str]]] = {"sense": [], "link": []}
    for file in sorted(out.glob("*.json"), key=lambda one: one.stat().st_mtime):
        findings[file.name.partition("-")[0]].append(json.loads(file.read_text()))
    return Boot(findings, int((out / "failures").read_text()), journal.read_text())


if __name__ == "__main__":
    made_root(shutil.which("mmdebstrap") or "mmdebstrap")
