"""`piazza witness`: a store seals what it holds, and another party co-signs it, so that nobody can tell two stories.

    store:    seal  -> requests for a witness          witness:  sign -> notes with its signature
    store:    add   <- notes                           witness:  watch: co-sign the nodes' own heads

Requests and notes are text in C2SP's forms and may travel as anybody likes. Ends with 1 when a witness
caught somebody taking back what was signed; the evidence is kept.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from agent import logs
from agent.clock import Clock, SystemClock
from agent.commands import access, party
from agent.commands.errands import carried
from agent.contract.checkpoint import notes
from agent.contract.envelope import open_envelope
from agent.contract.jws import KeyRing, Signer
from agent.contract.topics import Class, NodeName, pattern
from agent.errors import BrokerRefused, Refused, UserError, why
from agent.notify import on_end
from agent.provision.bench import Bench
from agent.provision.keys import load_signer
from agent.subscriber.checkpoint import Seals
from agent.subscriber.witness import EVERY_S, Witness, requests
from agent.transport import Disconnected, Message, Transport
from agent.transport.mqtt import MqttTransport

log = logging.getLogger(__name__)

POLL_S = 0.5
CAUGHT = frozenset({"equivocation", "rolled-back", "inconsistent"})
SESSION_S = 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    seal = acts.add_parser("seal", help="sign a checkpoint for every chain in a store's database, print requests")
    seal.add_argument("--witness", default="", help="who is to co-sign (default: the only witness of the ring)")
    add = acts.add_parser("add", help="keep a witness's signatures in the store's database")
    sign = acts.add_parser("sign", help="co-sign the requests of a store, print notes")
    watch = acts.add_parser("watch", help="co-sign the heads of the nodes as a broker has them")
    show = acts.add_parser("show", help="print everything that was signed, for `piazza audit --notes`")
    for act in (seal, add, show):
        act.add_argument(
            "--db", default="events.sqlite", metavar="FILE|URI", help="or postgresql://...; default: events.sqlite"
        )
    for act in (sign, watch, show):
        act.add_argument("--memory", type=Path, default=Path("witness.sqlite"), help="default: witness.sqlite")
    for act in (add, sign):
        act.add_argument("file", type=Path, help="- reads standard input")
    for act in (seal, add, sign, show):
        keys = "the folder that `piazza keys` made" if act is not show else "of who shows a store's; or a key ring"
        act.add_argument("--keys", type=Path, required=act is not show, metavar="DIR", help=keys)
        act.add_argument("--name", default="", help="who we are in that folder (default: the only one who fits)")
    for act in (seal, add, show):
        access.add_arguments(act)
    party.add_broker_arguments(watch)
    watch.add_argument("--every", type=float, default=EVERY_S, metavar="SECONDS", help="a head of each node")


def run(options: argparse.Namespace) -> int:
    try:
        return _ACTS[options.act](options)
    except Refused as refused:
        print(f"piazza: {refused.why}: {refused.message}", file=sys.stderr)
        return 1 if refused.why in CAUGHT else 2


def _seal(options: argparse.Namespace) -> int:
    name, signer = _party(options, "store")
    ring, seals = party.ring(options), _seals(options)
    seals.seal(signer, str(name), at=SystemClock().now())
    witness = options.witness or _only_witness(ring)
    print("\n".join(seals.requests(ring, witness)), end="")
    seals.close()
    return 0


def _add(options: argparse.Namespace) -> int:
    ring, seals, at = party.ring(options), _seals(options), SystemClock().now()
    added = sum(seals.add(note, ring, at=at) for note in notes(_read(options.file)))
    print(f"{added} signatures added")
    seals.close()
    return 0


def _sign(options: argparse.Namespace) -> int:
    """All requests are looked at, also those behind one that is refused."""
    ring, witness, at = party.ring(options), _witness(options), SystemClock().now()
    refused: list[Refused] = []
    signed = []
    for request in requests(_read(options.file)):
        try:
            signed.append(witness.cosign(request, ring, at=at))
        except Refused as error:
            refused.append(error)
    print("\n".join(signed), end="")
    witness.close()
    for one in refused:
        print(f"piazza: {one.why}: {one.message}", file=sys.stderr)
    return 1 if any(one.why in CAUGHT for one in refused) else 2 if refused else 0


def _show(options: argparse.Namespace) -> int:
    """What a witness signed where its memory is there, else what the store's database has."""
    if options.memory.is_file():
        witness = Witness(options.memory)
        _print(witness.notes())
        for at, why, said in witness.evidence():
            print(f"{why} at {at:.0f}: {said.strip()}", file=sys.stderr)
        witness.close()
        return 0
    seals = _seals(options)
    _print(seals.notes())
    seals.close()
    return 0


def _seals(options: argparse.Namespace) -> Seals:
    """What is sealed in a store, once who looks has signed for it."""
    access.sign(access.opened(options, options.db, role="store"), f"witness-{options.act}", options.act)
    return Seals(options.db)


def _print(found: Iterable[str]) -> None:
    print("\n".join(found), end="")


def _watch(options: argparse.Namespace) -> int:
    logs.start()
    clock, ring_file = SystemClock(), party.ring_file(options)
    name, _ = _party(options, "witness")
    address = party.address(options, str(name))
    transport = carried(
        MqttTransport(
            address,
            clock=clock,
            randomness=random.SystemRandom(),
            client_id=f"{name.node}-witness",
            session_s=SESSION_S,
        ),
        address,
        clock=clock,
    )
    stop = threading.Event()
    on_end(stop.set)
    witness = _witness(options)
    try:
        watch(
            transport, witness, ring_file.ring, clock=clock, stopped=stop.is_set, every_s=options.every,
            look=ring_file.look,
        )  # fmt: skip
    finally:
        witness.close()
    return 0


def watch(
    transport: Transport,
    witness: Witness,
    ring: KeyRing,
    *,
    clock: Clock,
    stopped: Callable[[], bool],
    every_s: float = EVERY_S,
    look: Callable[[float], None] = lambda _now: None,
) -> None:
    """Look at every head that comes until `stopped`; BrokerRefused when the broker does not let us in.

    `look` hears the monotonic time in every turn.
    """
    transport.subscribe(pattern(klass=Class.HEAD))
    transport.open()
    try:
        while not stopped():
            look(clock.monotonic())
            for happening in transport.poll(POLL_S):
                match happening:
                    case Message():
                        _look(happening, witness, ring, at=clock.now(), every_s=every_s)
                    case Disconnected(refused=True):
                        raise BrokerRefused(happening.why, hint=happening.hint)
    finally:
        transport.close()


def _look(message: Message, witness: Witness, ring: KeyRing, *, at: float, every_s: float) -> None:
    try:
        envelope = open_envelope(message.payload, ring, topic=message.topic)
        if note := witness.see_head(envelope, message.payload.decode(), at=at, every_s=every_s):
            log.info("head co-signed", extra={"origin": note.partition("\n")[0]})
    except Refused as refused:
        caught = log.error if refused.why in CAUGHT else log.warning
        caught("refused", extra={"topic": message.topic, "why": refused.why})


def _party(options: argparse.Namespace, role: str) -> tuple[NodeName, Signer]:
    name = party.signer_name(options, role)
    return name, load_signer(Bench(options.keys).signing_key(str(name)))


def _witness(options: argparse.Namespace) -> Witness:
    name, signer = _party(options, "witness")
    return Witness(options.memory, signer, str(name))


def _only_witness(ring: KeyRing) -> str:
    names = [key.subject for key in ring if key.role == "witness"]
    if len(names) > 1:
        raise UserError(f"{len(names)} witnesses in the ring", hint=f"choose with --witness: {', '.join(names)}")
    return names[0] if names else ""


def _read(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {why(error)}", hint="give a file that `piazza witness` printed") from error


_ACTS = {"seal": _seal, "add": _add, "sign": _sign, "watch": _watch, "show": _show}
