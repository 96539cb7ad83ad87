"""`piazza form`: the neighbourhood's report form, a node of its own whose sensor is people.

What is chosen becomes a signed event of type `report` in an outbox, marked as unverified; `piazza link` with the same
file carries it. A web server in front of it gives TLS, and need not log.
"""

from __future__ import annotations

import argparse
import logging
import queue
import threading
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path

from agent import logs
from agent.clock import Clock, SystemClock
from agent.commands import assembly
from agent.commands.sense import BOOT_ID
from agent.console import form_page, reports
from agent.console.form_server import FormServer
from agent.console.reports import SOURCE, Reports
from agent.console.settings import FormConfig, load
from agent.contract.topics import NodeName
from agent.contract.types import CommandData, StateData
from agent.errors import OutboxFull, Refused
from agent.notify import Notify, Pulse, on_end
from agent.provision.keys import load_signer
from agent.provision.ring_file import RingFile
from agent.records import Event
from agent.sensors.kernel_clock import clock_quality
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Digests, Sealer
from agent.uplink.inbox import Inbox
from agent.uplink.life import Life
from agent.uplink.outbox import Outbox
from agent.uplink.spool import Spool
from agent.vision import NO_MODEL

log = logging.getLogger(__name__)

TURN_S = 0.5
PATIENCE_S = 10.0
"""A visitor waits so long for the disk."""

OUTBOX = "outbox"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("/etc/piazza/form.yaml"), help="the form's configuration")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page for another web server, and end")
    parser.add_argument("--to", default="", metavar="URL", help="with --page: the address of this form's /report")


def run(options: argparse.Namespace) -> int:
    config = load(options.config)
    if options.page:
        options.page.write_text(form_page.form(config.form, to=options.to or "/report"), encoding="utf-8")
        print(f"{options.page}: {len(config.form.choices)} choices, {len(config.form.areas)} areas")
        return 0
    logs.start()
    with ExitStack() as stack:
        desk = opened(config, options.config.read_bytes(), stack, SystemClock())
        server = FormServer(config.form, desk.take)
        stack.callback(server.server_close)
        stop = threading.Event()
        on_end(stop.set)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"form: {server.address}", flush=True)
        desk.run(stop)
        server.shutdown()
    return 0


class FormDesk:
    """Takes reports from the server's threads and is the only one that writes."""

    def __init__(self, spool: Spool, taken: Reports, clock: Clock, state: StateData) -> None:
        self._spool = spool
        self._taken = taken
        self._clock = clock
        self._state = state
        self._waiting: queue.SimpleQueue[tuple[str, str, Future[None]]] = queue.SimpleQueue()

    def take(self, area: str, choice: str) -> None:
        """One report, from any thread; back when it is on the disk. Refused where it is not taken."""
        done: Future[None] = Future()
        self._waiting.put((area, choice, done))
        try:
            done.result(PATIENCE_S)
        except TimeoutError as error:
            raise OutboxFull("the disk takes nothing", hint="look at the disk of the form") from error

    def run(self, stop: threading.Event) -> None:
        """Until `stop`."""
        pulse = Pulse.of(Notify.of_service(), [OUTBOX])
        self._spool.birth(self._state)
        for event in reports.left_open(self._spool.open_events(), at=self._clock.now()):
            self._spool.put(event)
        pulse.notify.ready("taking reports")
        while not stop.is_set():
            self.run_once(TURN_S)
            pulse.beat(OUTBOX, self._clock.monotonic())
        self._spool.close(self._state)

    def run_once(self, timeout_s: float) -> None:
        """Write what waits, let go of what is over, and do the spool's own work."""
        with suppress(queue.Empty):
            self._write(*self._waiting.get(timeout=timeout_s))
        at = self._clock.now()
        for event in self._taken.advance(at):
            self._spool.put(event)
        for asked in self._spool.tick(at):
            if isinstance(asked.data, CommandData):  # a verdict teaches a form nothing, and no command moves it
                self._spool.answer(asked, "refused", why="class")

    def _write(self, area: str, choice: str, done: Future[None]) -> None:
        try:
            event: Event | None = self._taken.take(area, choice, at=self._clock.now())
            if event:
                self._spool.put(event)
                self._spool.flush()
        except (Refused, OutboxFull) as error:
            done.set_exception(error)
        else:
            done.set_result(None)


def opened(config: FormConfig, content: bytes, stack: ExitStack, clock: SystemClock) -> FormDesk:
    """Everything that the form stands on; UserError where a part is missing."""
    folder, boot = Path(config.state_dir), BOOT_ID.read_text(encoding="ascii")[:8]
    folder.mkdir(parents=True, exist_ok=True)
    stack.callback(Life(folder).close)
    node, form = config.node, config.form
    words = Vocabulary(
        rules=frozenset(form.choices), sources=frozenset({SOURCE}), zones=frozenset(area.id for area in form.areas)
    )
    digests = Digests(assembly.digest(content)[: assembly.SHORT], NO_MODEL[: assembly.SHORT])
    sealer = Sealer(
        NodeName(node.union, node.comune, node.id), load_signer(Path(node.signing_key)), words,
        clock=clock, boot=boot, digests=digests, trust=clock_quality,
    )  # fmt: skip
    ring_file = RingFile(Path(node.keyring))
    spool = Spool(
        Outbox(folder / "outbox.sqlite", config.uplink.outbox), sealer, Inbox(folder / "inbox"),
        ring_file.ring, config.uplink, look=ring_file.look,
    )  # fmt: skip
    state = assembly.state(digests, clock=clock_quality(), delete_on=config.uplink.delete_on)
    return FormDesk(spool, Reports(form, f"{boot} {clock.monotonic()}"), clock, state)
