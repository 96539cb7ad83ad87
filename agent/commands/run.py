"""`piazza run`: sense and link as two processes under one command, for a bench without systemd.

They know nothing of one another but the outbox, as on a node. One that dies is started again with a
growing pause; one that says that its configuration is wrong ends the command.
"""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from pathlib import Path

from agent import logs
from agent.clock import SystemClock
from agent.config import load
from agent.crew import USERS_FAULT, Crew
from agent.notify import on_end

log = logging.getLogger(__name__)

LOOK_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("/etc/piazza/node.yaml"), help="the node's configuration")


def run(options: argparse.Namespace) -> int:
    logs.start()
    load(options.config)  # everything that is wrong with it is said once, before anything starts
    stop = threading.Event()
    on_end(stop.set)
    crew = Crew(SystemClock())
    try:
        return _mind(crew, options.config, stop)
    finally:
        crew.end_all()  # sense first, so that link still carries its good-bye


def _mind(crew: Crew, config: Path, stop: threading.Event) -> int:
    """Until a signal, the end of the picture, or a fault that only a person can mend."""
    for name in ("link", "sense"):
        crew.add(name, [sys.executable, "-m", "agent", name, "--config", str(config)], ends=name == "sense")
    while not stop.wait(LOOK_S):
        if any(member.hopeless for member in crew.members):
            return USERS_FAULT
        for member in crew.look():
            log.warning("a process has died and is started again", extra={"verb": member.name})
        if any(member.state == "done" for member in crew.members):
            return 0
    return 0
