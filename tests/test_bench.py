"""What the figure scripts share: fair comparison, the machine line, and no figure without its script."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from bench.machine import alternate, describe, line, ordinary, show, spend
from bench.run_all import data, scripts

CHECKOUT = Path(__file__).resolve().parent.parent
FIGURES = (CHECKOUT / "docs" / "reference" / "figures.md").read_text()


def test_two_costs_are_measured_in_turn_and_the_order_changes():
    calls: list[str] = []

    def cost(name: str, value: float):
        def measured() -> float:
            calls.append(name)
            return value

        return measured

    found = alternate(cost("a", 2.0), cost("b", 3.0), rounds=3)
    assert "".join(calls) == "ab" + "ba" + "ab" + "ba"
    assert (found.a, found.b, found.ratio, found.rounds) == (2.0, 3.0, 1.5, 3)


def test_one_slow_round_does_not_move_the_medians():
    a, b = iter([1.0, 1.0, 9.0, 1.0]), iter([2.0, 2.0, 2.0, 2.0])
    found = alternate(lambda: next(a), lambda: next(b), rounds=3)
    assert (found.a, found.b, found.ratio) == (1.0, 2.0, 2.0)


def test_the_machine_is_named_in_one_line():
    machine = describe()
    assert set(machine) == {"cpu", "cores", "machine", "python", "date"}
    assert re.search(r", \d+ cores, \w+, Python 3\.\d+\.\d+, \d{4}-\d\d-\d\d$", line(machine))


def test_a_child_is_charged_its_own_time():
    assert 0.0 < spend([sys.executable, "-c", "sum(range(10**5))"]).cpu_s < 10.0


def test_a_child_may_keep_what_it_compiled(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in ordinary()


@pytest.mark.parametrize("as_json", [True, False])
def test_figures_are_shown_with_their_machine(capsys: pytest.CaptureFixture[str], *, as_json: bool):
    show({"frames_per_s": 12.5}, as_json=as_json)
    out = capsys.readouterr().out
    assert "12.5" in out
    assert describe()["cpu"] in out
    if as_json:
        assert set(json.loads(out)) == {"machine", "frames_per_s"}


def test_real_data_is_looked_for_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIAZZA_DATA", str(tmp_path))
    assert data() == tmp_path
    monkeypatch.setenv("PIAZZA_DATA", str(tmp_path / "absent"))
    assert data() is None


def test_every_script_has_its_place_among_the_figures():
    assert not [name for name in scripts() if f"bench/{name}.py" not in FIGURES]


def test_every_figure_has_its_script():
    named = set(re.findall(r"bench/(\w+)\.py", FIGURES)) - {"NAME"}
    assert not [name for name in named if not (CHECKOUT / "bench" / f"{name}.py").is_file()]
