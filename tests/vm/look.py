"""What the node's disk holds, told by the node's own code inside the machine: `python3 - < look.py` as root there.

It is asked right after a boot, before anything has gone on with what the supply has cut.
"""

import json
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, "/usr/lib/piazza/site")

from agent.aim.report import verified
from agent.errors import Refused
from agent.ota.ledger import Ledger
from agent.ota.releases import RealDisk, Releases
from agent.provision.keys import load_ring

STATE, ETC = Path("/var/lib/piazza"), Path("/etc/piazza")


def sound(path: Path) -> bool:
    return sqlite3.connect(f"file:{path}?mode=rw", uri=True).execute("PRAGMA quick_check").fetchall() == [("ok",)]


def signed(path: Path) -> bool:
    """A report of acceptance is whole when the node's signature is."""
    try:
        return bool(verified(path.read_text(), load_ring(ETC / "keys/ring.json")))
    except Refused:
        return False


outbox, folder = STATE / "outbox.sqlite", STATE / "ota"
(tail,) = (
    sqlite3.connect(f"file:{outbox}?mode=ro", uri=True).execute("SELECT value FROM meta WHERE key = 'tail'").fetchone()
)
running = Releases(folder, RealDisk()).running()
attempt = Ledger(folder / "ota.sqlite").attempt()
wanted = {chunk for part in attempt.files for chunk in part.chunks} if attempt else set()
there = sum((STATE / "shelf" / chunk[:32]).exists() for chunk in wanted)
whole = {
    "outbox": sound(outbox),
    "ledger": sound(folder / "ota.sqlite"),
    "release": Releases(folder, RealDisk()).whole(running),
    "reports": all(signed(path) for path in (ETC / "acceptance").glob("*.jws")),
}
print(
    json.dumps(
        {
            "broken": [name for name, is_whole in whole.items() if not is_whole],
            "newest": int(tail.partition(" ")[0]),
            "running": running,
            "order": attempt.seq if attempt else 0,
            "state": attempt.state if attempt else "idle",
            "chunks": [there, len(wanted)],
            "reports": len([*(ETC / "acceptance").glob("*.jws")]),
        }
    )
)
