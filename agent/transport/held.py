"""Whether a process here holds the session of a certificate: a shared lock on its private key, which is never replaced.

A second session under the same name would end the first, so whoever wants to say something looks here before.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def hold(key: Path) -> int:
    """A lock for as long as the process lives, or until the descriptor is closed; OSError as it comes."""
    descriptor = os.open(key, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def is_held(key: Path) -> bool:
    """Whether somebody holds it."""
    descriptor = os.open(key, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
