"""The authority's folder: plain files for git, what is signed apart from what still waits for signatures.

    authority.yaml   keys/NAME.pub.pem   online/online.pem (private, never in git)
    metadata/VERSION.ROLE.json timestamp.json   drafts/ROLE.json   targets/SHA256

The invariant: `metadata/` holds only documents that their committees signed; a draft moves there when
the last signature that it needs has come, and the online roles are renewed with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from agent.contract.topics import NAME, NAMED
from agent.documents import read
from agent.errors import UserError
from agent.files import write_atomic
from agent.ota import keys, metadata
from agent.ota.metadata import Committee, Delegation, Target

SETTINGS = "authority.yaml"
ONLINE = ("snapshot", "timestamp")
TOP = ("root", "targets", *ONLINE)
CONSENT = ".consent"
"""Ends the name of the role of a comune's second key."""
DAY_S = 86400.0
Days = Annotated[int, Meta(ge=1, le=3650)]


class Periods(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long each kind of document is valid, in days."""

    root: Days = 730
    targets: Days = 365
    comune: Days = 365
    online: Days = 30


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document `authority.yaml`."""

    version: Literal[1]
    union: Annotated[str, Meta(pattern=NAME, description=NAMED)]
    days: Periods = Periods()


@dataclass(frozen=True, slots=True)
class Need:
    """A committee that a draft waits for, and who of it has signed."""

    committee: Committee
    signed: frozenset[str]

    @property
    def met(self) -> bool:
        return len(self.signed) >= self.committee.threshold


@dataclass(frozen=True, slots=True)
class Authority:
    """One union's authority."""

    folder: Path

    @property
    def settings(self) -> Settings:
        path = self.folder / SETTINGS
        if not path.is_file():
            raise UserError(f"{self.folder}: no authority here", hint="make one with: piazza ota init DIR")
        return read(path, Settings)

    @property
    def names(self) -> dict[str, str]:
        """Key id -> the name of whose it is."""
        return keys.names(self.folder / "keys")

    def version(self, role: str) -> int:
        """The newest signed version of a role, 0 where there is none yet."""
        if role == "timestamp":
            found = self.signed(role)
            return metadata.facts(found).version if found else 0
        names = (self.folder / "metadata").glob(f"*.{role}.json")
        numbers = (path.name.split(".", 1) for path in names)
        return max((int(number) for number, rest in numbers if rest == f"{role}.json" and number.isdigit()), default=0)

    def signed(self, role: str, version: int | None = None) -> bytes | None:
        """The newest signed document of a role, or a certain one."""
        if role == "timestamp":
            path = self.folder / "metadata" / "timestamp.json"
        else:
            path = self.folder / "metadata" / f"{version or self.version(role)}.{role}.json"
        return path.read_bytes() if path.is_file() else None

    def draft(self, role: str) -> bytes | None:
        path = self.folder / "drafts" / f"{role}.json"
        return path.read_bytes() if path.is_file() else None

    def latest(self, role: str) -> bytes | None:
        """The draft of a role where there is one, else what is signed."""
        return self.draft(role) or self.signed(role)

    def drafts(self) -> list[str]:
        """Roles with a draft, in the order in which they must be signed."""
        found = {path.stem for path in (self.folder / "drafts").glob("*.json")}
        return [role for role in ("root", "targets") if role in found] + sorted(found - {"root", "targets"})

    def put_draft(self, role: str, document: bytes) -> None:
        """Take a document up for signing, in place of an older draft."""
        write_atomic(self.folder / "drafts" / f"{role}.json", document)

    def put_target(self, content: bytes) -> str:
        """Keep a file that metadata vouches for; its SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        write_atomic(self.folder / "targets" / digest, content)
        return digest

    def content(self, target: Target) -> bytes:
        """The file that a target names."""
        path = self.folder / "targets" / target.sha256
        if not path.is_file():
            raise UserError(f"{target.path}: its content is missing in {path.parent}", hint="restore it from git")
        return path.read_bytes()

    def delegations(self) -> dict[str, Committee]:
        """Role -> committee of all comuni and their second keys, drafts included."""
        document = self.latest("targets")
        return metadata.committees(document) if document else {}

    def comuni(self) -> list[str]:
        """Comuni to which the union has handed on."""
        return sorted(role for role in self.delegations() if not role.endswith(CONSENT))

    def needs(self, role: str) -> list[Need]:
        """Who must sign the draft of a role: a root also what the root before it says."""
        document = self.draft(role)
        if document is None:
            return []
        return [Need(each, metadata.signers(document, each)) for each in self._committees(role, document)]

    def _committees(self, role: str, document: bytes) -> Iterator[Committee]:
        if role == "root":
            before = self.signed("root")
            for root in (before, document) if before else (document,):
                yield metadata.committees(root)["root"]
        elif role == "targets":
            yield self._appointed("root", role)
        else:
            yield self._appointed("targets", role)

    def _appointed(self, by: str, role: str) -> Committee:
        document = self.latest(by)
        found = metadata.committees(document).get(role) if document else None
        if found is None:
            raise UserError(f"nobody is appointed for '{role}'", hint="piazza ota delegate appoints a comune")
        return found

    def promote(self, at: float) -> list[str]:
        """Move every draft that is wholly signed to what counts, and renew the online roles; what moved."""
        moved = [role for role in self.drafts() if self._promote(role)]
        if moved:
            self.renew(at)
        return moved

    def _promote(self, role: str) -> bool:
        above = {"root": None, "targets": "root"}.get(role, "targets")
        if above in self.drafts() or not all(need.met for need in self.needs(role)):
            return False  # whoever appoints comes first
        document = self.draft(role) or b""
        write_atomic(self.folder / "metadata" / f"{metadata.facts(document).version}.{role}.json", document)
        (self.folder / "drafts" / f"{role}.json").unlink()
        return True

    def renew(self, at: float) -> None:
        """Sign snapshot and timestamp anew with the online key; nothing while root or targets are not signed."""
        if not (self.version("root") and self.version("targets")):
            return
        pen = keys.pen(self.folder / "online" / "online.pem")
        if pen.id not in self._appointed("root", "timestamp").ids:
            raise UserError(
                f"{self.folder}/online/online.pem is not the key that the root appoints", hint="put the new key there"
            )
        expires = at + self.settings.days.online * DAY_S
        roles = ("targets", *self.delegations())
        versions = {role: self.version(role) for role in roles if self.version(role)}
        number = self.version("snapshot") + 1
        named = _signed(metadata.snapshot(version=number, expires=expires, versions=versions), pen)
        newest = metadata.timestamp(
            version=self.version("timestamp") + 1, expires=expires, of=named, snapshot_version=number
        )
        write_atomic(self.folder / "metadata" / f"{number}.snapshot.json", named)
        write_atomic(self.folder / "metadata" / "timestamp.json", _signed(newest, pen))


def found(folder: Path, union: str, *, root: Sequence[Path], targets: Sequence[Path], at: float) -> Authority:
    """A new authority in an empty folder: drafts of the first root and targets, 2 of 3 each."""
    if (folder / SETTINGS).exists():
        raise UserError(f"{folder}: an authority is here already", hint="take another folder")
    for part in ("keys", "metadata", "drafts", "targets", "online"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_atomic(folder / ".gitignore", b"online/\n")
    write_atomic(folder / SETTINGS, f"version: 1\nunion: {union}\n".encode())
    authority = Authority(folder)
    days = authority.settings.days
    online = committee(authority, [keys.make(folder / "online" / "online.pem")], 1)
    two_of_three = {"root": committee(authority, root, 2), "targets": committee(authority, targets, 2)}
    roles = two_of_three | dict.fromkeys(ONLINE, online)
    authority.put_draft("root", metadata.root(version=1, expires=at + days.root * DAY_S, committees=roles))
    authority.put_draft("targets", metadata.targets(version=1, expires=at + days.targets * DAY_S))
    return authority


def committee(authority: Authority, files: Sequence[Path], threshold: int) -> Committee:
    """The public keys in these files, which the authority from now on knows by name."""
    publics = tuple(keys.public(path) for path in files)
    if len(set(publics)) < max(threshold, len(files)):
        raise UserError(f"{len(set(publics))} different keys were given where {threshold} must sign", hint="add keys")
    for path in files:
        write_atomic(authority.folder / "keys" / f"{keys.name(path)}{keys.PUBLIC}", path.read_bytes())
    return Committee(publics, threshold)


def delegation(comune: str, appointed: Committee) -> Delegation:
    """What a comune's committee answers for: files of its nodes and nothing else."""
    return Delegation(comune, appointed, (f"{comune}/*/*",))


def consent(comune: str, appointed: Committee) -> Delegation:
    """What a comune's second key answers for: its consent to what loosens a floor."""
    return Delegation(comune + CONSENT, appointed, (f"consent/{comune}/*",))


def _signed(document: bytes, pen: keys.Pen) -> bytes:
    return metadata.with_signature(document, pen.id, pen.sign(metadata.facts(document).body))
