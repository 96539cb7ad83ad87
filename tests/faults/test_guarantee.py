"""The page of what is guaranteed: each sentence links what shows it, and no row of the matrix is without a sentence."""

from __future__ import annotations

import re

from tests.faults.run import CHECKOUT, rows

PAGE = CHECKOUT / "docs" / "design" / "guarantee.md"
SENTENCES = re.findall(r"^\| (?!sentence |---)(.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+)\)")


def test_each_sentence_links_a_row_or_a_test_that_exists() -> None:
    for sentence, shown in SENTENCES:
        links = [target for _, target in LINK.findall(shown)]
        assert any("/tests/" in target for target in links), sentence
        assert all((PAGE.parent / target).is_file() for target in links), sentence


def test_a_fault_that_is_named_is_the_one_that_is_linked() -> None:
    for sentence, shown in SENTENCES:
        linked = {int(number) for number in re.findall(r"/faults/f(\d\d)_", shown)}
        named = {int(number) for number in re.findall(r"\bF(\d+)\b", shown)}
        assert named == linked, sentence


def test_each_row_of_the_matrix_shows_a_sentence() -> None:
    everything = "".join(shown for _, shown in SENTENCES)
    assert not [module for module in rows() if f"tests/faults/{module}.py" not in everything]
