"""The Merkle tree over what somebody holds: one short digest that stands for all of it (RFC 6962, section 2.1).

Pure. The invariants: the root of a list is the root that every transparency log computes for it, and a
proof verifies only if the longer list begins with the whole of the shorter one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

VACANT = bytes(32)
"""What stands in the list for a number that its node gave up; no digest is all zeros."""

EMPTY = hashlib.sha256(b"").digest()


def leaf(entry: bytes) -> bytes:
    """The hash of one entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over hashes of entries."""
    level = list(leaves)
    if not level:
        return EMPTY
    while len(level) > 1:
        paired = [_join(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def consistency(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """What proves that the list begins with its first `size` entries; 0 < size <= len(leaves)."""
    return _prove_begin(leaves, size, whole=True) if size < len(leaves) else []


def begins_with(proof: Sequence[bytes], *, old: tuple[int, bytes], new: tuple[int, bytes]) -> bool:
    """Whether `proof` shows that the list of size and root `new` begins with the one of `old` (RFC 9162, 2.1.4.2)."""
    (old_size, old_root), (new_size, new_root) = old, new
    if not 0 < old_size < new_size:
        return not proof and old_size in (0, new_size) and (old_size == 0 or old_root == new_root)
    steps = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not steps:
        return False
    return _climb(steps, old_size - 1, new_size - 1) == (old_root, new_root)


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """What proves that the entry at `index`, counted from 0, is in the list; the lowest sister first."""
    if len(leaves) <= 1:
        return []
    half = _half(len(leaves))
    if index < half:
        return [*inclusion(leaves[:half], index), root(leaves[half:])]
    return [*inclusion(leaves[half:], index - half), root(leaves[:half])]


def includes(proof: Sequence[bytes], entry: bytes, *, index: int, size: int, expected: bytes) -> bool:
    """Whether `proof` shows that `entry` stands at `index` of the list of `size` and root `expected`."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf(entry)
    for sister in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = _join(sister, found)
            node, last = _past_lefts(node, last)
        else:
            found = _join(found, sister)
        node, last = node >> 1, last >> 1
    return last == 0 and found == expected


def _climb(steps: Sequence[bytes], node: int, last: int) -> tuple[bytes, bytes] | None:
    """The two roots that a proof of consistency leads to."""
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return None
        if node & 1 or node == last:
            old, new = _join(step, old), _join(step, new)
            node, last = _past_lefts(node, last)
        else:
            new = _join(new, step)
        node, last = node >> 1, last >> 1
    return (old, new) if last == 0 else None


def _past_lefts(node: int, last: int) -> tuple[int, int]:
    """Up from where there is no right sister to where we are one."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _prove_begin(leaves: Sequence[bytes], size: int, *, whole: bool) -> list[bytes]:
    """RFC 6962, section 2.1.2; `whole` while what was shown is the old list itself, whose root is known."""
    if size == len(leaves):
        return [] if whole else [root(leaves)]
    half = _half(len(leaves))
    if size <= half:
        return [*_prove_begin(leaves[:half], size, whole=whole), root(leaves[half:])]
    return [*_prove_begin(leaves[half:], size - half, whole=False), root(leaves[:half])]


def _half(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()
