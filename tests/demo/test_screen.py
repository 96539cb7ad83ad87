"""The live screen shows the newest lines, each as long as it is."""

from __future__ import annotations

from rich.text import Text

from agent.demo.screen import _newest


def shown(*lengths: int, columns: int = 10, rows: int = 4) -> list[int]:
    """Lengths of the lines that are shown out of lines of these lengths."""
    return [text.cell_len for text in _newest([Text("x" * length) for length in lengths], columns=columns, rows=rows)]


def test_short_lines_fill_the_rows_and_the_newest_are_kept():
    assert shown(1, 2, 3, 4, 5, 6) == [3, 4, 5, 6]


def test_a_line_that_wraps_takes_the_rows_that_it_needs():
    assert shown(1, 2, 3, 25, 5) == [25, 5]


def test_everything_is_shown_where_there_is_room():
    assert shown(1, 2) == [1, 2]


def test_a_terminal_too_small_for_anything_shows_nothing():
    assert shown(1, rows=0) == []
