"""F15: a stream is tampered with; each way of doing so is named for what it is.

    python -m tests.faults.f15_tampering [--count N] [--seed N] [--json]

Each stream is made by a real chain of 5 to 40 envelopes and heads; one attack is done to it and the
file is judged as `piazza verify` judges it. An attack counts as named when the report says exactly
the words and numbers that belong to it, and an untouched stream when it says nothing. `piazza audit` judges
each stream too and must find fault with the same ones; and where node and store keep silent about a tail, with heads and
receipts that fit what is left, what a witness saw must show exactly that tail.
"""

from __future__ import annotations

import dataclasses
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from agent.contract.audit import Report, judge
from agent.contract.checkpoint import Checkpoint, cosign, origin
from agent.contract.jws import GENESIS, Key, KeyRing, Signer, b64, digest, unb64
from agent.contract.topics import Class
from agent.contract.types import HeadData
from agent.subscriber.audit import Evidence, read_all
from agent.subscriber.audit_chain import judge as judge_chain
from tests.contract.makers import AT, NODE, STORE, Chain, event, signer
from tests.faults import row

BAD = ("not_named", "false_alarms", "audits_differ", "silenced_not_shown")
Said = dict[str, Any]


@dataclasses.dataclass
class Stream:
    """Tokens in the order of their numbers (tokens[0] is number 1) and the last head."""

    chain: Chain
    tokens: list[str]
    head: str
    randomness: random.Random

    def any_number(self, *, first: int = 1, but_last: int = 0) -> int:
        return self.randomness.randint(first, len(self.tokens) - but_last)

    def lines(self) -> list[str]:
        return [*self.tokens, self.head]


Attack = Callable[[Stream], tuple[list[str], Said]]
"""What is left of a stream after the attack, and what must be said of it."""


def left_alone(stream: Stream) -> tuple[list[str], Said]:
    return stream.lines(), {}


def dropped(stream: Stream) -> tuple[list[str], Said]:
    """Some in the middle are left out."""
    first = stream.any_number(but_last=1)
    last = stream.randomness.randint(first, len(stream.tokens) - 1)
    return [*stream.tokens[: first - 1], *stream.tokens[last:], stream.head], {"missing": ((first, last),)}


def truncated(stream: Stream) -> tuple[list[str], Said]:
    """The end is cut off; only the head still knows of it."""
    kept = stream.any_number(but_last=1)
    return [*stream.tokens[:kept], stream.head], {"missing": ((kept + 1, len(stream.tokens)),)}


def reordered(stream: Stream) -> tuple[list[str], Said]:
    """Order of arrival proves nothing and must raise nothing."""
    lines = stream.lines()
    stream.randomness.shuffle(lines)
    return lines, {}


def duplicated(stream: Stream) -> tuple[list[str], Said]:
    number = stream.any_number()
    lines = stream.lines()
    lines.insert(stream.randomness.randrange(number, len(lines) + 1), stream.tokens[number - 1])
    return lines, {"duplicate": ((number, number),)}


def altered(stream: Stream) -> tuple[list[str], Said]:
    """One letter of the payload is another."""
    number = stream.any_number()
    header, body, signature = stream.tokens[number - 1].split(".")
    at = stream.randomness.randrange(len(body))
    other = stream.randomness.choice([letter for letter in "ABCDEFGHabcdefgh01234567-_" if letter != body[at]])
    return _with(stream, number, f"{header}.{body[:at]}{other}{body[at + 1 :]}.{signature}"), _refused(number, None)


def resigned(stream: Stream) -> tuple[list[str], Said]:
    """The content is changed and signed by somebody's own key."""
    number = stream.any_number()
    body = unb64(stream.tokens[number - 1].split(".")[1])
    token, _ = Signer(stream.randomness.randbytes(32)).seal(body)
    return _with(stream, number, token), _refused(number, "unknown-key")


def under_our_name(stream: Stream) -> tuple[list[str], Said]:
    """The same with our key's id in the header."""
    number = stream.any_number()
    header, body, _ = stream.tokens[number - 1].split(".")
    _, _, signature = Signer(stream.randomness.randbytes(32)).seal(unb64(body))[0].split(".")
    return _with(stream, number, f"{header}.{body}.{signature}"), _refused(number, "signature")


def algorithm_none(stream: Stream) -> tuple[list[str], Said]:
    number = stream.any_number()
    _, body, signature = stream.tokens[number - 1].split(".")
    header = f'{{"alg":"none","kid":"{stream.chain.signer.kid}","typ":"piazza+jws"}}'
    kept = stream.randomness.choice(["", signature])
    return _with(stream, number, f"{b64(header.encode())}.{body}.{kept}"), _refused(number, "header")


def swapped(stream: Stream) -> tuple[list[str], Said]:
    """The signature of another message of the same node."""
    number = stream.any_number(first=2)
    header, body, _ = stream.tokens[number - 1].split(".")
    signature = stream.tokens[number - 2].split(".")[2]
    return _with(stream, number, f"{header}.{body}.{signature}"), _refused(number, "signature")


def cloned(stream: Stream) -> tuple[list[str], Said]:
    """A second holder of the key goes on from some number with a story of its own."""
    since = stream.any_number(but_last=1)
    clone = Chain()
    clone.seq, clone.prev = since - 1, stream.randomness.randbytes(32).hex() if since > 1 else GENESIS
    other = clone.make(data=event(rule="cloned"))
    return [*stream.lines(), other], {"equivocation": ((since, since),)}


def forked_head(stream: Stream) -> tuple[list[str], Said]:
    """A head that names another content for the last number."""
    last = len(stream.tokens)
    lie = stream.chain.make(Class.HEAD, HeadData(seq=last, digest=stream.randomness.randbytes(32).hex()), kind="node")
    return [*stream.tokens, lie], {"equivocation": ((last, last),)}


def rolled_back(stream: Stream) -> tuple[list[str], Said]:
    """A later head of the same boot promises less."""
    seq = stream.any_number(but_last=1)
    digest = _digest_of(stream, seq)
    lower = stream.chain.make(Class.HEAD, HeadData(seq=seq, digest=digest), kind="node")
    return [*stream.lines(), lower], {"rolled-back": ((seq + 1, len(stream.tokens)),)}


def unhinged(stream: Stream) -> tuple[list[str], Said]:
    """With the key itself, something is taken out and what follows is numbered anew."""
    number = stream.any_number(first=2, but_last=1)
    forged = Chain()
    forged.seq, forged.prev = number - 1, stream.randomness.randbytes(32).hex()
    return [*stream.tokens[: number - 1], forged.make()], {"broken": ((number, number),)}


ATTACKS: tuple[Attack, ...] = (
    left_alone, dropped, truncated, reordered, duplicated, altered, resigned, under_our_name, algorithm_none, swapped,
    cloned, forked_head, rolled_back, unhinged,
)  # fmt: skip


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` streams, the attacks in turn."""
    randomness = random.Random(seed)
    counts: Counter[str] = Counter(streams=count, attacks=len(ATTACKS) - 1, named=0, not_named=0, false_alarms=0)
    counts.update(audits_differ=0, silenced=0, silenced_not_shown=0)
    for number in range(count):
        attack = ATTACKS[number % len(ATTACKS)]
        stream = _stream(randomness)
        lines, expected = attack(stream)
        report = judge([line.encode() for line in lines], stream.chain.ring, from_first=True)
        named = _said(report, reasons="refused" not in expected or expected["refused"][0][1] is not None) == expected
        counts["named" if named else "false_alarms" if attack is left_alone else "not_named"] += 1
        counts["audits_differ"] += audited(lines, stream.chain.ring) != report.whole
        if attack is truncated:
            counts["silenced"] += 1
            counts["silenced_not_shown"] += not shown_by_a_witness(stream)
    return counts


def audited(lines: list[str], ring: KeyRing) -> bool:
    """Whether an audit finds the lines whole."""
    evidence = Evidence()
    evidence.take(read_all([line.encode() for line in lines], ring))
    return not evidence.refused and not any(judge_chain(one, from_first=True).wrong for one in evidence.joined())


def shown_by_a_witness(stream: Stream) -> bool:
    """A tail is left out, and a head for what is left signed anew; the head that a witness saw names the tail."""
    kept, last = stream.any_number(but_last=1), len(stream.tokens)
    ring = stream.chain.ring
    ring.add(Key(signer("witness").kid, signer("witness").public, "witness", str(STORE)))
    seen = Checkpoint(f"{origin(NODE, stream.chain.signer.kid)}/head", last, bytes.fromhex(_digest_of(stream, last)))
    lie = stream.chain.make(Class.HEAD, HeadData(seq=kept, digest=_digest_of(stream, kept)), kind="node")
    evidence = Evidence()
    evidence.take(read_all([line.encode() for line in (*stream.tokens[:kept], lie)], ring))
    evidence.take_note(f"{seen}\n{cosign(seen, signer('witness'), str(STORE), at=AT)}", ring)
    (verdict,) = (judge_chain(one, from_first=True) for one in evidence.joined())
    return verdict.wrong == {"truncated": ((kept + 1, last),)}


def _stream(randomness: random.Random) -> Stream:
    chain = Chain()
    tokens = [chain.make() for _ in range(randomness.randint(5, 40))]
    head = chain.make(Class.HEAD, HeadData(seq=chain.seq, digest=chain.prev), kind="node")
    return Stream(chain, tokens, head, randomness)


def _said(report: Report, *, reasons: bool) -> Said:
    """All words of a report with their numbers, refused lines with or without the reason."""
    (node,) = report.nodes.values()
    said: Said = {**node.wrong(), **node.noted()}
    if report.refused:
        said["refused"] = tuple((line, why if reasons else None) for line, why in report.refused)
    return said


def _with(stream: Stream, number: int, token: str) -> list[str]:
    """The stream with another token in the place of a number."""
    return [*stream.tokens[: number - 1], token, *stream.tokens[number:], stream.head]


def _refused(number: int, why: str | None) -> Said:
    """A line that is refused leaves its number missing; `why` of None is any reason."""
    return {"missing": ((number, number),), "refused": ((number, why),)}


def _digest_of(stream: Stream, number: int) -> str:
    return digest(stream.tokens[number - 1].rpartition(".")[0])


if __name__ == "__main__":
    raise SystemExit(
        row.main("F15 tampering", run, count=10_000, long=100_000, part=500, same=("attacks",), targets=BAD)
    )
