"""F6, its envelope, command and configuration part: bytes that are almost right, and nothing unexpected happens.

    python -m tests.faults.f06_fuzz [--count N] [--seed N] [--json]

`count` inputs, each made from a genuine one by small changes: tokens as they stand; payloads changed and signed anew by
the right key, so that what lies behind the signature is reached; headers said otherwise, with the right signature over
them; commands for a node's memory; checkpoints and
requests for a witness; topics; what link leaves for sense; configurations. An input may be refused with one of our own
errors, or accepted. `accepted_with_another_meaning` is a token that passes and is not byte for byte what was signed, a
payload of which a plain reader of JSON would understand something else, a command that its role may not give, a
checkpoint that was never signed, or a record that brings a word of nobody's configuration through the exit door.
"""

from __future__ import annotations

import dataclasses
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from agent import config
from agent.contract.checkpoint import Checkpoint, opened, sign
from agent.contract.command import LONGEST_S, RIGHTS, Memory
from agent.contract.envelope import open_envelope, spell
from agent.contract.jws import b64, unb64
from agent.contract.times import seconds
from agent.contract.topics import Class, Topic
from agent.contract.types import CommandData, HeadData, ReceiptData
from agent.errors import PiazzaError, Refused
from agent.records import Event, Health
from agent.subscriber.witness import requests
from agent.uplink import numbers, unverified
from agent.uplink.door import Door
from agent.uplink.inbox import _read
from tests.contract.makers import AT, NODE, STORE, Chain, payload, ring_of, signer
from tests.contract.test_checkpoint import MADE
from tests.contract.test_command import NAMES
from tests.faults import row
from tests.uplink.nodes import WORDS, event, health, stat

CHECKOUT = Path(__file__).resolve().parent.parent.parent
BAD = ("accepted_with_another_meaning", "unexpected")

CHAIN = Chain()
RING = ring_of(
    (CHAIN.signer, "node", NODE),
    (signer("store"), "store", STORE),
    *((signer(role), role, name) for role, name in NAMES.items()),
)
TOKENS = [
    CHAIN.make(),
    CHAIN.make(Class.HEAD, HeadData(seq=1, digest="ab" * 32), kind="node"),
    signer("store").seal(spell(payload(Class.RCPT, ReceiptData(node=str(NODE), cum=7), name=STORE, kind="store")))[0],
]
NOTE = sign(MADE, signer("store"), str(STORE))
REQUEST = f"old 3\n{b64(b'x' * 32)}=\n\n{NOTE}"
CONFIGS = [path.read_text() for path in sorted((CHECKOUT / "tests" / "worlds").glob("*/config.yaml"))[:12]]
DOOR = Door(NODE, WORDS)
SECRETS = (
    "AB123CD", "Mario Rossi", "mario-rossi", "/9j/4AAQSkZJRgABAQ", "ffd8ffe000104a464946", "iVBORw0KGgo", "face-17",
    "44.4938,11.3387", "track-9", "gate ", "GATE", "gate\n", "person/../x", "rtsp://10.0.0.9/live",
)  # fmt: skip
WORDS_OF_JSON = (
    "null", "true", "[]", "{}", '""', "1e999", "-0", "NaN", "1" * 40, '"\\u0000"', '"\\ud800"', ",", ":", "[" * 60,
    '"seq":1', '"x":1', " ", "\n", "9007199254740993", "0.1", "1777624200", '"evt"', "//piazza/a/b/c",
)  # fmt: skip

HEADER = unb64(TOKENS[0].split(".")[0])
MEMBERS = ("alg", "kid", "typ", "crit", "b64", "zip", "jwk", "jku", "x5c")
SAID_OF_THEM: tuple[Any, ...] = (
    "EdDSA", "Ed25519", "none", "HS256", "ES256", "", None, False, 0, [], {}, ["b64"], CHAIN.signer.kid, signer("store").kid,
    "http://example.org/keys", {"kty": "OKP", "crv": "Ed25519", "x": b64(CHAIN.signer.public)},
)  # fmt: skip

Outcome = str
"""refused, same, or accepted_with_another_meaning."""


def mutated(raw: bytes, chance: random.Random) -> bytes:
    """One to three small changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        at = chance.randrange(len(raw) + 1)
        span = chance.choice((1, 1, 2, 8, 64))
        match chance.randrange(8):
            case 0:
                raw = raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
            case 1:
                raw = raw[:at] + raw[at + span :]
            case 2:
                raw = raw[:at] + raw[at : at + span] + raw[at:]
            case 3:
                raw = raw[:at] + chance.choice(WORDS_OF_JSON).encode() + raw[at:]
            case 4:
                raw = (
                    raw[:at] + bytes([raw[at % len(raw)] ^ (1 << chance.randrange(8))]) + raw[at + 1 :] if raw else b""
                )
            case 5:
                other = chance.randrange(len(raw) + 1)
                raw = raw[:at] + raw[other : other + span] + raw[at + span :]
            case 6:
                raw = raw[:at]
            case _:
                raw = raw[:at] + chance.choice(SECRETS).encode() + raw[at + span :]
    return raw


def a_token(chance: random.Random) -> Outcome:
    genuine = chance.choice(TOKENS).encode()
    changed = mutated(genuine, chance)
    open_envelope(changed, RING)
    unverified.receipt(changed)
    return "same" if changed == genuine else "accepted_with_another_meaning"


def a_signed_payload(chance: random.Random) -> Outcome:
    """A key in wrong hands, or a program gone wrong: the signature is right."""
    body = mutated(unb64(TOKENS[0].split(".")[1]), chance)
    envelope = open_envelope(CHAIN.signer.seal(body)[0], RING)
    plain = json.loads(body, object_pairs_hook=_once)
    understood = json.loads(msgspec.json.encode(envelope.payload))
    return "same" if plain == understood else "accepted_with_another_meaning"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object as a plain reader has it; a member that is there twice is another meaning."""
    return dict(pairs) if len({name for name, _ in pairs}) == len(pairs) else {"twice": pairs}


def a_header(chance: random.Random) -> Outcome:
    """Other members, another order or spelling, with the right signature over it: a header has one spelling."""
    members = json.loads(HEADER)
    for name in chance.sample(MEMBERS, chance.choice((0, 0, 1, 2))):
        members[name] = chance.choice(SAID_OF_THEM)
    names = chance.sample(list(members), len(members) - (chance.random() < 0.2))
    spaces = chance.choice(((",", ":"), (", ", ": ")))
    said = json.dumps({name: members[name] for name in names}, separators=spaces).encode()
    said = mutated(said, chance) if chance.random() < 0.3 else said
    signing_input = f"{b64(said)}.{TOKENS[0].split('.')[1]}"
    open_envelope(f"{signing_input}.{b64(CHAIN.signer._key.sign(signing_input.encode()))}", RING)
    return "same" if said == HEADER else "accepted_with_another_meaning"


def a_command(chance: random.Random) -> Outcome:
    role = chance.choice(tuple(NAMES))
    what: Any = chance.choice([*RIGHTS, "party"])
    data = CommandData(
        node=str(NODE),
        command=what,
        deadline=chance.choice(("2026-05-01T08:30:30.000Z", "2026-05-01T09:30:00.250Z", "2026-05-31T25:00:00.000Z")),
        target=chance.choice(("", "watch", "pause", "stays", *SECRETS)),
        first=chance.choice((None, 0, 1, 9, 2**60)),
        last=chance.choice((None, 1, 9, -4)),
    )
    body = spell(payload(Class.CMD, data, name=NAMES[role], kind="node", id=f"{chance.randrange(99):016x}"))
    body = mutated(body, chance) if chance.random() < 0.5 else body
    asked = open_envelope(signer(role).seal(body)[0], RING)
    Memory().admit(asked, at=AT, retained=chance.random() < 0.1)
    right = isinstance(asked.data, CommandData) and role in RIGHTS[asked.data.command]
    timely = isinstance(asked.data, CommandData) and 0 <= seconds(asked.data.deadline) - AT <= LONGEST_S
    return "same" if right and timely else "accepted_with_another_meaning"


def a_checkpoint(chance: random.Random) -> Outcome:
    changed = mutated(NOTE.encode(), chance).decode("utf-8", "replace")
    found = opened(changed, RING).checkpoint
    return "same" if found == MADE else "accepted_with_another_meaning"


def a_request(chance: random.Random) -> Outcome:
    for one in requests(mutated(REQUEST.encode(), chance).decode("utf-8", "replace")):
        Checkpoint.parse(one.split("\n\n")[1] + "\n")
    return "same"


def a_topic(chance: random.Random) -> Outcome:
    text = mutated(f"piazza/v1/{NODE}/evt/loitering".encode(), chance).decode("utf-8", "replace")
    return "same" if str(Topic.parse(text)) == text else "accepted_with_another_meaning"


def a_record(chance: random.Random) -> Outcome:
    """What a rule gone wrong might want to tell, with something in it that must not leave."""
    record: Any = chance.choice((event(), stat(), health()))
    secret = chance.choice(SECRETS)
    secret = secret if chance.random() < 0.5 else mutated(secret.encode(), chance).decode("latin-1")
    if isinstance(record, Event):
        field = chance.choice(("rule", "kind", "source", "zone", "label", "closed_by", "severity", "phase"))
        record = dataclasses.replace(record, **{field: secret})  # type: ignore[arg-type]
    elif isinstance(record, Health):
        record = dataclasses.replace(record, values=((secret, 1.0),))
    else:
        record = dataclasses.replace(record, values=((f"gate/{secret}/count", chance.uniform(-1e9, 1e9)),))
    told = [msgspec.json.encode(passed.data) + passed.kind.encode() for passed in DOOR.let_out(record, clock=_NTP)]
    known = not secret or secret in _KNOWN
    return "same" if known or not any(secret.encode() in one for one in told) else "accepted_with_another_meaning"


_NTP: Any = "ntp"
_KNOWN = frozenset({*WORDS.rules, *WORDS.sources, *WORDS.zones, "all", "person", "1", "0"})


class Desk:
    """A folder for what link leaves and for configurations."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def a_letter(self, chance: random.Random) -> Outcome:
        path = self.folder / "letter"
        path.write_bytes(mutated(b"live " + f"piazza/v1/{NODE}/rcpt/store\n".encode() + TOKENS[2].encode(), chance))
        letter = _read(path)
        if letter is not None:
            open_envelope(letter.payload, RING, topic=letter.topic)
        return "same"

    def some_numbers(self, chance: random.Random) -> Outcome:
        told = b'{"at": 1777624200.2, "link_connected": 1.0, "link_sessions": 3, "link_evt_kb_h": 0.5}'
        (self.folder / numbers.FILE).write_bytes(mutated(told, chance))
        found = numbers.read(self.folder)
        return "same" if set(found) <= numbers.NAMES | {numbers.AT} else "accepted_with_another_meaning"

    def a_configuration(self, chance: random.Random) -> Outcome:
        path = self.folder / "node.yaml"
        path.write_bytes(mutated(chance.choice(CONFIGS).encode(), chance))
        config.load(path)
        return "same"


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` inputs; how many of each kind, and what became of them."""
    chance = random.Random(seed)
    counts: Counter[str] = Counter(dict.fromkeys(("inputs", "refused", "same", *BAD), 0))
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as folder:
        desk = Desk(Path(folder))
        kinds: tuple[tuple[Callable[[random.Random], Outcome], float], ...] = (
            (a_token, 0.35), (a_header, 0.05), (a_signed_payload, 0.20), (a_record, 0.15), (a_topic, 0.10), (a_command, 0.05),
            (a_checkpoint, 0.04), (a_request, 0.02), (desk.some_numbers, 0.02), (desk.a_letter, 0.015),
            (desk.a_configuration, 0.005),
        )  # fmt: skip
        for kind in chance.choices([kind for kind, _ in kinds], weights=[share for _, share in kinds], k=count):
            counts["inputs"] += 1
            counts[tried(kind, chance)] += 1
    return counts


def tried(kind: Callable[[random.Random], Outcome], chance: random.Random) -> str:
    """What became of one input; anything that is no error of ours is unexpected, and told."""
    before = chance.getstate()
    try:
        outcome = kind(chance)
    except (Refused, PiazzaError):
        return "refused"
    except Exception as error:
        print(f"{kind.__name__}: {error!r}")
        return "unexpected"
    if outcome != "same":
        print(f"{kind.__name__}: {outcome} from state {hash(before)}")
    return outcome


if __name__ == "__main__":
    raise SystemExit(row.main("F6 fuzzed input", run, count=1_000_000, part=5_000, targets=BAD))
