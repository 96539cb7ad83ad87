"""Text from outside on a person's terminal: letters, and nothing that steers the terminal or turns the line around."""

from __future__ import annotations

_C0, _DELETE_AND_C1 = range(0x20), range(0x7F, 0xA0)
_LINES = (0x2028, 0x2029)
_TURNS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Marks by which a text is shown in another order than it is written in (CVE-2021-42574)."""

_ESCAPED = {number: f"\\u{number:04x}" for number in (*_C0, *_DELETE_AND_C1, *_LINES, *_TURNS)}
_ESCAPED_BUT_LINES = {number: escape for number, escape in _ESCAPED.items() if chr(number) not in "\n\t"}


def printable(text: str, *, keep_lines: bool = False) -> str:
    r"""The same letters, with `\u001b` where an escape stood; `keep_lines` leaves line ends and tabs, which are our own.

    JSON stays the same JSON by it.
    """
    return text.translate(_ESCAPED_BUT_LINES if keep_lines else _ESCAPED)
