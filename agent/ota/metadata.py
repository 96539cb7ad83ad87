"""TUF documents as bytes: made, signed by committees, and judged; the only file that knows python-tuf.

What an authority makes is read back by `Trust`, which is python-tuf's own client with our clock and
our way of fetching. A refusal is always `Refused` with one word of `WHY`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from securesystemslib.signer import Key, Signature, SSlibKey
from tuf.api import exceptions
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from agent.errors import Refused

PLACE = "piazza:///"
"""Stands where python-tuf wants an address; nothing is ever asked there."""

LIMITS = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=8,
    root_max_length=32_768,
    timestamp_max_length=4_096,
    snapshot_max_length=65_536,
    targets_max_length=196_608,
    prefix_targets_with_hash=False,
)
"""The most that a node reads of each document, whatever is offered."""

WHY: dict[type[Exception], str] = {
    exceptions.ExpiredMetadataError: "expired",
    exceptions.BadVersionNumberError: "version",
    exceptions.UnsignedMetadataError: "threshold",
    exceptions.LengthOrHashMismatchError: "mismatch",
    exceptions.DownloadLengthMismatchError: "too-long",
    exceptions.DownloadHTTPError: "absent",
    exceptions.DownloadError: "absent",
    exceptions.RepositoryError: "malformed",
}
"""What python-tuf raises -> our word for it; the first that fits."""

Look = Callable[[str], bytes | None]
"""Gives the bytes that somebody offers under a name such as `3.snapshot.json`; None where there is nothing."""


@dataclass(frozen=True, slots=True)
class Committee:
    """Public keys of which `threshold` must sign."""

    keys: tuple[bytes, ...]
    threshold: int

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(map(key_id, self.keys))


@dataclass(frozen=True, slots=True)
class Delegation:
    """A committee that answers for the targets under `paths`, and for no other."""

    name: str
    committee: Committee
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A file that metadata vouches for; `custom` is signed with it."""

    path: str
    length: int
    sha256: str
    custom: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document says of itself; `expires` is an instant."""

    kind: str
    version: int
    expires: float
    signers: tuple[str, ...]
    body: bytes


def key_id(public: bytes) -> str:
    """How a key is called in metadata."""
    return hashlib.sha256(public).hexdigest()


def root(*, version: int, expires: float, committees: Mapping[str, Committee]) -> bytes:
    """A root document for the four top-level roles."""
    made = Root(version=version, expires=_date(expires), consistent_snapshot=True)
    for role, committee in committees.items():
        made.roles[role] = Role(list(committee.ids), committee.threshold)
        made.keys |= _keys(committee)
    return _written(Metadata(made))


def targets(
    *, version: int, expires: float, offered: Sequence[Target] = (), delegations: Sequence[Delegation] = ()
) -> bytes:
    """A targets document: the files it vouches for, and to whom it hands on."""
    keys: dict[str, Key] = {}
    roles: dict[str, DelegatedRole] = {}
    for each in delegations:
        keys |= _keys(each.committee)
        ids, threshold = list(each.committee.ids), each.committee.threshold
        roles[each.name] = DelegatedRole(each.name, ids, threshold, terminating=True, paths=list(each.paths))
    made = Targets(version=version, expires=_date(expires), delegations=Delegations(keys, roles) if roles else None)
    for one in offered:
        extra = {"custom": dict(one.custom)} if one.custom else None
        made.targets[one.path] = TargetFile(one.length, {"sha256": one.sha256}, one.path, extra)
    return _written(Metadata(made))


def snapshot(*, version: int, expires: float, versions: Mapping[str, int]) -> bytes:
    """Names the one version of every targets document that belongs together."""
    meta = {f"{role}.json": MetaFile(number) for role, number in versions.items()}
    return _written(Metadata(Snapshot(version=version, expires=_date(expires), meta=meta)))


def timestamp(*, version: int, expires: float, of: bytes, snapshot_version: int) -> bytes:
    """Names the newest snapshot by number, length and digest."""
    meta = MetaFile(snapshot_version, len(of), {"sha256": hashlib.sha256(of).hexdigest()})
    return _written(Metadata(Timestamp(version=version, expires=_date(expires), snapshot_meta=meta)))


def facts(document: bytes) -> Facts:
    """Kind, version, expiry and signers of a document; Refused('malformed') where it is none."""
    read = _read(document)
    expires = read.signed.expires.replace(tzinfo=UTC).timestamp()
    return Facts(read.signed.type, read.signed.version, expires, tuple(read.signatures), read.signed_bytes)


def with_signature(document: bytes, keyid: str, signature: str) -> bytes:
    """The document with one more signature (hexadecimal)."""
    read = _read(document)
    read.signatures[keyid] = Signature(keyid, signature)
    return _written(read)


def signature(document: bytes, keyid: str) -> str:
    """The signature by a key, right or not."""
    return str(_read(document).signatures[keyid].signature)


def signers(document: bytes, committee: Committee) -> frozenset[str]:
    """The keys of the committee that have rightly signed."""
    read, keys = _read(document), _keys(committee)
    return frozenset(keyid for keyid, key in keys.items() if _signed_by(read, key))


def committees(document: bytes) -> dict[str, Committee]:
    """The roles that a root document appoints, or to which a targets document hands on."""
    signed = _read(document).signed
    if isinstance(signed, Targets):
        delegations = signed.delegations
        keys, roles = (delegations.keys, delegations.roles or {}) if delegations else ({}, {})
    else:
        keys, roles = signed.keys, signed.roles
    with _said_in_our_words():
        return {name: Committee(_publics(role, keys), role.threshold) for name, role in roles.items()}


def _publics(role: Role, keys: Mapping[str, Key]) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(keys[one].keyval["public"]) for one in role.keyids)


def offered(document: bytes) -> dict[str, Target]:
    """The files that a targets document vouches for."""
    return {path: _target(one) for path, one in _read(document).signed.targets.items()}


def _target(one: TargetFile) -> Target:
    return Target(one.path, one.length, one.hashes.get("sha256", ""), dict(one.custom or {}))


def _signed_by(read: Metadata[Any], key: Key) -> bool:
    try:
        key.verify_signature(read.signatures[key.keyid], read.signed_bytes)
    except Exception:  # a missing signature, a wrong one, or one that is no hexadecimal at all: not signed
        return False
    return True


def _keys(committee: Committee) -> dict[str, Key]:
    return {
        key_id(public): SSlibKey(key_id(public), "ed25519", "ed25519", {"public": public.hex()})
        for public in committee.keys
    }


def _read(document: bytes) -> Metadata[Any]:
    with _said_in_our_words():
        return Metadata.from_bytes(document)


def _written(made: Metadata[Any]) -> bytes:
    return json.dumps(made.to_dict(), sort_keys=True, indent=1).encode() + b"\n"


def _date(at: float) -> datetime:
    return datetime.fromtimestamp(int(at), UTC)


@contextmanager
def _said_in_our_words() -> Iterator[None]:
    try:
        yield
    except tuple(WHY) as error:
        why = next(word for kind, word in WHY.items() if isinstance(error, kind))
        raise Refused(why, str(error)) from error
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise Refused("malformed", f"not metadata: {error!r}"[:200]) from error


class _Offers(FetcherInterface):
    """Fetches from `look` and from nowhere else."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = unquote(url.removeprefix(PLACE))
        content = self._look(name)
        if content is None:
            raise exceptions.DownloadHTTPError(f"'{name}' is not offered", 404)
        return iter([content])


class Trust:
    """One look at what is offered: refreshed once, then asked for targets.

    `cache` is a folder with the documents of an earlier look; `bootstrap` the root document that the node
    was given by hand. Expiry is judged at the instant `at`, which the caller holds above its own floor.
    """

    def __init__(self, look: Look, *, cache: Path, bootstrap: bytes, at: float) -> None:
        with _said_in_our_words():
            self._updater = Updater(str(cache), PLACE, fetcher=_Offers(look), config=LIMITS, bootstrap=bootstrap)
            self._set = self._updater._trusted_set  # noqa: SLF001 -- ngclient takes neither a clock nor gives versions
            self._set.reference_time = _date(at)
            self._updater.refresh()

    def target(self, path: str) -> Target | None:
        """What is vouched for under `path`; None where its committee names no such file."""
        with _said_in_our_words():
            found = self._updater.get_targetinfo(path)
            return _target(found) if found else None

    def versions(self, *roles: str) -> dict[str, int]:
        """Version of the top roles and of `roles`, each of which has been asked for a target.

        Numbers of the online roles hold for their present keys: who stole the old ones could sign any number.
        """
        found = {"root": self._set.root.version, "targets": self._set.targets.version}
        for online in (self._set.timestamp, self._set.snapshot):
            keys = sorted(self._set.root.roles[online.type].keyids)
            found[f"{online.type}@{hashlib.sha256(''.join(keys).encode()).hexdigest()[:8]}"] = online.version
        return found | {role: self._set[role].version for role in roles if role in self.named()}

    def named(self) -> frozenset[str]:
        """The targets documents that the snapshot names."""
        return frozenset(name.removesuffix(".json") for name in self._set.snapshot.meta)
