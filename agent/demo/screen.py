"""What a demonstration shows: a live screen on a terminal, plain lines anywhere else."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, Group
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agent.crew import Member
from agent.demo.viewer import Viewer, brief
from agent.records import Severity
from agent.subscriber import Mark
from agent.subscriber.board import Line

COLOURS = {Severity.NOTICE: "cyan", Severity.WARNING: "yellow", Severity.ALARM: "bold red"}
SIGNS = {Mark.VERIFIED: "[green]✓[/]", Mark.DUPLICATE: "[dim]=[/]"}
STATES = {"running": "green", "dead": "bold red", "waiting": "yellow", "done": "dim"}

LEFT = 46
"""Columns of what the node itself knows."""

_SPEEDS = ("still", "slow", "walking", "running")


class Screen(Protocol):
    """Shows how things stand, and the lines that are new."""

    def live(self) -> AbstractContextManager[object]: ...
    def show(self, viewer: Viewer, crew: Sequence[Member], new: Sequence[Line], *, left_s: float) -> None: ...


class Plain:
    """Lines as they come, for a pipe or a log."""

    def live(self) -> AbstractContextManager[object]:
        return nullcontext()

    def show(self, viewer: Viewer, crew: Sequence[Member], new: Sequence[Line], *, left_s: float) -> None:
        del viewer, crew, left_s
        for line in new:
            print(f"{_clock(line.at)} {line.mark or '!'} {line.text}", flush=True)


class Terminal:
    """Zones, processes and the chain on the left, what was told on the right."""

    def __init__(self) -> None:
        self._live = Live(console=Console(), refresh_per_second=4, screen=False)

    def live(self) -> AbstractContextManager[object]:
        return self._live

    def show(self, viewer: Viewer, crew: Sequence[Member], new: Sequence[Line], *, left_s: float) -> None:
        del new
        title = f"what a subscriber sees · {left_s:.0f} s left · Ctrl-C ends"
        columns, rows = self._live.console.size
        self._live.update(_layout(viewer, crew, title, columns=columns, rows=rows - 4))


def picture(viewer: Viewer, crew: Sequence[Member], *, columns: int = 136, rows: int = 24) -> str:
    """The screen as it is now, as an SVG that needs nothing from elsewhere."""
    console = Console(record=True, file=io.StringIO(), width=columns, height=rows, force_terminal=True)
    console.print(_layout(viewer, crew, "what a subscriber sees", columns=columns, rows=rows - 2), height=rows)
    from_the_web = re.compile(r"<!-- Generated.*?-->\s*|@font-face \{.*?\}\s*", re.DOTALL)
    return from_the_web.sub("", console.export_svg(title="piazza demo"))


def _layout(viewer: Viewer, crew: Sequence[Member], title: str, *, columns: int, rows: int) -> Layout:
    layout = Layout()
    layout.split_row(Layout(name="left", size=LEFT), Layout(name="right"))
    layout["left"].update(Group(_zones(viewer), _processes(crew), _chain(viewer)))
    told = [_text(line) for line in brief(viewer.lines[-2 * rows :])]
    layout["right"].update(Panel(Group(*_newest(told, columns=columns - LEFT - 4, rows=rows)), title=title))
    return layout


def _newest(told: Sequence[Text], *, columns: int, rows: int) -> list[Text]:
    """The last lines that fit into so many rows, each as long as it is."""
    kept: list[Text] = []
    for text in reversed(told):
        rows -= -(-text.cell_len // max(1, columns))
        if rows < 0:
            break
        kept.insert(0, text)
    return kept


def _zones(viewer: Viewer) -> Panel:
    table = Table(box=None, expand=True)
    for column in ("zone", "who", "now", "longest", "fastest"):
        table.add_column(column)
    numbers = viewer.latest()
    for quantity in sorted(numbers):
        zone, _, rest = quantity.partition("/")
        label, _, measure = rest.partition("/")
        if measure == "count":
            speed = _SPEEDS[int(numbers.get(f"{zone}/{label}/speed_class", 0.0))]
            stay = numbers.get(f"{zone}/{label}/stay_s", 0.0)
            table.add_row(zone, label, f"{numbers[quantity]:.0f}", f"{stay:.0f} s", speed)
    seen = f"{numbers.get('camera/fps', 0.0):.1f} frames/s · {numbers.get('camera/inference_ms', 0.0):.0f} ms a look"
    return Panel(Group(table, Text(seen, style="dim")), title="on the node, and only there")


def _processes(crew: Sequence[Member]) -> Panel:
    table = Table(box=None, expand=True, show_header=False)
    for member in crew:
        again = f"started {member.starts} times" if member.starts > 1 else ""
        table.add_row(member.name, Text(member.state, style=STATES[member.state]), again)
    return Panel(table, title="processes")


def _chain(viewer: Viewer) -> Panel:
    rows = []
    for node in viewer.reader.nodes():
        chain = viewer.reader.chain(node)
        missing = sum(last - first + 1 for first, last in chain.missing())
        rows.append(Text(node))
        rows.append(Text(f"{chain.last} records, {missing} missing", style="red" if missing else "green"))
    marks = ", ".join(f"{count} {mark}" for mark, count in sorted(viewer.marks.items()))
    return Panel(Group(*rows, Text(f"{marks or 'nothing yet'}; {viewer.bytes_sent} bytes", style="dim")), title="chain")


def _text(line: Line) -> Text:
    sign = SIGNS.get(line.mark, "[red]✗[/]") if line.mark else "[dim]·[/]"
    style = "bold red" if line.urgent else COLOURS.get(line.severity, "")
    text = Text.from_markup(f"[dim]{_clock(line.at)}[/] {sign} ")
    return text.append(line.text, style=style)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")
