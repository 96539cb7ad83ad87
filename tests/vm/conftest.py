"""On which rung a machine stands here: a Linux of its own (uml), or a container of this one's (nspawn).

`VM=nspawn` or `VM=uml` asks for one; without it the first that this machine allows is taken, and its name is printed.
`VM=nspawn RELEASE=trixie` is that container with Debian 13 and the packages of `make deb RELEASE=trixie`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT
from tests.vm import authority as other_side
from tests.vm.authority import NAME, PIAZZA
from tests.vm.guest import Guest, cut, flashed_image, kernel, made_root, tap
from tests.vm.machine import HERE, Machine, flashed, made_base, plug_in, unplug
from tests.vm.updates import Updates

RELEASE = {"bookworm": ("bookworm", "deb12"), "trixie": ("trixie", "deb13")}[os.environ.get("RELEASE", "bookworm")]
"""Debian's name of it, and the end of our packages' version."""
CONFIG = f"""version: 1
node: {{union: romagna-faentina, comune: brisighella, id: n-0017}}
uplink:
  broker: {{host: {HERE}, ca: /etc/piazza/tls/ca.pem, certificate: /etc/piazza/tls/node.pem, key: /etc/piazza/tls/key.pem}}
sensors:
  - {{driver: host, period_s: 2}}
rules:
  - {{kind: limit, id: alive, quantity: uptime_s, above: 1}}
"""
PARTS = """
  - {driver: door, id: cabinet, pin: 27, chatter_per_min: 600}
cameras:
  - {id: gate, input: {driver: video, source: /dev/camera, fps: 1}, view: {masks: []}}
rules:
  - {kind: presence, id: cabinet-open, quantity: open, event: sensor, dwell_s: 0, clear_s: 0}
  - {kind: presence, id: part-fails, quantity: fault, event: sensor, severity: warning, stale_s: 86400}
"""


def deb(pattern):
    found = sorted((CHECKOUT / "dist").glob(pattern))
    if not found:
        pytest.fail(f"no dist/{pattern}: make deb")
    return str(found[-1])


@pytest.fixture(scope="session")
def rung():
    """The rung's name and, for uml, its kernel; a kernel that was never built is built."""
    asked = os.environ.get("VM", "")
    made = kernel(build=True) if asked != "nspawn" else None
    why = "it was asked for" if asked == "nspawn" else "no kernel could be built" if made is None else tap()
    cut()
    if asked == "uml" and why:
        pytest.fail(f"rung uml: {why}")
    print(f"\nrung: nspawn (not uml: {why})" if why else "\nrung: uml")
    return ("nspawn", None) if why else ("uml", made)


@pytest.fixture(scope="session")
def authority(rung, tmp_path_factory):
    """Broker, enrolment and store on this side of the cable."""
    lay, take = (tap, cut) if rung[0] == "uml" else (plug_in, unplug)
    lay()
    try:
        with other_side.authority(tmp_path_factory.mktemp("authority")) as bench:
            yield bench
    finally:
        take()


@pytest.fixture(scope="session")
def store(authority):
    """Begin the union's store."""
    started = []
    yield lambda: started.append(other_side.begun_store(authority))
    other_side.ended(started)


@pytest.fixture(scope="session")
def updates(authority, tmp_path_factory):
    """The union's authority of updates, which the machine believes from its first boot on."""
    return Updates(authority, tmp_path_factory.mktemp("updates"))


@pytest.fixture(scope="session")
def machine(rung, authority, updates, *, program, tmp_path_factory, request):
    """A machine whose card was flashed and prepared; it has never been on."""
    folder = tmp_path_factory.mktemp("machine")
    name, made = rung
    card = flashed_image(folder / "boot.img") if made else flashed(folder / "card")
    release, suffix = RELEASE
    debs = packages(release=suffix)
    code = prepare(card, folder / "node.yaml", authority, parts=name == "uml", debs=debs, updates=updates.root)
    if made:
        one: Guest | Machine = Guest(folder, card, made, made_root())
    else:
        (folder / "root").mkdir()
        container = Machine(folder / "root", card, program("systemd-nspawn"))
        container.flash(made_base(program("mmdebstrap"), release))
        one = container
    one.code = code
    try:
        yield one
        if request.session.testsfailed and one.process:
            print(
                one.inside(
                    "journalctl", "--no-pager", "-b", "-n", "100", "-u", "piazza-*", "-u", "nftables-piazza"
                ).stdout
            )
    finally:
        one.power_off()
        shutil.rmtree(folder, ignore_errors=True)


def packages(*, release: str = "deb12", architecture: str = "amd64") -> list[str]:
    """Both packages of `make deb`."""
    return [deb(f"piazza_*{release}_{architecture}.deb"), deb(f"piazza-node_*{release}_all.deb")]


def prepare(
    card: Path,
    config: Path,
    authority,
    *,
    parts: bool,
    debs: Sequence[str],
    updates: Path | None = None,
    more: Sequence[str] = (),
) -> str:
    """`piazza image`, with the packages that first boot is to install; pins and a door where the machine has any.

    Gives back the code of the label.
    """
    config.write_text(CONFIG.replace("\nrules:", PARTS.rstrip()) if parts else CONFIG)
    command = [*PIAZZA, "image", str(card), "--node", NAME, "--keys", str(authority.folder), "--broker", HERE]
    command += ["--config", str(config), *(word for package in debs for word in ("--deb", package))]
    command += [*(["--updates", str(updates)] if updates else []), *more]
    said = subprocess.run(command, check=True, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True).stdout
    return said.rstrip().rpartition("#")[2]
