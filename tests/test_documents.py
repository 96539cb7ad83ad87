"""The only reader of YAML: strict where stock YAML guesses, and everything wrong said at once."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Meta

from agent.config import Config
from agent.documents import MAX_CHARACTERS, convert, parse, read
from agent.errors import ConfigError


class Lamp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="driver", tag="lamp"):
    pin: Annotated[int, Meta(ge=0, le=27)]
    bright: bool = True


class Bell(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="driver", tag="bell"):
    tone_hz: float


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    corner: tuple[str, int] = ("", 0)
    parts: Annotated[tuple[Lamp | Bell, ...], Meta(max_length=3)] = ()
    named: dict[str, Lamp] = {}
    mode: Literal["day", "night"] = "day"
    note: str | None = None


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        convert(parse(text, name="place.yaml"), Place, name="place.yaml")
    return caught.value.problems


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, name="a.yaml")
    return caught.value.message


@pytest.mark.parametrize(
    "text", ["22:00", "1:30:15", "no", "yes", "on", "off", "Null", "TRUE", "0x1F", "0o17", "012", "1_000", "2024-05-01"]
)
def test_what_stock_yaml_would_guess_stays_text(text: str):
    assert parse(f"at: {text}", name="a.yaml") == {"at": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-3", -3), ("0.25", 0.25), (".5", 0.5), ("1e3", 1000.0), ("true", True), ("null", None), ("~", None)],
)
def test_plain_scalars_are_what_they_look_like(text: str, value: object):
    assert parse(f"a: {text}", name="a.yaml") == {"a": value}


def test_a_key_given_twice_is_refused_with_its_line():
    assert refusal("a: 1\nb: 2\na: 3\n") == "a.yaml:3:1: key 'a' is given twice"


def test_an_anchor_is_refused_so_that_no_document_is_larger_than_it_looks():
    assert "anchor" in refusal("a: &x [1]\nb: *x\n")
    assert "anchor" in refusal("a: *x\n")


@pytest.mark.parametrize(
    "tag", ["!!int 'x'", "!!timestamp x", "!!python/object:os.system {}", "!own 3", "!!binary '?'"]
)
def test_a_tag_is_refused(tag: str):
    assert refusal(f"a: {tag}").startswith("a.yaml:1:4: the tag")


@pytest.mark.parametrize("number", ["1" * 5000, "1e999", str(2**63)])
def test_a_number_beyond_the_machine_is_refused_with_its_place(number: str):
    assert refusal(f"a: {number}") == "a.yaml:1:4: a number too large to be meant"


def test_a_document_nested_without_end_is_refused():
    assert refusal("[" * 2000 + "]" * 2000) == "a.yaml:1:33: nested more than 32 deep"


def test_a_document_too_long_to_be_a_configuration_is_refused():
    assert refusal("#" * (MAX_CHARACTERS + 1)).startswith("a.yaml: 1000001 characters")


def test_a_control_character_is_refused_with_its_line():
    assert refusal("a: 1\nb: \x07\n") == "a.yaml:2: a character that text cannot hold"


@pytest.mark.parametrize("escape", [r"\0", r"\ud800"])
def test_an_escape_that_no_file_name_can_hold_is_refused(escape: str):
    assert refusal(f'a: "{escape}"') == "a.yaml:1:4: a character that text cannot hold"


def test_a_list_cannot_be_a_key():
    assert refusal("[1, 2]: x\n") == "a.yaml:1:1: a key must be plain text"


def test_a_good_document_becomes_its_struct():
    place = convert(parse("id: gate\ncorner: [north, 3]\nparts: [{driver: lamp, pin: 4}]\n", name="p"), Place, name="p")
    assert place == Place(id="gate", corner=("north", 3), parts=(Lamp(pin=4),))


def test_all_problems_are_reported_at_once_each_with_its_path():
    text = """
colour: red
parts:
  - {driver: lamp, pin: 99}
  - {driver: lamp, pin: 3, brigth: true}
  - {driver: bell, tone_hz: high}
named:
  door: {driver: lamp, pin: 1, bright: 5}
mode: dusk
"""
    assert problems(text) == (
        "colour: unknown option",
        "parts[0].pin: Expected `int` <= 27",
        "parts[1].brigth: unknown option (did you mean 'bright'?)",
        "parts[2].tone_hz: Expected `float`, got `str` (a number without quotes and without its unit)",
        "named.door.bright: Expected `bool`, got `int`",
        "mode: Invalid enum value 'dusk'",
        "id: missing",
    )


def test_an_unknown_driver_names_those_that_exist():
    assert problems("id: a\nparts: [{driver: lmap, pin: 1}]\n") == (
        "parts[0].driver: 'lmap' is unknown (did you mean 'lamp'?), give one of bell, lamp",
    )


def test_a_missing_driver_names_those_that_exist():
    assert problems("id: a\nparts: [{pin: 1}]\n") == ("parts[0].driver: missing, one of bell, lamp",)


def test_each_place_of_a_fixed_tuple_is_checked_as_its_own_kind():
    (problem,) = problems("id: a\ncorner: [north, south]\n")
    assert problem.startswith("corner[1]: Expected `int`, got `str`")


def test_a_list_with_too_many_parts_is_one_problem():
    lamp = "{driver: lamp, pin: 1}"
    assert problems(f"id: a\nparts: [{lamp}, {lamp}, {lamp}, {lamp}]\n") == ("parts: Expected `array` of length <= 3",)


def test_people_who_know_other_yaml_are_told_what_to_write():
    assert problems("id: 12\nparts: [{driver: lamp, pin: 1, bright: no}]\n") == (
        "id: Expected `str`, got `int` (put it in quotes)",
        "parts[0].bright: Expected `bool`, got `str` (write true or false)",
    )


@pytest.mark.parametrize("text", ["", "[]", "3", "text"])
def test_a_document_that_is_no_mapping_is_one_problem(text: str):
    (problem,) = problems(text)
    assert problem.startswith("document: Expected `object`")


def test_the_message_counts_lists_and_says_that_nothing_changed():
    with pytest.raises(ConfigError) as caught:
        convert({"colour": 1}, Place, name="place.yaml")
    assert caught.value.message == "place.yaml: 2 problems\n  colour: unknown option\n  id: missing"
    assert "nothing was changed" in caught.value.hint


def test_one_problem_is_not_two():
    with pytest.raises(ConfigError, match=r"place\.yaml: 1 problem\n"):
        convert({}, Place, name="place.yaml")


def test_a_missing_file_is_the_users_to_correct(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path / "absent.yaml", Place)
    assert "absent.yaml" in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: \xc3\x28"])
def test_a_file_that_is_no_text_is_the_users_to_correct(tmp_path: Path, content: bytes):
    path = tmp_path / "binary.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        read(path, Place)


def test_a_folder_is_the_users_to_correct(tmp_path: Path):
    with pytest.raises(ConfigError):
        read(tmp_path, Place)


LETTERS = st.characters(exclude_categories=["Cc", "Cn", "Co", "Cs", "Zl", "Zp"])
TEXT = st.text(LETTERS)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
LAMPS = st.builds(Lamp, pin=st.integers(0, 27), bright=st.booleans())
BELLS = st.builds(Bell, tone_hz=st.floats(0, 20_000))
PLACES = st.builds(
    Place,
    id=NAMES,
    corner=st.tuples(NAMES, st.integers(0, 9)),
    parts=st.lists(LAMPS | BELLS, max_size=3).map(tuple),
    named=st.dictionaries(NAMES, LAMPS, max_size=3),
    mode=st.sampled_from(["day", "night"]),
    note=st.none() | NAMES,
)


@given(PLAIN)
@example({"a": "22:00", "b": "no", "c": "1e5", "d": "", "e": "null"})
def test_quoted_documents_come_back_as_they_were_written(value: object):
    assert parse(json.dumps(value, ensure_ascii=False), name="a.yaml") == value


@given(PLACES)
def test_a_struct_written_out_is_read_back_the_same(place: Place):
    text = msgspec.json.encode(place).decode()
    assert convert(parse(text, name="p.yaml"), Place, name="p.yaml") == place


@given(PLAIN, st.sampled_from([Place, Config]))
@example({"id": math.inf}, Place)
@example({"parts": [{"driver": ["lamp"]}]}, Place)
@example({"parts": [{"driver": None, 3: 4}]}, Place)
def test_any_value_is_converted_or_refused_with_its_problems(value: object, kind: type):
    """Whatever the document holds, the caller sees the struct or one ConfigError with a list."""
    assert all(": " in problem for problem in problems_of(value, kind))


def problems_of(value: object, kind: type) -> tuple[str, ...]:
    try:
        assert isinstance(convert(value, kind, name="x"), kind)
    except ConfigError as error:
        return error.problems or ("refused without a list",)
    return ()


MARKS = ": ,- ,\n,  ,[,],{,},',\",|,>,&x,*x,!t,!!str,#,?,%,0,1e9,-.5,~,true,---,...,<<,\t,\\,\\ud800,é,\x85,\ufeff,\0"
YAML_TEXT = st.text() | st.lists(st.sampled_from([*MARKS.split(","), ",", "id"]), max_size=40).map("".join)


def problem_of(text: str) -> str:
    """What is said of a text; empty when it can be read."""
    try:
        parse(text, name="fuzz.yaml")
    except ConfigError as error:
        return f"{error.message} -> {error.hint}"
    return ""


@given(YAML_TEXT)
@example("? [a]\n: b")
@example("<<: {a: 1}")
@example("a: !!bool maybe")
@example("--- 1\n--- 2")
@example("%YAML 9.9\n--- a")
def test_any_text_is_read_or_refused_and_never_anything_else(text: str):
    said = problem_of(text)
    assert not said or (said.startswith("fuzz.yaml") and not said.endswith("-> "))


@given(YAML_TEXT)
def test_whatever_is_read_can_be_written_to_a_file(text: str):
    if not problem_of(text):
        json.dumps(parse(text, name="fuzz.yaml"), ensure_ascii=False).encode()


@given(YAML_TEXT.map(lambda text: text.encode(errors="surrogatepass")) | st.binary())
def test_any_bytes_in_a_file_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes):
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(content)
    with contextlib.suppress(ConfigError):
        assert isinstance(read(path, Place), Place)
