"""Every rung of the virtual node, one after the other, with a table at the end: `make vm-all`.

A rung that cannot stand here says why; on CI (`CI=true`) that is a failure, as everywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.clock import SystemClock
from tests.conftest import CHECKOUT

PYTEST = (sys.executable, "-m", "pytest", "-q", "-s", "-rs", "-p", "no:randomly", "-p", "no:cacheprovider")
ALONE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""In a network of its own, so that a cable of the same name may lie elsewhere."""
SKIPPED, FOUND_NOTHING = 77, 5
"""Exit codes: of our own scripts, and of pytest where no test was left."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step towards a real board: what it shows that the one before does not."""

    name: str
    shows: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    fetch: tuple[str, ...] = ()
    """What is done before, with this machine's network; where it fails the rung itself says so."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a rung went; `why` is the last word where it did not hold."""

    rung: Rung
    said: str
    minutes: float
    why: str = ""


READY = Rung(
    "ready",
    "card, units and chain on Debian's own user-mode Linux, which has no firewall, pins or camera",
    (*ALONE, *PYTEST, "-x", "tests/vm/ready.py"),
    fetch=(sys.executable, "-m", "tests.systemd.container"),
)
"""Nothing is compiled for it, so `make test` climbs it too."""
LADDER = (
    Rung("nspawn", "card, packages, units, firewall, enrolment", (*PYTEST, "tests/vm/first_boot.py"), {"VM": "nspawn"}),
    Rung(
        "trixie",
        "the same on Debian 13 and Python 3.13",
        (*PYTEST, "tests/vm/first_boot.py"),
        {"VM": "nspawn", "RELEASE": "trixie"},
    ),
    Rung("package", "installed without systemd, upgraded, removed, purged", (*PYTEST, "tests/vm/package.py")),
    READY,
    Rung("pins", "pins, I2C and IIO of a kernel", ("tests/sensors/kernel/boot",)),
    Rung(
        "uml",
        "1970, cloud-init; pulled camera, pins and cable; bad network, memory limits; power cuts, at random and between writes",
        (*PYTEST, *(f"tests/vm/{name}.py" for name in ("first_boot", "pulls", "strain", "cuts", "replay"))),
        {"VM": "uml"},
    ),
    Rung(
        "arm64-trixie",
        "installed by apt on Debian 13 for the boards' processors, purged",
        (*PYTEST, "tests/vm/arm64_trixie.py"),
    ),
    Rung(
        "arm64",
        "the boards' processors: models bit for bit, a whole boot",
        (*ALONE, *PYTEST, "tests/vm/arm64.py"),
        fetch=("tools/vm/arm64",),
    ),
)


def run(rung: Rung, clock: SystemClock) -> Result:
    """Climb one rung; its output is shown as it comes."""
    print(f"\n== {rung.name}: {rung.shows}", flush=True)
    began = clock.monotonic()
    environment = {**os.environ, **rung.environment}
    if rung.fetch:
        subprocess.run(rung.fetch, cwd=CHECKOUT, check=False, stdout=subprocess.DEVNULL)
    with subprocess.Popen(rung.command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        lines = [line for line in process.stdout or () if print(line, end="", flush=True) is None]
    code = process.returncode
    skips = [line for line in lines if line.startswith("SKIPPED")]
    said = "skip" if code in {SKIPPED, FOUND_NOTHING} or (code == 0 and skips) else "fail" if code else "ok"
    why = skips[0].strip() if skips else (lines[-1].strip() if lines and said != "ok" else "")
    return Result(rung, said, (clock.monotonic() - began) / 60, why)


def main() -> int:
    """Climb all, or those that are named; 1 when one fails, or is skipped on CI."""
    wanted = [rung for rung in LADDER if rung.name in sys.argv[1:] or not sys.argv[1:]]
    results = [run(rung, SystemClock()) for rung in wanted]
    print(f"\n{'rung':8} {'':4} {'min':>5}  what it shows")
    for result in results:
        print(f"{result.rung.name:8} {result.said:4} {result.minutes:5.1f}  {result.rung.shows}")
        if result.why:
            print(f"{'':20} {result.why}")
    refused = {"fail", "skip"} if os.environ.get("CI") == "true" else {"fail"}
    return int(any(result.said in refused for result in results))


if __name__ == "__main__":
    sys.exit(main())
