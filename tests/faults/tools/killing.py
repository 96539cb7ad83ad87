"""Processes to be killed: they come out of a fork server that has everything imported, so hundreds of kills a minute are possible.

    with Killable(preload=["my.package"]) as processes:
        processes.start("writer", write, path)
        processes.kill("writer")

A kill is SIGKILL, as a power cut is to a process: nothing of it runs any more, and what it handed to the kernel stays.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.context import ForkServerProcess
from types import TracebackType
from typing import Self


class Killable:
    """Running processes by name; those that still run at the end are killed."""

    def __init__(self, *, preload: Sequence[str] = ()) -> None:
        """`preload`: modules that the server imports once, before the first process."""
        self._server = multiprocessing.get_context("forkserver")
        self._server.set_forkserver_preload(list(preload))
        self._running: dict[str, ForkServerProcess] = {}

    def start(self, name: str, work: Callable[..., None], *values: object) -> None:
        """Call `work`, a function of a module, in a process of its own."""
        process = self._server.Process(target=work, args=values)
        process.start()
        self._running[name] = process

    def kill(self, name: str) -> None:
        """End a process, and come back when it is gone."""
        process = self._running.pop(name)
        process.kill()
        process.join()

    def close(self) -> None:
        for name in list(self._running):
            self.kill(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
