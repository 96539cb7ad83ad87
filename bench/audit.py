"""How fast an audit is: a store's database and a file of envelopes, verified, chained and held against a checkpoint.

    python bench/audit.py [--json] [--count N]

A chain of `count` envelopes (20,000) lies in a store's SQLite database, sealed and co-signed, and as lines in a file. Wall
time of the whole command's work with one process and with one for each core, the median of three; and what one process
does in a second of its processor's time, the best of three, which a busy machine spoils least. Then a
checkpoint over all of it, a witness's co-signature of the next one, and the erasure of what was sealed. `opened_per_cpu_s` is
what `open_envelope` alone does in the same run, so the cost of everything else shows.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from agent.cli import main as piazza
from agent.contract.envelope import open_envelope
from agent.contract.jws import Key, KeyRing, Signer
from agent.contract.topics import NodeName
from agent.provision.keys import new_signing_key, save_ring
from agent.subscriber.checkpoint import Seals
from agent.subscriber.erase import erase
from agent.subscriber.holding import Item
from agent.subscriber.store import Store
from agent.subscriber.witness import Witness
from bench.envelope import EVENTS, parties
from bench.machine import show

COUNT = 20_000
STORE = NodeName("romagna-faentina", "centre", "store-1")
WITNESS = NodeName("romagna-faentina", "faenza", "witness")
NOW = 1_777_700_000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=COUNT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        show(measured(Path(folder), options.count), as_json=options.json)


def measured(folder: Path, count: int) -> dict[str, Any]:
    tokens, ring = made(count)
    store_key, witness_key = Signer(b"s" * 32), Signer(b"w" * 32)
    ring.add(Key(store_key.kid, store_key.public, "store", str(STORE)))
    ring.add(Key(witness_key.kid, witness_key.public, "witness", str(WITNESS)))
    (folder / "events.txt").write_text("\n".join(tokens))
    began = process_time()
    items = [Item(open_envelope(token, ring), token) for token in tokens]
    verified_s = process_time() - began
    store = Store(folder / "events.sqlite")
    store.commit(items, at=NOW)
    seals, witness = Seals(folder / "events.sqlite"), Witness(folder / "w.sqlite", witness_key, str(WITNESS))
    seal_s = timed(lambda: seals.seal(store_key, str(STORE), at=NOW))
    (request,) = seals.requests(ring, str(WITNESS))
    cosign_s = timed(lambda: seals.add(witness.cosign(request, ring, at=NOW), ring, at=NOW))
    keys = ["--keys", str(folder / "ring.json")]
    ring.add(new_signing_key(folder / "auditor.pem", role="auditor", subject="union/centre/auditor"))
    save_ring(folder / "ring.json", ring)
    looks = [*keys, "--signer", str(folder / "auditor.pem")]
    figures = {
        "envelopes": count,
        "opened_per_cpu_s": round(count / verified_s),
        **rates("database", [*looks, "--db", str(folder / "events.sqlite")], count),
        **rates("file", [*keys, str(folder / "events.txt")], count),
        "seal_ms": round(seal_s * 1e3, 1),
        "cosign_ms": round(cosign_s * 1e3, 2),
    }
    before = (folder / "events.sqlite").stat().st_size
    erase_s = timed(lambda: erase(folder / "events.sqlite", {"evt": NOW + 1e9}, at=NOW))
    figures |= {"erased_per_s": round(count / erase_s), "database_mb": round(before / 1e6, 1)}
    figures |= rates("erased_database", [*looks, "--db", str(folder / "events.sqlite")], count)
    return figures


def made(count: int) -> tuple[list[str], KeyRing]:
    """Tokens of one unbroken chain."""
    sealer, ring = parties()
    tokens, prev = [], "0" * 64
    for number in range(1, count + 1):
        (draft,) = sealer.drafts(EVENTS[number % len(EVENTS)])
        token, prev = draft.seal(number, prev)
        tokens.append(token)
    return tokens, ring


def rates(name: str, words: list[str], count: int) -> dict[str, int]:
    """Envelopes a second of `piazza audit` with these words: of its processor's time, and by the clock."""
    one, all_cores = (partial(audited, [*words, "--jobs", str(jobs)]) for jobs in (1, len(os.sched_getaffinity(0))))
    return {
        f"{name}_per_cpu_s": round(count / min(timed(one, process_time) for _ in range(3))),
        f"{name}_per_s_one_process": round(count / statistics.median(timed(one) for _ in range(3))),
        f"{name}_per_s_all_cores": round(count / statistics.median(timed(all_cores) for _ in range(3))),
    }


def audited(words: list[str]) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert piazza(["audit", *words]) == 0


def timed(work: Callable[[], object], clock: Callable[[], float] = perf_counter) -> float:
    began = clock()
    work()
    return clock() - began


if __name__ == "__main__":
    main()
