"""What can go wrong, said to the person who can mend it.

Each error carries `message` (where and what) and `hint` (what to do next), and is also the builtin
that a Python programmer would expect. Everything a user can cause ends the command with code 2.
"""

from __future__ import annotations

import errno
import os


class PiazzaError(Exception):
    """A failure with a message for a person and a hint what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UserError(PiazzaError, ValueError):
    """Input that the person in front of the machine can correct."""

    exit_code = 2


class ConfigError(UserError):
    """A document that does not say what it must; `problems` lists every one found."""

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class CameraError(UserError, OSError):
    """A camera that is missing, refused or of the wrong kind; `camera` is its id where known."""

    camera = ""


class CameraStalled(PiazzaError, TimeoutError):
    """A camera that stopped giving new pictures; the process ends and systemd restarts it."""

    camera = ""


class SensorError(UserError, OSError):
    """A sensor that is missing or cannot be read at all."""


class ModelError(UserError):
    """A model file that is missing, altered or fails its self-test."""


class KeyFileError(UserError, OSError):
    """A key, certificate or key set that is missing or unreadable."""


class BrokerRefused(UserError, ConnectionError):
    """A broker that answered and said no: wrong certificate, wrong role, wrong name."""


class BrokerAbsent(PiazzaError, ConnectionError):
    """No broker answered; the outbox keeps what waits."""


class Refused(PiazzaError, ValueError):
    """Bytes from outside that are not what they claim; `why` is a stable word for logs and tests."""

    def __init__(self, why: str, message: str = "", *, hint: str = "") -> None:
        super().__init__(message or why, hint=hint)
        self.why = why


class OutboxFull(PiazzaError, OSError):
    """The spool cannot take a record and nothing of a lower class is left to give up."""


class OutboxBroken(PiazzaError, OSError):
    """The spool's file or disk failed; the process ends, is started again and goes on from what is committed."""


class OutboxNewer(UserError, OutboxBroken):
    """A newer release wrote the spool in a form that this one does not know; it is left as it is."""


class StoreError(PiazzaError, OSError):
    """A store's database that cannot be opened or written; what it has promised stays true."""


class StoreAbsent(UserError, StoreError):
    """A path at which there is no store's database."""


_NEXT = {
    errno.ENOENT: "give a path that exists",
    errno.ENOTDIR: "a folder is needed where this path has a file; give another path",
    errno.EISDIR: "give the path of a file, not of a folder",
    errno.EEXIST: "give another path, or move away what is there",
    errno.ENOTEMPTY: "give an empty folder",
    errno.EACCES: "give a path that this user may use, or call the command as a user who may",
    errno.EPERM: "give a path that this user may use, or call the command as a user who may",
    errno.EROFS: "give a path on a disk that can be written",
    errno.ENOSPC: "make room on this disk, then call the command again",
    errno.EDQUOT: "make room in this user's quota, then call the command again",
    errno.EFBIG: "give a place where files of this size may be written",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ELOOP: "give a path without links that lead back to themselves",
    errno.ENXIO: "give the path of a plain file",
}
"""What a path can be that somebody gave, and what to do next."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a write says, which knows no path."""


def of_a_path(error: OSError) -> UserError | None:
    """What the system said of a path or a full disk, in the words of a user's error; None for anything else."""
    if error.errno not in _NEXT or (error.filename is None and error.errno not in _NO_ROOM):
        return None
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if name is not None]
    return UserError(": ".join([" -> ".join(names), why(error)] if names else [why(error)]), hint=_NEXT[error.errno])


def why(error: Exception) -> str:
    """What an error says beside the path that its reader is told anyway."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, UnicodeDecodeError):
        return f"no text in {error.encoding.upper()}, by its byte {error.start + 1}"
    return str(error)
