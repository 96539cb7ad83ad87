"""`make faults`: which rows there are, how they are divided, kept and told."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.faults import row
from tests.faults.run import FOLDER, Result, ran, rows, table

MATRIX = {f"F{number}" for number in range(1, 21)}
SLICES = "\n".join(path.read_text() for path in FOLDER.glob("test_*.py"))


def tried(*, count: int, seed: int) -> Counter[str]:
    """A row that finds one thing wrong under each seed that ends with 7."""
    return Counter(tries=count, wrong=int(seed % 10 == 7), size=3)


def all_of(kept: row.Kept, count: int, *, jobs: int = 1, run: row.Run = tried) -> row.Counts:
    found = row.done(run, row.parts(count, 10, 7), kept, jobs=jobs)
    return row.together(found, "F99 all", count, same=("size",))


def test_every_fault_of_the_matrix_has_a_row() -> None:
    assert {name.partition(" ")[0] for name in rows().values()} == MATRIX


def test_a_slice_of_every_row_is_among_the_tests() -> None:
    assert not [module for module in rows() if f"{module}.run" not in SLICES and f"({module}, " not in SLICES]


def test_the_table_says_which_row_fails_and_which_did_not_run() -> None:
    bad = Result("f99", 1, 2.0, {"row": "F99 all", "tries": 40, "lost": 3, "seed": 7, "seconds": 1.9, "wrong": 3})
    absent = Result("f10_half_open", 1, 0.1, said="no mosquitto")
    assert table([bad, absent]).splitlines()[2:] == [
        "| F99 | all | 40 tries | 7 | 3 | 2 | FAILS |",
        "| F10 | half-open link | no mosquitto |  |  | 0 | DID NOT RUN |",
    ]


@pytest.mark.slow
def test_a_row_in_parts_comes_to_the_same_in_one_process_and_in_two() -> None:
    alone, shared = (all_of(row.Kept("F99 all", None), 35, jobs=jobs) for jobs in (1, 2))
    assert alone == shared == {"tries": 35, "wrong": 4, "size": 3}


def test_a_row_that_was_ended_goes_on_where_it_was(tmp_path: Path) -> None:
    def never(**_: int) -> row.Counts:
        raise AssertionError("this part is done")

    path = tmp_path / "kept.jsonl"
    before = all_of(row.Kept("F99 all", path), 30)
    assert all_of(row.Kept("F99 all", path), 30, run=never) == before
    with pytest.raises(AssertionError):
        all_of(row.Kept("F98 another", path), 30, run=never)


def test_the_parts_of_a_row_have_seeds_that_never_meet() -> None:
    assert list(row.parts(25, 10, 3)) == [(3, 10), (13, 10), (23, 5)]


@pytest.mark.slow
def test_a_row_in_a_process_of_its_own_prints_what_it_counted() -> None:
    result = ran("f15_tampering", ["--count", "28", "--seed", "4"], timeout_s=600.0)
    assert (result.word, result.counts["streams"], result.counts["seed"]) == ("holds", 28, 4)


@pytest.mark.slow
def test_a_row_that_cannot_run_says_its_last_word() -> None:
    result = ran("f15_tampering", ["--count", "many"], timeout_s=600.0)
    assert (result.word, result.counts) == ("DID NOT RUN", {})
    assert "invalid int value" in result.said


@pytest.mark.slow
def test_the_list_of_rows_can_be_narrowed() -> None:
    command = [sys.executable, "-m", "tests.faults.run", "--only", "f12", "--share", "0.1"]
    done = subprocess.run(command, cwd=FOLDER.parent.parent, capture_output=True, text=True, check=True)
    assert "| F12 | clock |" in done.stdout
    assert "1 rows in" in done.stdout
