"""Stands for `/usr/bin/piazza` in a booted container: tries what the sandbox must refuse or allow.

Writes what came of each attempt as JSON where the process may write, tells systemd that it is ready,
beats for a while and then hangs, as a pipeline that stands still would.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

from agent.clock import SystemClock
from agent.notify import Notify, Pulse

STATE = Path("/var/lib/piazza")
INBOX = STATE / "inbox"
CLONE_NEWNET, CLONE_NEWUSER, PTRACE_ATTACH = 0x40000000, 0x10000000, 16
MODEL = Path("/usr/lib/piazza/model.tflite")
BEATS_S = 3.0
OPEN: list[sqlite3.Connection] = []
"""The sense stays connected while it lives."""


def libc(name, *arguments):
    """A system call by libc's name; OSError as errno has it."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def listed(folder):
    return sorted(one.name for one in Path(folder).iterdir())


def run_from(folder):
    program = Path(folder) / f"run-{os.getuid()}"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    subprocess.run([str(program)], check=True)


def infer():
    """One picture through the detector, with XNNPACK, numpy and threads under every restriction."""
    sys.path.append("/usr/lib/piazza/site")
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(MODEL), num_threads=2)
    interpreter.allocate_tensors()
    (picture,) = interpreter.get_input_details()
    interpreter.set_tensor(picture["index"], np.zeros(picture["shape"], picture["dtype"]))
    interpreter.invoke()


def write_outbox():
    """As the real one does it: the file has its mode before SQLite gives it to -wal and -shm."""
    (STATE / "outbox.sqlite").touch()
    (STATE / "outbox.sqlite").chmod(0o640)
    outbox = sqlite3.connect(STATE / "outbox.sqlite", isolation_level=None)
    outbox.execute("PRAGMA journal_mode=WAL")
    outbox.execute("PRAGMA synchronous=FULL")
    outbox.execute("CREATE TABLE IF NOT EXISTS envelope(seq INTEGER PRIMARY KEY)")
    outbox.execute("INSERT INTO envelope DEFAULT VALUES")
    OPEN.append(outbox)


def read_outbox():
    for _ in range(200):
        try:
            outbox = sqlite3.connect(f"file:{STATE / 'outbox.sqlite'}?mode=ro", uri=True)
            return outbox.execute("SELECT max(seq) FROM envelope").fetchone()
        except sqlite3.OperationalError as error:
            last = error
            time.sleep(0.1)
    raise last


def in_memory(folder):
    """Whether a mount of its own stands on it."""
    if folder.stat().st_dev == STATE.stat().st_dev:
        raise OSError(errno.EXDEV, "on the card")


ATTEMPTS = {
    "read the signing key": lambda: Path("/etc/piazza/keys/sign.pem").read_text(),
    "read the TLS key": lambda: Path("/etc/piazza/tls/key.pem").read_text(),
    "write the outbox": write_outbox,
    "read the outbox": read_outbox,
    "write the state folder": lambda: (STATE / f"mark-{os.getuid()}").write_text(""),
    "write the inbox": lambda: (INBOX / f"letter-{os.getuid()}").write_text(""),
    "have the inbox in memory": lambda: in_memory(INBOX),
    "take a letter out of the inbox": (INBOX / f"letter-{os.getuid()}").unlink,
    "make a pipe in the working directory": lambda: os.mkfifo(f"pipe-{os.getpid()}"),
    "write /etc": lambda: Path("/etc/written").write_text(""),
    "write /usr": lambda: Path("/usr/written").write_text(""),
    "read a home": lambda: listed("/root"),
    "read /proc/cpuinfo": lambda: Path("/proc/cpuinfo").read_text(),
    "see process 1": lambda: listed("/proc/1"),
    "signal process 1": lambda: os.kill(1, 0),
    "trace the parent": lambda: libc("ptrace", PTRACE_ATTACH, os.getppid(), 0, 0),
    "make an internet socket": lambda: socket.socket(socket.AF_INET).close(),
    "make a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "make a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15).close(),
    "open the kernel log": lambda: Path("/dev/kmsg").open().close(),
    "open the memory": lambda: Path("/dev/mem").open().close(),
    "new network namespace": lambda: libc("unshare", CLONE_NEWNET),
    "new user namespace": lambda: libc("unshare", CLONE_NEWUSER),
    "mount": lambda: libc("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "set the clock": lambda: time.clock_settime(time.CLOCK_REALTIME, 0),
    "real-time priority": lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
    "writable and executable memory": lambda: mmap.mmap(-1, 4096, prot=7),
    **{
        f"run a file from {folder}": partial(run_from, folder)
        for folder in (*(STATE, INBOX), "/run/piazza-sense", "/run/piazza-link", "/tmp", "/var/tmp", "/dev/shm")
    },
}


def outcome(attempt):
    try:
        attempt()
    except Exception as error:
        number = getattr(error, "errno", None)
        return os.strerror(number) if number else f"{type(error).__name__}: {error}"
    return "allowed"


def main():
    role = sys.argv[1]
    pulse = Pulse.of(notify := Notify.of_service(), ["work"])
    if role == "link":
        notify.ready("probing")  # as link does, which waits for nobody; sense is started after it
        outcome(read_outbox)  # and makes the outbox that link tries to write
    found = {name: outcome(attempt) for name, attempt in ATTEMPTS.items()}
    if role == "sense" and MODEL.exists():
        found["infer"] = outcome(infer)
    found["interfaces"] = " ".join(listed("/sys/class/net"))
    where = STATE if role == "sense" else INBOX
    (where / f"{role}-{os.getpid()}.json").write_text(json.dumps(found))
    clock = SystemClock()
    notify.ready("probed")
    for _ in range(int(BEATS_S / 0.2)):
        pulse.beat("work", clock.monotonic())
        clock.sleep(0.2)
    notify.status("hanging")
    threading.Event().wait()


if __name__ == "__main__":
    main()
