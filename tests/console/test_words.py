"""Every word of the contract that the page may meet is there in Italian and in English."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from agent.console import app
from agent.contract.types import Action, Verdict
from agent.governance.rights import EVENT_KINDS
from agent.records import Phase, Severity
from agent.subscriber.reader import Mark

TEXT = (Path(app.__file__).parent / "page" / "words.js").read_text(encoding="utf-8")
_, ITALIAN, ENGLISH = re.split(r"^  (?:it|en): \{$", TEXT, flags=re.MULTILINE)
WORDS = {
    language: set(re.findall(r'(?:^ +|, )"?([a-z][\w-]*)"?: ["\[n(]', part.partition("\n  },")[0], re.MULTILINE))
    for language, part in (("it", ITALIAN), ("en", ENGLISH))
}


def test_both_languages_have_the_same_words():
    assert WORDS["it"] == WORDS["en"]
    assert len(WORDS["it"]) > 100


@pytest.mark.parametrize("language", WORDS)
def test_no_word_of_the_contract_is_shown_untranslated(language):
    acts = {f"did-{action}" for action in get_args(Action) if action != "access"}
    met = {*EVENT_KINDS, *get_args(Verdict), *Phase, *Mark, *(set(Severity) - {Severity.ALARM}), "alarm_severity"}
    assert (acts | {str(one) for one in met}) - WORDS[language] == set()
