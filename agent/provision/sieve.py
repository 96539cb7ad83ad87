"""What may go into a support bundle: text that holds no secret and can hold no picture.

The invariant: every byte passes here. What is no text is left out whole; what looks like a key, a token, a password or
a long run of encoded bytes is replaced; so is each line that has become longer than a log line needs to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

GONE = "[taken out]"
LONGEST = 2000
"""Characters of a line; a picture of 100 x 100 in any code has more."""
MOST = 400_000
"""Characters of one file; the end is kept, because the fault is there."""

_PATTERNS = (
    re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}"),
    re.compile(r"(?<=://)[^\s/@]+(?=@)"),
    re.compile(
        r"(?im)(?<![\w-])((?=[\w-]*(?:password|passphrase|passwd|psk|secret|token|api[_-]?key|private[_-]?key|credential))[\w-]*+"
        r"[\"']?\s*+[:=]\s*+)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;}]+)"
    ),
    re.compile(r"\b(?:https?|rtsps?)://[^\s#]{0,500}#\S+"),
    re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?){65,}"),
    re.compile(r"[\w+/=-]{90,}"),
    re.compile(r"(?:\b\d{1,3}[\s,;\[\]()]+){60,}"),
)
"""Certificates and keys; signed tokens; users of addresses; named secrets; codes of labels; dumps; encoded bytes; pixels.

None goes back over what it has read again and again: a broker may write a log's words as it likes.
"""


def sieved(content: bytes) -> str | None:
    """What of `content` may be passed on; None where it is no text."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if any(character < " " and character not in "\n\t\r" for character in text):
        return None
    for pattern in _PATTERNS:
        text = pattern.sub(_replaced, text)
    return "".join(_lines(text[-MOST:]))


def _replaced(found: re.Match[str]) -> str:
    """A named secret keeps its name, so that a reader sees that one was there."""
    return f"{found[1]}{GONE}" if found.lastindex else GONE


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        yield line if len(line) <= LONGEST else f"{line[:80]}{GONE}\n"
