"""Text from outside reaches a terminal as letters only."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.printable import printable


@given(text=st.text(), keep_lines=st.booleans())
def test_nothing_is_left_that_a_terminal_would_obey(*, text: str, keep_lines: bool):
    left = {
        letter
        for letter in printable(text, keep_lines=keep_lines)
        if unicodedata.category(letter) in ("Cc", "Zl", "Zp")
    }
    assert left <= (set("\n\t") if keep_lines else set())
    assert not any(unicodedata.bidirectional(letter) in ("RLO", "LRO", "RLI") for letter in printable(text))


@pytest.mark.parametrize("text", ["perché è così", "22,5 °C ± 0,2", "✓ …", "日本"])
def test_letters_of_any_tongue_stay(text: str):
    assert printable(text) == text


@given(
    st.recursive(
        st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
    )
)
def test_json_says_the_same_afterwards(value: object):
    assert json.loads(printable(json.dumps(value, ensure_ascii=False))) == value


def test_a_sequence_that_would_clear_the_screen_is_spelled_out():
    assert printable("gate\x1b[2J\x9b\ndoor") == "gate\\u001b[2J\\u009b\\u000adoor"
    assert printable("gate\x1b\n\tdoor", keep_lines=True) == "gate\\u001b\n\tdoor"
