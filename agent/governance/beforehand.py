"""Access lists made beforehand, one for each instant at which rights change: for an end that waits for nobody.

`switch` lies beside them and puts the one in force whose time has come, with a shell and a clock alone. What a broker must be
told besides, act by act, lies there too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.files import write_atomic

_WORDS = "words."
_SWITCH = Path(__file__).with_name("switch.sh")


@dataclass(frozen=True, slots=True)
class Beforehand:
    """The folder `access`.d of the access list `access`."""

    access: Path

    @property
    def folder(self) -> Path:
        return self.access.with_name(f"{self.access.name}.d")

    @property
    def switch(self) -> Path:
        """The program: `sh SWITCH ACCESS [PIDFILE or RABBITMQCTL]`."""
        return self.folder / "switch"

    def lists(self) -> Iterator[Path]:
        """What is to come, the next one first."""
        yield from sorted(self.folder.glob("[0-9]*"))

    def keep(
        self,
        source: str,
        made: Mapping[int, Callable[[], str]],
        *,
        at: float,
        words: Mapping[int, Callable[[], str]] | None = None,
    ) -> None:
        """Let the lists of `made` (second -> how to make it) lie there, and none whose time had come by `at`.

        `words` are what is told besides at such a second, an act and a name a line.
        They are made anew only where `source`, which tells what they come from, is another than the last time.
        """
        told = self.folder / "source"
        if not told.exists() or told.read_text(encoding="ascii") != source:
            told.unlink(missing_ok=True)
            spoken = {_WORDS + _name(second): make for second, make in (words or {}).items()}
            self._replace({_name(second): make for second, make in made.items()} | spoken)
            write_atomic(told, source.encode("ascii"))
        for path in self.lists():
            if path.name <= _name(int(at)):
                path.unlink(missing_ok=True)
                path.with_name(_WORDS + path.name).unlink(missing_ok=True)

    def _replace(self, made: Mapping[str, Callable[[], str]]) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        write_atomic(self.switch, _SWITCH.read_bytes(), mode=0o700)
        for path in (*self.lists(), *self.folder.glob(f"{_WORDS}*")):
            if path.name not in made:
                path.unlink(missing_ok=True)
        for name, make in made.items():
            write_atomic(self.folder / name, make().encode("ascii"), mode=0o600)


def _name(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y%m%d%H%M%S")
