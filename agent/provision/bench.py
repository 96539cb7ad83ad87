"""A folder with all keys of a bench: authority, broker, parties and the key ring that knows them.

    DIR/ca/ca.pem ca.key         DIR/broker/tls.pem tls.key        DIR/ring.json
    DIR/parties/NAME/tls.pem tls.key sign.pem sign.pub.pem         NAME with dots for slashes

The invariant: every folder has other keys, and what is there is never replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.contract.jws import Key, KeyRing
from agent.contract.topics import NodeName
from agent.errors import Refused, UserError
from agent.provision.ca import Authority, TlsFiles, common_name
from agent.provision.keys import load_ring, new_signing_key, save_ring

DAYS = 365
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Bench:
    """The keys in one folder."""

    folder: Path

    def must_be_there(self) -> None:
        """UserError where the folder holds no authority."""
        if not self.ca.is_file():
            raise UserError(f"{self.folder}: no authority lies there", hint="make one with: piazza keys init DIR")

    @property
    def ca(self) -> Path:
        return self.folder / "ca" / "ca.pem"

    @property
    def ring(self) -> Path:
        return self.folder / "ring.json"

    @property
    def broker(self) -> TlsFiles:
        return _tls(self.folder / "broker")

    def tls(self, name: str) -> TlsFiles:
        """Certificate and key with which the party `name` connects."""
        return _tls(self._party(name))

    def signing_key(self, name: str) -> Path:
        """The private key with which the party `name` signs."""
        return self._party(name) / "sign.pem"

    def names(self) -> list[str]:
        """Everybody who has a folder here."""
        return [folder.name.replace(".", "/") for folder in sorted((self.folder / "parties").glob("*"))]

    @classmethod
    def make(cls, folder: Path, *, at: float, hosts: Sequence[str] = LOOPBACK, days: int = DAYS) -> Bench:
        """A new folder: authority, broker certificate for `hosts` and an empty ring."""
        bench = cls(folder)
        authority = Authority.make(folder / "ca", at=at, days=10 * DAYS)
        authority.server(bench.broker, hosts, at=at, days=days)
        save_ring(bench.ring, KeyRing())
        return bench

    def add_signer(self, role: str, name: str, *, at: float, days: float = DAYS) -> Key:
        """A party that connects and signs: `name` is union/comune/id; its key joins the ring."""
        (key,) = self.add_signers(role, [name], at=at, days=days)
        return key

    def add_signers(self, role: str, names: Sequence[str], *, at: float, days: float = DAYS) -> list[Key]:
        """Several parties of one role; the ring is written once."""
        ring, keys = load_ring(self.ring), []
        for name in names:
            named(name)
            self.add_reader(name, at=at, days=days)
            keys.append(new_signing_key(self.signing_key(name), role=role, subject=name))
            ring.add(keys[-1])
        save_ring(self.ring, ring)
        return keys

    def add_reader(self, name: str, *, at: float, days: float = DAYS) -> None:
        """A party that only connects, such as a watcher."""
        Authority(self.folder / "ca").client(self.tls(name), name, at=at, days=days)

    def _party(self, name: str) -> Path:
        return self.folder / "parties" / common_name(name)


def _tls(folder: Path) -> TlsFiles:
    return TlsFiles(folder / "tls.pem", folder / "tls.key")


def named(name: str) -> NodeName:
    """The party that somebody called union/comune/id; UserError for anything else."""
    try:
        return NodeName.parse(name)
    except Refused as error:
        raise UserError(error.message, hint="such as romagna-faentina/brisighella/n-0017") from error
