"""What a camera has learned, drawn for a person on the node: where things pass, how fast, and how far it is.

Text for a terminal, or one HTML page without scripts and without anything from elsewhere. The background
is the empty place as commissioning drew it, or nothing: no picture is read from anywhere else.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.vision.learned import Learned, Stage
from agent.vision.places import COLUMNS, ROWS

_SHADES = " ░▒▓█"
_CELL = 30
_STYLE = "body{font:15px sans-serif;max-width:60em;margin:2em auto;color:#222}svg{background:#ddd;width:100%}td{padding:.2em 1em .2em 0}"
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

    def text(self) -> str:
        """For a terminal: facts, then the grid, darker where more pass."""
        shades = [
            "".join(_SHADES[int(np.ceil(share * (len(_SHADES) - 1)))] * 2 for share in row) for row in self._busy()
        ]
        facts = (f"  {name}: {value}" for name, value in self.facts())
        return "\n".join([self.camera, *facts, *(f"  |{row}|" for row in shades)])

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
        if learned.stage(self.progress) is Stage.DRIFTED:
            told.append(("drifted", f"{learned.odd:.0%} of the latest things are unlike what was learned"))
        return told

    def page(self) -> str:
        """A page that is whole by itself."""
        rows = "".join(f"<tr><td>{html.escape(name)}<td>{html.escape(value)}" for name, value in self.facts())
        return (
            f'<!doctype html><meta charset="utf-8"><title>{html.escape(self.camera)}</title><style>{_STYLE}</style>'
            f"<h1>{html.escape(self.camera)}</h1><table>{rows}</table>"
            f"<h2>Where things pass</h2>{self._svg(self._busy())}"
            f"<h2>How fast, up to {self._fastest():.2g} body heights a second</h2>{self._svg(self._speeds())}"
            f"<p>A cell is coloured where {self.learned.least} things or more have passed. Nothing here shows a person.</p>"
        )

    def _busy(self) -> Doubles:
        """Shares of the busiest cell; cells that fewer have crossed are empty."""
        passed = np.where(self.learned.places.passed >= self.learned.least, self.learned.places.passed, 0.0)
        return np.asarray(passed / max(float(passed.max()), 1.0))

    def _mean_speeds(self) -> Doubles:
        places = self.learned.places
        return np.asarray(
            np.where(places.passed >= self.learned.least, places.speeds / np.maximum(places.passed, 1.0), 0.0)
        )

    def _fastest(self) -> float:
        return float(self._mean_speeds().max())

    def _speeds(self) -> Doubles:
        return np.asarray(self._mean_speeds() / max(self._fastest(), 1e-6))

    def _svg(self, shares: Doubles) -> str:
        width, height = COLUMNS * _CELL, ROWS * _CELL
        ground = ""
        if self.backdrop:
            png = base64.b64encode(self.backdrop).decode()
            ground = f'<image width="{width}" height="{height}" preserveAspectRatio="none" href="data:image/png;base64,{png}"/>'
        cells = "".join(
            f'<rect x="{column * _CELL}" y="{row * _CELL}" width="{_CELL}" height="{_CELL}" fill="#d03020" '
            f'fill-opacity="{0.1 + 0.6 * shares[row, column]:.2f}"/>'
            for row, column in np.argwhere(shares > 0.0).tolist()
        )
        return f'<svg viewBox="0 0 {width} {height}">{ground}{cells}</svg>'
