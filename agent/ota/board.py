"""A rollout as a person sees it: lines for a terminal, and one HTML page that needs nothing else.

Pure: a `Progress` in, text out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape

from agent.ota.rollout import Member, Progress, Stage, Standing

SIGNS = {
    Standing.WAITING: "·",
    Standing.TOUCHED: "…",
    Standing.WELL: "✓",
    Standing.FAILED: "✗",
    Standing.SILENT: "?",
}
COLOURS = {
    Standing.WAITING: "#d5d8dc",
    Standing.TOUCHED: "#f5b041",
    Standing.WELL: "#27ae60",
    Standing.FAILED: "#c0392b",
    Standing.SILENT: "#7d3c98",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "h1{font-size:1.3rem}h2{font-size:1rem;margin:1rem 0 .3rem}"
    ".n{display:inline-block;width:1.5rem;height:1.5rem;margin:1px;text-align:center;border-radius:3px;color:#fff}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ccc}"
    "@media(prefers-color-scheme:dark){body{background:#17202a;color:#eaecee}}"
)


def headline(progress: Progress) -> str:
    """How it stands, in one sentence."""
    counts = ", ".join(f"{progress.count(one)} {one}" for one in Standing if progress.count(one))
    wave = f"wave {progress.wave + 1} of {len(progress.waves)}"
    why = f" ({progress.why})" if progress.why else ""
    return f"{progress.stage}{why}: {wave}; {counts}"


def lines(progress: Progress) -> list[str]:
    """The headline, then each comune with one sign a node."""
    width = max(len(comune) for comune, _ in _by_comune(progress))
    rows = [
        f"{comune:{width}}  {''.join(SIGNS[progress.standing_of(member.name)] for member in members)}"
        for comune, members in _by_comune(progress)
    ]
    legend = "  ".join(f"{sign} {standing}" for standing, sign in SIGNS.items())
    return [headline(progress), *rows, legend]


def page(progress: Progress, *, at: float, refresh_s: int = 10) -> str:
    """The same as an HTML page, which asks to be read anew while the rollout goes on."""
    going = progress.stage in (Stage.RUNNING, Stage.PAUSED)
    again = f'<meta http-equiv="refresh" content="{refresh_s}">' if going else ""
    told = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    comuni = "".join(
        f"<h2>{escape(comune)}</h2><p>{''.join(_cell(progress, member) for member in members)}</p>"
        for comune, members in _by_comune(progress)
    )
    counts = "".join(f"<tr><th>{one}</th><td>{progress.count(one)}</td></tr>" for one in Standing)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}<title>Rollout: {progress.stage}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(headline(progress))}</h1><p>{told}</p>"
        f"<table>{counts}</table>{comuni}</body></html>\n"
    )


def _cell(progress: Progress, member: Member) -> str:
    standing = progress.standing_of(member.name)
    return (
        f'<span class="n" style="background:{COLOURS[standing]}" title="{escape(member.name)}: {standing}">'
        f"{SIGNS[standing]}</span>"
    )


def _by_comune(progress: Progress) -> Iterator[tuple[str, list[Member]]]:
    found: dict[str, list[Member]] = {}
    for member in progress.members:
        found.setdefault(member.comune, []).append(member)
    yield from sorted(found.items())
