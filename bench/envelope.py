"""The cost of evidence: making and opening envelopes, checking a chain, committing to the outbox.

    python bench/envelope.py [--json]

Make is a record through the door, signed, digest taken; open is everything `open_envelope` checks.
Both stand beside the bare Ed25519 operation of the same run. CPU time on one core, medians of 51 rounds
of 100; `least` is the best round, which a busy machine spoils least. Commits are real: the outbox lies in a temporary folder of --folder (default: the system's),
and one commit is one fsync there, so that figure is the disk's. Bytes written are what the process
handed to the kernel (/proc/self/io, wchar): the median of one event committed by itself, of one head,
and all of a day of 500 events, 96 counts, and a health record and a head every minute, with receipts
every ten minutes and the checkpoints that fall into it. What the file system adds is not in it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.clock import SystemClock
from agent.contract.chain import ChainCheck
from agent.contract.envelope import Envelope, open_envelope
from agent.contract.jws import GENESIS, Key, KeyRing, Signer
from agent.contract.topics import NodeName
from agent.records import Event, Phase, Reason, Severity
from agent.uplink.door import Vocabulary
from agent.uplink.envelope import Sealer
from agent.uplink.outbox import Outbox
from agent.uplink.settings import OutboxSettings
from bench.machine import alternate, show

COUNT = 100
ROUNDS = 51
NODE = NodeName("romagna-faentina", "brisighella", "n-0017")


def event(number: int) -> Event:
    reason = Reason("gate/person/stay_s", "stay", 41.0 + number % 9, expected=30.0)
    return Event(
        f"{number}", "stays", "loitering", Phase.OPENED, Severity.NOTICE, 1777624200.25 + number, "gate-cam", reason,
        zone="gate", label="person",
    )  # fmt: skip


EVENTS = [event(number) for number in range(COUNT)]
WORDS = Vocabulary(frozenset({"stays"}), frozenset({"gate-cam"}), frozenset({"gate"}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the outbox of the commit figures lies")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        show({**signatures(), **commits(Path(folder))}, as_json=options.json)


def parties() -> tuple[Sealer, KeyRing]:
    signer = Signer(bytes(range(32)))
    ring = KeyRing()
    ring.add(Key(signer.kid, signer.public, "node", str(NODE)))
    return Sealer(NODE, signer, WORDS, clock=SystemClock(), boot="0000beef"), ring


def chain(sealer: Sealer, count: int) -> list[str]:
    """Tokens of one unbroken chain."""
    tokens, prev = [], GENESIS
    for number, happening in enumerate(EVENTS[:count], start=1):
        (draft,) = sealer.drafts(happening)
        token, prev = draft.seal(number, prev)
        tokens.append(token)
    return tokens


def cost(work: Callable[[], object]) -> Callable[[], float]:
    """CPU microseconds of one of the COUNT things that `work` does."""

    def measured() -> float:
        began = process_time()
        work()
        return (process_time() - began) / COUNT * 1e6

    return measured


def least(work: Callable[[], object]) -> float:
    """The cost of the best round."""
    return min(cost(work)() for _ in range(ROUNDS))


def signatures() -> dict[str, Any]:
    sealer, ring = parties()
    tokens = chain(sealer, COUNT)
    envelopes = [open_envelope(token, ring) for token in tokens]
    bare = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    inputs = [token.rpartition(".")[0].encode() for token in tokens]
    signed = [bare.sign(text) for text in inputs]
    public = bare.public_key()

    def verify_bare() -> None:
        for signature, text in zip(signed, inputs, strict=True):
            public.verify(signature, text)

    def check() -> None:
        stream = ChainCheck(whole=True)
        for envelope in envelopes:
            stream.feed(envelope)

    def make_all() -> list[str]:
        return chain(sealer, COUNT)

    def open_all() -> list[Envelope]:
        return [open_envelope(token, ring) for token in tokens]

    make = alternate(cost(lambda: [bare.sign(text) for text in inputs]), cost(make_all), rounds=ROUNDS)
    opened = alternate(cost(verify_bare), cost(open_all), rounds=ROUNDS)
    checked = statistics.median(cost(check)() for _ in range(ROUNDS))
    return {
        "envelope_bytes": round(statistics.mean(len(token) for token in tokens)),
        "sign_bare_us": round(make.a, 1),
        "make_us": round(make.b, 1),
        "make_least_us": round(least(make_all), 1),
        "make_ratio": round(make.ratio, 2),
        "verify_bare_us": round(opened.a, 1),
        "open_us": round(opened.b, 1),
        "open_least_us": round(least(open_all), 1),
        "open_ratio": round(opened.ratio, 2),
        "open_per_s": round(1e6 / opened.b),
        "chain_check_us": round(checked, 1),
    }


def commits(folder: Path) -> dict[str, Any]:
    sealer, _ = parties()
    outbox = Outbox(folder / "outbox.sqlite", OutboxSettings(max_mb=256))
    alone = [timed(lambda: put(outbox, sealer, 1)) for _ in range(200)]
    groups = [timed(lambda: put(outbox, sealer, 100)) for _ in range(20)]
    per_event = statistics.median(written(lambda: put(outbox, sealer, 1)) for _ in range(200))
    per_head = statistics.median(written(lambda: head(outbox, sealer)) for _ in range(50))
    outbox.close()
    day = Outbox(folder / "day.sqlite", OutboxSettings())
    per_day = written(lambda: live_a_day(day, sealer))
    day.close()
    return {
        "commit_one_ms": round(statistics.median(alone) * 1e3, 2),
        "commit_hundred_ms": round(statistics.median(groups) * 1e3, 2),
        "envelopes_per_s_in_groups_of_100": round(100 / statistics.median(groups)),
        "written_bytes_per_event": round(per_event),
        "written_bytes_per_head": round(per_head),
        "written_mb_per_day": round(per_day / 1e6, 1),
    }


def put(outbox: Outbox, sealer: Sealer, count: int) -> None:
    for happening in EVENTS[:count]:
        for draft in sealer.drafts(happening):
            outbox.put(*draft)
    outbox.flush()


def live_a_day(outbox: Outbox, sealer: Sealer) -> None:
    """Commits of an ordinary day."""
    for minute in range(1440):
        put(outbox, sealer, 1)  # health
        head(outbox, sealer)
        if minute * 596 // 1440 != (minute + 1) * 596 // 1440:
            put(outbox, sealer, 1)  # one of 500 events or 96 counts
        if minute % 10 == 0:
            outbox.received(cum=outbox.tail.seq)


def head(outbox: Outbox, sealer: Sealer) -> None:
    outbox.state(*sealer.head(outbox.tail))
    outbox.flush()


def timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def written(work: Callable[[], object]) -> int:
    """Bytes that `work` hands to the kernel, checkpoints left to the median."""
    before = _wchar()
    work()
    return _wchar() - before


def _wchar() -> int:
    return next(
        int(row.split()[1]) for row in Path("/proc/self/io").read_text().splitlines() if row.startswith("wchar")
    )


if __name__ == "__main__":
    main()
