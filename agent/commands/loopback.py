"""A mosquitto of our own on loopback, with the settings and the access list of a real one."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.errors import UserError
from agent.files import write_atomic
from agent.governance.box import Box, settings
from agent.provision.bench import Bench
from agent.transport.loopback import HOST


def prepare(folder: Path, bench: Bench, access: str, *, port: int) -> list[str]:
    """Write what the broker reads; the command that starts it."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise UserError("mosquitto is not installed", hint="sudo apt-get install mosquitto")
    box = Box(folder)
    box.state.mkdir(parents=True, exist_ok=True)
    write_atomic(box.access, access.encode("ascii"), mode=0o600)
    text = settings(box, port=port, host=HOST, ca=bench.ca, certificate=bench.broker.certificate, key=bench.broker.key)
    # Started by root it would become another user, who cannot read our files.
    box.settings.write_text(f"{text}user {folder.owner()}\n", encoding="utf-8")
    return [program, "-c", str(box.settings)]
