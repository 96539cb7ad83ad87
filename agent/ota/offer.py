"""What is offered to this node, believed or refused: from a bundle to the files of one update.

The invariant: nothing is believed that is older than what this node has believed before, even if its
cache of metadata is lost; the floors of the ledger decide, the cache only saves work.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from agent.contract.topics import NodeName
from agent.errors import Refused
from agent.ota import bundle
from agent.ota.ledger import Attempt, Floors, Ledger, State, Wanted
from agent.ota.metadata import Target, Trust
from agent.ota.releases import CARD, CONFIG

MAX_FILES = 16
_FILE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed with a node's configuration: its number, and the paths of the files that belong to it."""

    seq: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    files: Annotated[tuple[str, ...], Meta(max_length=MAX_FILES)] = ()


class NotOurTurn(Refused):
    """A bundle that other nodes may apply and this one not yet, or no longer."""


@dataclass(frozen=True, slots=True)
class Instant:
    """When something is judged: `sure` when the clock of the machine was set by others that know."""

    at: float
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Offers:
    """Judges bundles for one node; `folder` holds its cache of metadata, `bootstrap` its first root."""

    name: NodeName
    folder: Path
    bootstrap: bytes
    ledger: Ledger

    def judge(self, content: bytes, now: Instant) -> Attempt | None:
        """The update that a bundle orders; None where it has none for this node, or one that it had before.

        NotOurTurn, or Refused in the words of `metadata.WHY`, or with `seq` for an order older than one staged.
        """
        offered = bundle.read(content)
        if offered.turn is not None and self.name.node not in offered.turn:
            raise NotOurTurn("turn", "it is other nodes' turn")
        floors = self.ledger.floors()
        at = max(now.at, floors.clock)
        scratch = self._scratch()
        trust = Trust(_look(offered), cache=scratch, bootstrap=self.bootstrap, at=at)
        config = trust.target(f"{self.name.comune}/{self.name.node}/{CONFIG}")
        consent = self._consent(trust)
        versions = trust.versions(self.name.comune, *([self._second] if consent else []))
        _check_versions(versions, floors)
        found = self._ordered(trust, config, consent, offered, content) if config else None
        self._keep(scratch)
        self.ledger.raise_to(Floors(versions, clock=now.at if now.sure else 0.0))
        return found

    def _ordered(
        self, trust: Trust, config: Target, consent: Target | None, offered: bundle.Bundle, content: bytes
    ) -> Attempt | None:
        order = _order(config)
        before, floors = self.ledger.attempt(), self.ledger.floors()
        if before and before.state is not State.IDLE and (before.seq, before.config) == (order.seq, config.sha256):
            return None  # done, refused or under way
        if order.seq <= floors.seq:
            raise Refused("seq", f"order {order.seq}, this node has staged {floors.seq}")
        files = (_wanted(config, offered), *(self._file(trust, path, offered) for path in order.files))
        if sum(part.length for part in files) > bundle.MAX_RELEASE_BYTES:
            raise Refused("too-long", f"an order of more than {bundle.MAX_RELEASE_BYTES} bytes")
        return Attempt(
            state=State.FETCHING,
            seq=order.seq,
            config=config.sha256,
            bundle=bundle.digest(content),
            files=files,
            consent=_wanted(consent, offered) if consent else None,
        )

    @property
    def _second(self) -> str:
        """The role of the comune's second key."""
        return f"{self.name.comune}.consent"

    def _consent(self, trust: Trust) -> Target | None:
        """What the comune's second key has signed for this node; a role that was never used offers nothing."""
        if self._second not in trust.named():
            return None
        return trust.target(f"consent/{self.name.comune}/{self.name.node}.json")

    def _file(self, trust: Trust, path: str, offered: bundle.Bundle) -> Wanted:
        """A file of the order, which only this comune's role may vouch for."""
        found = trust.target(path) if path.startswith(f"{self.name.comune}/") else None
        if found is None:
            raise Refused("absent", f"nobody vouches for '{path}'")
        wanted = _wanted(found, offered)
        if wanted.name in (CONFIG, CARD):
            raise Refused("malformed", f"'{wanted.name}' is no name for a further file")
        return wanted

    def _scratch(self) -> Path:
        """A copy of the cache to try on, so that what is refused leaves no trace."""
        scratch = self.folder / ".metadata"
        shutil.rmtree(scratch, ignore_errors=True)
        if (self.folder / "metadata").is_dir():
            _copy(self.folder / "metadata", scratch)
        else:
            scratch.mkdir(mode=0o750, parents=True)
        return scratch

    def _keep(self, scratch: Path) -> None:
        """What was believed becomes the cache; a power cut here may cost the cache, which costs nothing."""
        shutil.rmtree(self.folder / "metadata", ignore_errors=True)
        scratch.replace(self.folder / "metadata")


def _copy(source: Path, to: Path) -> None:
    """Content and links, without modes: a folder's mode says whose group its files get, and the service may not set that."""
    to.mkdir(mode=0o750)
    for path in source.iterdir():
        if path.is_symlink():
            (to / path.name).symlink_to(path.readlink())
        elif path.is_dir():
            _copy(path, to / path.name)
        else:
            shutil.copyfile(path, to / path.name)


def _look(offered: bundle.Bundle) -> Callable[[str], bytes | None]:
    def look(name: str) -> bytes | None:
        text = offered.documents.get(name)
        return None if text is None else text.encode("utf-8", "surrogatepass")

    return look


def _check_versions(versions: dict[str, int], floors: Floors) -> None:
    for role, version in versions.items():
        floor = floors.versions.get(role, 0)
        if version < floor:
            raise Refused("version", f"{role} {version}, this node has seen {floor}")


def _order(config: Target) -> Order:
    try:
        return msgspec.convert(dict(config.custom), Order)
    except msgspec.ValidationError as error:
        raise Refused("malformed", f"{config.path}: no order: {error}") from error


def _wanted(target: Target, offered: bundle.Bundle) -> Wanted:
    name = target.path.rpartition("/")[2]
    try:
        msgspec.convert(name, Annotated[str, Meta(pattern=_FILE)])
    except msgspec.ValidationError as error:
        raise Refused("malformed", f"'{target.path}' is no name of a file") from error
    chunks = offered.chunks.get(target.sha256)
    if chunks is None and target.length:
        raise Refused("absent", f"the bundle does not say what makes '{target.path}'")
    return Wanted(name, target.length, target.sha256, chunks or ())
