"""F6, the part of updates: metadata, bundles, configurations and consents spoiled at random.

    python -m tests.faults.f06_tuf_fuzz [--count N] [--seed N] [--json]

A rightly signed bundle, or a configuration with the consent that it needs, is spoiled in one place or a
few: bytes turned, cut or doubled, or members of its JSON replaced, renamed, dropped and nested. What comes
of it must be a refusal or exactly what the unspoiled one means; anything that is raised and is no refusal
is `unexpected`.
"""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agent.errors import Refused
from agent.ota import bundle
from agent.ota.approval import Consent, approve, understood
from agent.ota.floors import loosened
from agent.ota.ledger import Ledger
from agent.ota.offer import Instant, Offers
from tests.faults import row
from tests.ota.town import AT, MASK, NAME, NARROWER, WIDER, Union, config

BAD = ("another_meaning", "unexpected")
STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 2**64, "", "\0", "../..", "9" * 5000, [], {}, [[]], {"": ""}, "\ud800", "é" * 40, [1] * 500,
)  # fmt: skip


@dataclass
class Bench:
    """What is spoiled, and what it means when it is whole."""

    offers: Offers
    offered: bytes
    meant: Any
    running: Any
    looser: bytes
    consent: bytes


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` spoiled inputs."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(inputs=count, refused=0, same_meaning=0, **dict.fromkeys(BAD, 0))
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as place:
        bench = made(Path(place))
        ways: tuple[Callable[[Bench, random.Random], bool], ...] = (_bundle, _document, _document, _configuration)
        for number in range(count):
            try:
                counts["same_meaning" if ways[number % len(ways)](bench, randomness) else "another_meaning"] += 1
            except Refused:
                counts["refused"] += 1
            except Exception:
                counts["unexpected"] += 1
    return counts


def made(place: Path) -> Bench:
    """A union with one order, and a node that has heard nothing yet."""
    union = Union(place / "union")
    union.release(config(mask=WIDER), files={"model.tflite": b"model"})
    shelf = union.publish(place / "stick")
    (place / "node").mkdir()
    offers = Offers(NAME, place / "node", union.authority.signed("root", 1) or b"", Ledger(Path(":memory:")))
    offered = shelf.bundle() or b""
    looser, running = config(mask=NARROWER), understood(config(mask=MASK), name="running")
    lines = tuple(map(str, loosened(running, understood(looser, name="looser"))))
    consent = msgspec.json.encode(Consent(str(NAME), bundle.digest(looser), lines))
    meant = offers.judge(offered, Instant(AT))
    return Bench(offers, offered, meant, running, looser, consent)


def _bundle(bench: Bench, randomness: random.Random) -> bool:
    """The message as a whole."""
    return _judged(bench, spoiled(bench.offered, randomness))


def _document(bench: Bench, randomness: random.Random) -> bool:
    """One document of metadata within it."""
    whole = json.loads(bench.offered)
    name = randomness.choice(sorted(whole["documents"]))
    whole["documents"][name] = spoiled(whole["documents"][name].encode(), randomness).decode("utf-8", "replace")
    return _judged(bench, json.dumps(whole).encode("utf-8", "surrogatepass"))


def _judged(bench: Bench, content: bytes) -> bool:
    """Whether it is believed and means the same, whatever way its files are said to be cut up."""
    if _finds_no_cache(content):
        shutil.rmtree(bench.offers.folder / "metadata", ignore_errors=True)
    found = bench.offers.judge(content, Instant(AT))
    if found is None:
        return False
    meaning = [(part.name, part.length, part.sha256) for part in found.files]
    return (found.seq, found.config, meaning) == (
        bench.meant.seq,
        bench.meant.config,
        [(part.name, part.length, part.sha256) for part in bench.meant.files],
    )


def _finds_no_cache(content: bytes) -> bool:
    """Half of all inputs meet a node that has lost its cache."""
    return bundle.digest(content) < "8"


def _configuration(bench: Bench, randomness: random.Random) -> bool:
    """A configuration that needs consent, or the consent; approved only as it was agreed to."""
    config_too = randomness.random() < 0.5
    content = spoiled(bench.looser, randomness) if config_too else bench.looser
    consent = bench.consent if config_too else spoiled(bench.consent, randomness)
    approved = approve(content, running=bench.running, consent=consent)
    return not loosened(bench.running, approved) or content == bench.looser


def spoiled(content: bytes, randomness: random.Random) -> bytes:
    """The same with one or a few things wrong in it, sometimes nothing but its spaces."""
    if randomness.random() < 0.5:
        return _turned(content, randomness)
    try:
        value = json.loads(content)
    except ValueError:
        return _turned(content, randomness)
    for _ in range(randomness.randint(1, 3)):
        value = _replaced(value, randomness)
    return json.dumps(value, indent=randomness.choice([None, 1])).encode("utf-8", "surrogatepass")


def _turned(content: bytes, randomness: random.Random) -> bytes:
    spoiling = bytearray(content)
    at = randomness.randrange(len(spoiling))
    match randomness.randrange(4):
        case 0:
            spoiling[at] ^= 1 << randomness.randrange(8)
        case 1:
            del spoiling[at:]
        case 2:
            del spoiling[at : at + randomness.randint(1, 40)]
        case _:
            spoiling[at:at] = spoiling[at : at + randomness.randint(1, 40)]
    return bytes(spoiling)


def _replaced(value: Any, randomness: random.Random) -> Any:
    """The value with something somewhere in it replaced, dropped, renamed or put one level deeper."""
    if isinstance(value, dict) and value and randomness.random() < 0.85:
        name = randomness.choice(sorted(value))
        return _member(value, name, randomness)
    if isinstance(value, list) and value and randomness.random() < 0.85:
        at = randomness.randrange(len(value))
        return [*value[:at], _replaced(value[at], randomness), *value[at + 1 :]]
    return randomness.choice([*STRANGE, [value], {"value": value}])


def _member(value: dict[str, Any], name: str, randomness: random.Random) -> dict[str, Any]:
    others = {key: one for key, one in value.items() if key != name}
    match randomness.randrange(6):
        case 0:
            return others
        case 1:
            return {**others, str(randomness.choice(STRANGE)): value[name]}
        case _:
            return {**others, name: _replaced(value[name], randomness)}


if __name__ == "__main__":
    raise SystemExit(row.main("F6 TUF fuzz", run, count=50_000, long=1_000_000, part=5_000, targets=BAD))
