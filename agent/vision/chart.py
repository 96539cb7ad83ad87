"""What a camera has learned, drawn for a person on the node: where things pass and how fast in each hour, and how far it is.

Text for a terminal, or one HTML page without scripts and without anything from elsewhere. The background
is the empty place as commissioning drew it, or nothing: no picture is read from anywhere else.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.vision.hourly import Hour
from agent.vision.learned import Learned, Stage
from agent.vision.places import COLUMNS, ROWS

_SHADES = " ░▒▓█"
_CELL = 30
_STEPS = 10
_STYLE = "body{font:15px sans-serif;max-width:60em;margin:2em auto;color:#222}svg{background:#ddd;width:100%}td{padding:.2em 1em .2em 0}input{position:absolute;opacity:0}.hour{display:none}"
_USUAL = (("speed", "body heights a second"), ("stay", "seconds in one place"))

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chart:
    """One camera's scene."""

    camera: str
    learned: Learned
    progress: float
    backdrop: bytes | None = None
    """A PNG of the empty place."""

    def text(self, hour: int | None = None) -> str:
        """For a terminal: facts, then the grid, darker where more pass; of one hour of the day where that is given."""
        busy = shares(self._traffic(hour).passed, least=self.learned.least)
        rows = ["".join(_SHADES[int(np.ceil(share * (len(_SHADES) - 1)))] * 2 for share in row) for row in busy]
        facts = (f"  {name}: {value}" for name, value in self.facts())
        return "\n".join([self.camera, *facts, *self._told_of(hour), *(f"  |{row}|" for row in rows)])

    def facts(self) -> Sequence[tuple[str, str]]:
        """What is known, in words."""
        learned = self.learned
        told = [
            ("stage", learned.stage(self.progress).name.lower()),
            ("progress", f"{self.progress:.0%}"),
            ("learned from", f"{learned.tracks} things in {learned.seconds / 3600:.1f} h"),
            ("prototypes", f"{len(learned.looks.means)}, each of {learned.least} things or more"),
        ]
        for name, unit in _USUAL:
            if (tail := learned.tails[name]).is_known:
                told.append(
                    (name, f"half reach {tail.reached_by(0.5):.2g}, one in ten {tail.reached_by(0.1):.2g} {unit}")
                )
        if learned.stage(self.progress) is not Stage.LEARNING:
            told.append(
                (
                    "score 1",
                    f"stated of one thing in ten; {learned.odd:.0%} of the latest reached it before they were learned",
                )
            )
        if learned.stage(self.progress) is Stage.DRIFTED:
            told.append(("drifted", f"{learned.odd:.0%} of the latest things are unlike what was learned"))
        return told

    def page(self) -> str:
        """A page that is whole by itself; which hour it shows is chosen without a script."""
        rows = "".join(f"<tr><td>{html.escape(name)}<td>{html.escape(value)}" for name, value in self.facts())
        shown = {"all": self._traffic(None)} | {f"{hour:02}": self._traffic(hour) for hour in self._hours()}
        chosen = "".join(
            f'<input type="radio" name="hour" id="h{name}"{" checked" * (name == "all")}>' for name in shown
        )
        labels = "".join(f'<label for="h{name}">{name}</label> ' for name in shown)
        style = "".join(
            f"#h{name}:checked~main .h{name}{{display:block}}#h{name}:checked~p [for=h{name}]{{font-weight:bold}}"
            for name in shown
        )
        fastest = max(float(self._speeds(one).max()) for one in shown.values())
        busy = {name: shares(one.passed, least=self.learned.least) for name, one in shown.items()}
        fast = {name: self._speeds(one) / max(fastest, 1e-6) for name, one in shown.items()}
        return (
            f'<!doctype html><meta charset="utf-8"><title>{html.escape(self.camera)}</title><style>{_STYLE}{style}</style>'
            f"<h1>{html.escape(self.camera)}</h1><table>{rows}</table>"
            f"{chosen}<p>Hour of the day: {labels}</p><main>"
            f"<h2>Where things pass, beside the busiest place of the hour</h2>{self._svg(busy)}"
            f"<h2>How fast, up to {fastest:.2g} body heights a second</h2>{self._svg(fast)}</main>"
            f"<p>A cell is coloured where {self.learned.least} things or more have passed, an hour is shown where so many did. "
            "Nothing here shows a person.</p>"
        )

    def _traffic(self, hour: int | None) -> Hour:
        """Of the whole day, or of an hour of it in which enough passed."""
        if hour is None:
            places = self.learned.places
            return Hour(places.tracks, places.passed, places.speeds)
        return self.learned.hourly.hours[hour] if hour in self._hours() else Hour()

    def _hours(self) -> list[int]:
        hours = self.learned.hourly.hours
        return sorted(hour for hour, one in hours.items() if one.tracks >= self.learned.least)

    def _told_of(self, hour: int | None) -> Iterator[str]:
        """The line over the grid."""
        if hour is None:
            return
        one = self._traffic(hour)
        if not one.tracks:
            yield f"  from {hour:02}:00: fewer than {self.learned.least} things"
        else:
            typical = float(one.speeds.sum() / max(float(one.passed.sum()), 1.0))
            yield f"  from {hour:02}:00: {one.tracks:.0f} things, {typical:.2g} body heights a second on the mean"

    def _speeds(self, one: Hour) -> Doubles:
        """Mean speeds of the cells that enough have crossed."""
        return np.asarray(np.where(one.passed >= self.learned.least, one.speeds / np.maximum(one.passed, 1.0), 0.0))

    def _svg(self, plates: Mapping[str, Doubles]) -> str:
        width, height = COLUMNS * _CELL, ROWS * _CELL
        ground = ""
        if self.backdrop:
            png = base64.b64encode(self.backdrop).decode()
            ground = f'<image width="{width}" height="{height}" preserveAspectRatio="none" href="data:image/png;base64,{png}"/>'
        drawn = "".join(f'<g class="hour h{name}">{_cells(plate)}</g>' for name, plate in plates.items())
        return f'<svg viewBox="0 0 {width} {height}">{ground}{drawn}</svg>'


def shares(passed: Doubles, *, least: int) -> Doubles:
    """Shares of the busiest cell; cells that fewer have crossed are empty."""
    counted = np.where(passed >= least, passed, 0.0)
    return np.asarray(counted / max(float(counted.max()), 1.0))


def _cells(plate: Doubles) -> str:
    """Coloured squares, one path for each of ten strengths."""
    paths = []
    steps = np.ceil(plate * _STEPS).astype(int)
    for step in range(1, _STEPS + 1):
        squares = "".join(
            f"M{column * _CELL} {row * _CELL}h{_CELL}v{_CELL}h-{_CELL}z" for row, column in np.argwhere(steps == step)
        )
        if squares:
            paths.append(f'<path fill="#d03020" fill-opacity="{0.1 + 0.6 * step / _STEPS:.2f}" d="{squares}"/>')
    return "".join(paths)
