"""The log: one JSON object a line for machines, the same facts as text for a person."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.logs import JsonFormatter, TextFormatter

FIELDS = st.dictionaries(
    st.text(min_size=1).filter(
        lambda name: name not in vars(logging.makeLogRecord({})) and name not in {"message", "asctime"}
    ),
    st.none() | st.booleans() | st.integers() | st.text(),
)


def a_record(text: str = "camera opened", /, **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "agent.camera", "levelname": "INFO", "levelno": 20, "msg": text, "created": 12.34567, **fields}
    )


def test_a_record_is_one_json_object_of_text_and_fields():
    line = JsonFormatter().format(a_record(camera="gate", width=320))
    assert json.loads(line) == {
        "at": 12.346, "level": "info", "log": "agent.camera", "text": "camera opened", "camera": "gate", "width": 320,
    }  # fmt: skip


@given(st.text(), FIELDS)
def test_whatever_a_record_holds_it_stays_one_line(text: str, fields: dict[str, object]):
    line = JsonFormatter().format(a_record(text, args=(), **fields))
    assert len(line.split("\n")) == 1
    assert json.loads(line)["text"] == text


@given(st.text(), FIELDS)
def test_on_a_terminal_too_it_stays_one_line_that_steers_nothing(text: str, fields: dict[str, object]):
    """What a broker, a camera or a file name says can neither forge a line nor speak to the terminal."""
    shown = TextFormatter().format(a_record(text, args=(), **fields))
    assert len(shown.splitlines()) == 1
    assert not any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in shown)


@pytest.mark.parametrize("name", ["at", "level", "log", "text"])
def test_a_field_cannot_pass_for_what_the_log_itself_says(name: str):
    plain = json.loads(JsonFormatter().format(a_record()))
    assert json.loads(JsonFormatter().format(a_record(**{name: "forged"}))) == plain


def test_a_field_of_any_type_is_written_somehow():
    assert json.loads(JsonFormatter().format(a_record(path={1}.__class__)))["path"] == "<class 'set'>"


def test_the_trace_of_an_error_stays_in_the_same_object():
    line = JsonFormatter().format(a_record(exc_info=(ValueError, ValueError("bad frame"), None)))
    assert json.loads(line)["trace"].endswith("ValueError: bad frame")


def test_a_person_reads_the_same_facts_as_text():
    assert TextFormatter().format(a_record(camera="gate")).endswith(" agent.camera: camera opened camera=gate")


def test_a_person_sees_the_trace_below_the_line():
    text = TextFormatter().format(a_record(exc_info=(ValueError, ValueError("bad frame"), None)))
    assert text.splitlines()[0].endswith("camera opened")
    assert text.endswith("ValueError: bad frame")


def test_a_process_logs_json_to_standard_error_when_that_is_no_terminal():
    code = (
        "import logging; from agent import logs; logs.start(level='info')\n"
        "logging.getLogger('a').debug('not said'); logging.getLogger('a').info('said', extra={'n': 1})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    line = json.loads(done.stderr)
    assert (line["text"], line["n"]) == ("said", 1)
