"""Processes that belong together: started, watched, started again when they die, ended together.

The invariant: none of them outlives the process that started them, however that one ends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agent.clock import Clock

PATIENCE_S = 10.0
"""How long a process may take to end before it is killed."""
BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Waits before the first, second, ... restart; one that ran for a minute begins at the first again."""
STEADY_S = 60.0
GUARDED = 'test "$PPID" = "$0" && exec "$@"'
"""For sh: who was orphaned before the kernel knew whose end to report must not start at all."""
USERS_FAULT = 2
"""The exit code of a process that no restart will help."""


@dataclass(slots=True)
class Member:
    """One process and how often it had to be started."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path | None
    ends: bool = False
    """True when it may end by itself, with exit code 0."""
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    started_at: float = 0.0
    due: float = 0.0
    falls: int = 0

    @property
    def state(self) -> str:
        """One word for a person."""
        if self.process is None:
            return "waiting"
        code = self.process.poll()
        if code is None:
            return "running"
        return "done" if self.ends and code == 0 else "dead"

    @property
    def hopeless(self) -> bool:
        """Whether it ended at its first start with a word for the person who set it up."""
        return self.starts == 1 and self.process is not None and self.process.poll() == USERS_FAULT


@dataclass(slots=True)
class Crew:
    """Owned by one thread."""

    clock: Clock
    members: list[Member] = field(default_factory=list)

    def add(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        log: Path | None = None,
        ends: bool = False,
    ) -> Member:
        """Start a process now; what it prints goes to `log`, or to our own output where that is None."""
        member = Member(name, command, environment or {}, log, ends=ends)
        self.members.append(member)
        self._start(member)
        return member

    def look(self) -> list[Member]:
        """Start again what died; the members that were found dead by this call."""
        died = [member for member in self.members if member.state == "dead"]
        for member in died:
            member.process = None
            steady = self.clock.monotonic() - member.started_at >= STEADY_S
            member.falls = 0 if steady else member.falls
            member.due = self.clock.monotonic() + BACK_OFF_S[min(member.falls, len(BACK_OFF_S) - 1)]
            member.falls += 1
        for member in self.members:
            if member.process is None and self.clock.monotonic() >= member.due:
                self._start(member)
        return died

    def end(self, member: Member) -> None:
        """Ask a process to end, and see to it."""
        if member.process is None or member.process.poll() is not None:
            return
        member.process.terminate()
        try:
            member.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            member.process.kill()
            member.process.wait()

    def end_all(self) -> None:
        """End the crew, the last one first."""
        for member in reversed(self.members):
            self.end(member)

    def _start(self, member: Member) -> None:
        output = member.log.open("ab") if member.log else None
        try:
            # A group of its own: Ctrl-C reaches us alone, and we end the others in order.
            member.process = subprocess.Popen(
                [*_guard(), *member.command],
                env={**os.environ, **member.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()
        member.starts += 1
        member.started_at = self.clock.monotonic()


def _guard() -> list[str]:
    """What makes a process end with ours; without setpriv (util-linux) a kill -9 of ours leaves the others running."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "sh", "-c", GUARDED, str(os.getpid())] if setpriv else []
