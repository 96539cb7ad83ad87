"""The documentation as data: its pages, links, headings and fenced examples with the note above each.

A note is an HTML comment on the line before the fence, invisible to readers:
`<!-- run -->`, `<!-- run: exit 2 -->` (of its last command), `<!-- not run: reason -->` above console examples,
`<!-- world -->`, `<!-- not checked: reason -->` above YAML that is no node's configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "models").rglob("*.md")])
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_NOTE = re.compile(r"<!-- *((?:(?!-->).)*?) *-->\s*\Z", re.DOTALL)
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)|(?:src|href|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ +(.*?) *#*$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """A fenced block; `note` is the comment just above it, empty where there is none."""

    page: Path
    line: int
    language: str
    text: str
    note: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(CHECKOUT)}:{self.line}"


def examples(*languages: str) -> list[Example]:
    return [one for page in PAGES for one in _examples(page) if one.language in languages]


def _examples(page: Path) -> Iterator[Example]:
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        note = _NOTE.search(text[: found.start()])
        line = text.count("\n", 0, found.start()) + 1
        yield Example(page, line, found["language"], _dedented(found), note[1] if note else "")


def _dedented(found: re.Match[str]) -> str:
    return re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE)


def links(page: Path) -> list[str]:
    """Everything that the prose of a page points at; code is left out."""
    prose = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text(encoding="utf-8")))
    return [first or second for first, second in _LINK.findall(prose)]


def anchors(page: Path) -> set[str]:
    """The names that headings can be linked by, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console example (after `$ `, continued by a final backslash), each with its output."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = re.sub(r"\\\n *(?:> )?", "", part).partition("\n")
        yield command, output


def matches(shown: str, printed: str) -> bool:
    """Whether the output is what the page shows; `...` is anything, alone in its line also no line at all."""
    pattern = "".join(map(_pattern, shown.strip().splitlines()))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed.strip().splitlines()), re.DOTALL) is not None


def _pattern(line: str) -> str:
    if line.strip() == "...":
        return r"(?:.*\n)?"
    return re.escape(line.rstrip()).replace(re.escape("..."), ".*") + r" *\n"
