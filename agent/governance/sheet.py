"""A record as a person files it: titled tables in which every line says where it comes from; Markdown or HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem}
table{border-collapse:collapse;width:100%;margin-bottom:1.5rem}td,th{border:1px solid #8a8f99;padding:.3rem .6rem;text-align:left;vertical-align:top}
td.from{font-family:ui-monospace,monospace;font-size:.85rem}tr.open td{font-style:italic}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line; without `sources` it is for a person to complete."""

    title: str
    text: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One table."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The whole record in one language; `heads` are the three heads of its tables."""

    language: str
    title: str
    intro: str
    heads: tuple[str, str, str]
    sections: Sequence[Section]


def markdown(sheet: Sheet) -> str:
    """The record as Markdown."""
    parts = [f"# {sheet.title}", sheet.intro]
    for section in sheet.sections:
        lines = [f"## {section.title}", "", _line(*sheet.heads), "|---|---|---|"]
        lines += [_line(row.title, row.text, _from(row)) for row in section.rows]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def html(sheet: Sheet) -> str:
    """The same as one page that needs nothing else."""
    tables = "".join(_table(sheet, section) for section in sheet.sections)
    return (
        f'<!doctype html><html lang="{sheet.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(sheet.title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(sheet.title)}</h1><p>{escape(sheet.intro)}</p>{tables}</main></body></html>\n"
    )


def _line(*cells: str) -> str:
    escaped = (cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _table(sheet: Sheet, section: Section) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in sheet.heads)
    return f"<h2>{escape(section.title)}</h2><table><tr>{head}</tr>{''.join(map(_row, section.rows))}</table>"


def _row(row: Row) -> str:
    kind = "" if row.sources else ' class="open"'
    cells = f'<td>{escape(row.title)}</td><td>{escape(row.text)}</td><td class="from">{escape(_from(row))}</td>'
    return f"<tr{kind}>{cells}</tr>"


def _from(row: Row) -> str:
    """Its sources, each once."""
    return ", ".join(dict.fromkeys(row.sources))
