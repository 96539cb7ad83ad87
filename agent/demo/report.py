"""What happened, as one HTML file that needs nothing else: counts over time, the place, the events.

The only picture in it is the backdrop: coarse, and without anybody.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from agent.demo.viewer import brief
from agent.subscriber.board import Line

Counts = Sequence[tuple[float, dict[str, float]]]
COLOURS = ("#1f77b4", "#d95f02", "#1b9e77", "#7570b3", "#b8860b", "#666666")
_WIDE, _HIGH = 640, 200

_STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--paper:#fff;--faint:#e4e4e4;--dim:#5c5c5c;--good:#116329}
@media(prefers-color-scheme:dark){:root{--ink:#eee;--paper:#16181c;--faint:#33373d;--dim:#a8a8a8;--good:#56d364}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
svg{width:100%;height:auto}figure{margin:0}figcaption,.dim{color:var(--dim);font-size:.9rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}td,th{padding:.3rem .5rem;text-align:left;vertical-align:top;border-bottom:1px solid var(--faint)}
.ok{color:var(--good);white-space:nowrap}.warning,.alarm{font-weight:600}.scroll{overflow-x:auto}
ul.key{list-style:none;padding:0;display:flex;gap:1rem;flex-wrap:wrap}ul.key span{display:inline-block;width:.8rem;height:.8rem;margin-right:.35rem}
"""


@dataclass(frozen=True, slots=True)
class Story:
    """What a report tells."""

    summary: str
    view: dict[str, Any]
    counts: Counts
    lines: Sequence[Line]
    backdrop: bytes


def write(path: Path, story: Story) -> None:
    """The report at `path`."""
    path.write_text(html(story), encoding="utf-8")


def html(story: Story) -> str:
    """The whole page."""
    zones = [zone["id"] for zone in story.view["zones"]]
    return f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>Piazza: what was seen</title>
<style>{_STYLE}</style></head><body>
<h1>What was seen, and what was told</h1><p>{escape(story.summary)}</p>
<h2>How many were where</h2>{_key(zones)}{_chart(story.counts, zones)}
<h2>The place</h2>{_map(story, zones)}
<h2>What a subscriber was told</h2>{_events(story.lines)}
<p class="dim">No picture of anybody left the node: subscribers got the lines above, each signed. The picture here was
drawn on the node itself while its owner stood before it: the median of many moments, without every place where
somebody was, {96} pixels wide.</p></body></html>
"""


def _key(zones: Sequence[str]) -> str:
    items = (f'<li><span style="background:{_colour(n)}"></span>{escape(zone)}</li>' for n, zone in enumerate(zones))
    return f'<ul class="key">{"".join(items)}</ul>'


def _chart(counts: Counts, zones: Sequence[str]) -> str:
    """One stepped line a zone: everything that stood in it."""
    if len(counts) < 2:  # noqa: PLR2004 -- a line needs two points
        return '<p class="dim">Too short to draw.</p>'
    since, until = counts[0][0], counts[-1][0]
    most = max(1.0, *(numbers.get(f"{zone}/all/occupancy", 0.0) for _, numbers in counts for zone in zones))
    lines = "".join(_line(counts, zone, n, since=since, until=until, most=most) for n, zone in enumerate(zones))
    labels = (
        f'<text x="4" y="14" class="t">{most:.0f}</text><text x="4" y="{_HIGH - 6}" class="t">0</text>'
        f'<text x="{_WIDE - 6}" y="{_HIGH - 6}" class="t" text-anchor="end">{until - since:.0f} s</text>'
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="counts of each zone over time">'
        f"<style>.t{{font:12px sans-serif;fill:currentColor}}</style>"
        f'<path d="M0 {_HIGH - 2}H{_WIDE}" stroke="currentColor" opacity=".4"/>{lines}{labels}</svg></figure>'
    )


def _line(counts: Counts, zone: str, number: int, *, since: float, until: float, most: float) -> str:
    steps: list[str] = []
    for at, numbers in counts:
        x = _WIDE * (at - since) / max(until - since, 1e-9)
        y = _HIGH - 4 - (_HIGH - 24) * numbers.get(f"{zone}/all/occupancy", 0.0) / most
        steps.append(f"{x:.1f} {y:.1f}" if not steps else f"H{x:.1f}V{y:.1f}")
    return f'<path d="M{"".join(steps)}" fill="none" stroke="{_colour(number)}" stroke-width="2"/>'


def _map(story: Story, zones: Sequence[str]) -> str:
    picture = ""
    if story.backdrop:
        data = base64.b64encode(story.backdrop).decode("ascii")
        picture = (
            f'<image href="data:image/png;base64,{data}" width="400" height="300" preserveAspectRatio="none" '
            'style="image-rendering:pixelated"/>'
        )
    shapes = "".join(_polygon(zone["polygon"], _colour(n)) for n, zone in enumerate(story.view["zones"]))
    shapes += "".join(_border(line) for line in story.view["lines"])
    shapes += "".join(_polygon(mask, "#000", opacity=0.75) for mask in story.view["masks"])
    caption = f"Zones {', '.join(map(escape, zones))}; the dashed line counts passages; black is masked before anything sees it."
    return (
        f'<figure><svg viewBox="0 0 400 300" role="img" aria-label="zones drawn on the empty place">{picture}{shapes}'
        f"</svg><figcaption>{caption}</figcaption></figure>"
    )


def _polygon(points: Sequence[Sequence[float]], colour: str, *, opacity: float = 0.25) -> str:
    corners = " ".join(f"{x * 400:.0f},{y * 300:.0f}" for x, y in points)
    return f'<polygon points="{corners}" fill="{colour}" fill-opacity="{opacity}" stroke="{colour}" stroke-width="2"/>'


def _border(line: dict[str, Any]) -> str:
    (x0, y0), (x1, y1) = line["start"], line["end"]
    return (
        f'<line x1="{x0 * 400:.0f}" y1="{y0 * 300:.0f}" x2="{x1 * 400:.0f}" y2="{y1 * 300:.0f}" '
        'stroke="#fff" stroke-width="3" stroke-dasharray="8 5"/>'
    )


def _events(lines: Sequence[Line]) -> str:
    rows = "".join(
        f'<tr class="{line.severity}"><td class="dim">{_clock(line.at)}</td><td class="ok">{escape(str(line.mark or ""))}</td>'
        f"<td>{escape(line.text)}</td></tr>"
        for line in brief(lines)
    )
    return f'<div class="scroll"><table><thead><tr><th>time</th><th>proof</th><th>what</th></tr></thead>{rows}</table></div>'


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")
