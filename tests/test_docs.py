"""The documentation keeps its word: links lead somewhere, examples load, commands print what is shown."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from agent import config, world
from agent.cli import VERBS
from agent.config import Config
from agent.contract.topics import Class
from agent.documents import convert, parse
from agent.governance.agreement import Agreement
from agent.governance.places import Ground
from agent.governance.union import Union
from tests.pages import CHECKOUT, PAGES, Example, anchors, commands, examples, links, matches

DOCUMENTS: dict[str, type[Any]] = {"union": Union, "agreement": Agreement, "map": Ground}
"""Kinds of documents other than a node's configuration, by the note that stands before an example."""
GLOSSARY = CHECKOUT / "docs" / "design" / "glossary.md"


def named(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


# Links


def test_every_link_of_a_page_leads_somewhere():
    assert not [f"{named(page)}: {link}" for page in PAGES for link in links(page) if not leads(page, link)]


def leads(page: Path, link: str) -> bool:
    """Addresses on the web are for their readers to try; everything else must be here."""
    if re.match(r"[a-z]+:", link):
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def test_every_page_of_the_documentation_can_be_reached_from_its_index():
    seen: set[Path] = set()
    waiting = [CHECKOUT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        near = {
            (page.parent / link.partition("#")[0]).resolve() for link in links(page) if not re.match("[a-z]+:", link)
        }
        waiting += [target for target in near - seen if target.suffix == ".md" and target.exists()]
    assert not [named(page) for page in (CHECKOUT / "docs").rglob("*.md") if page not in seen]


# Examples


@pytest.mark.parametrize("example", examples("yaml"), ids=str)
def test_a_configuration_example_loads(example: Example, tmp_path: Path):
    """A whole node, or some of its sections, each checked as its own kind."""
    if example.note.startswith("not checked: "):
        return
    path = tmp_path / "example.yaml"
    path.write_text(example.text)
    if example.note == "world":
        world.load(path)
        return
    if example.note in DOCUMENTS:
        convert(parse(example.text, name=str(example)), DOCUMENTS[example.note], name=str(example))
        return
    sections = parse(example.text, name=str(example))
    if "node" in sections:
        config.load(path)
        return
    kinds = get_type_hints(Config, include_extras=True)
    for name, section in sections.items():
        convert(section, kinds[name], name=f"{example} {name}")


@pytest.mark.parametrize("example", examples("json", "python"), ids=str)
def test_an_example_in_json_or_python_can_be_read(example: Example):
    if example.language == "json":
        json.loads(example.text)
    else:
        ast.parse(example.text)


def test_a_console_example_is_run_or_says_why_not():
    """Called console, with `$` before its commands, and with a note of tests/pages.py above it."""
    noted = re.compile(r"run(?:: exit \d+)?|not run: \S.*")
    shown = examples("console", "sh", "bash", "shell")
    assert not [str(one) for one in shown if one.language != "console" or not noted.fullmatch(one.note)]


RUN = [one for one in examples("console") if one.note.startswith("run")]
PAGES_THAT_RUN = {named(page): list(group) for page, group in groupby(RUN, key=lambda one: one.page)}


@pytest.mark.slow
@pytest.mark.parametrize("group", PAGES_THAT_RUN.values(), ids=list(PAGES_THAT_RUN))
def test_the_commands_of_a_page_print_what_it_shows(group: list[Example], tmp_path: Path):
    """All of a page run in order in one folder that looks like a checkout and is thrown away."""
    for entry in CHECKOUT.iterdir():
        (tmp_path / entry.name).symlink_to(entry)
    for example in group:
        steps = list(commands(example.text))
        codes = [0] * (len(steps) - 1) + [int(example.note.partition("exit ")[2] or 0)]
        for (command, shown), expected in zip(steps, codes, strict=True):
            code, printed = shell(command, tmp_path)
            assert matches(shown, printed), f"{example}: {command}\n{printed}"
            assert code == expected, f"{example}: {command}\n{printed}"


def shell(command: str, folder: Path) -> tuple[int, str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, check=False, text=True, timeout=100,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_the_runner_of_examples_sees_a_difference():
    (first, second) = commands("$ echo a \\\n    b\na b\n$ false\n")
    assert first == ("echo a b", "a b\n")
    assert second == ("false", "")
    assert matches("took ... ms\n", "took 12 ms\n")
    assert not matches("took ... ms", "took 12 s")
    assert not matches("", "something")
    assert matches("a\n...\nb", "a\nb\n")
    assert matches("a\n...\nb", "a\nx\ny\nb\n")


# Options


def options(kind: Any, seen: set[type]) -> Iterator[tuple[str, str]]:
    """Every option that a document may have, with the struct that it belongs to."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in seen:
        seen.add(kind)
        yield from ((kind.__name__, field.encode_name) for field in msgspec.structs.fields(kind))
        for inner in get_type_hints(kind, include_extras=True).values():
            yield from options(inner, seen)
    for inner in get_args(kind):
        yield from options(inner, seen)


def test_every_option_is_stated_in_the_reference():
    """Named in code, in a table or in an example; what it means is for a person to judge."""
    pages = "".join(page.read_text() for page in (CHECKOUT / "docs" / "reference").glob("*.md"))
    stated = set(re.findall(r"\w+", "".join(re.findall(r"```.*?```|`[^`\n]+`", pages, re.DOTALL))))
    assert not [f"{struct}.{name}" for struct, name in options(Config, set()) if name not in stated]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_stated_with_its_options(verb: str):
    """The row of a verb names every option, or sends its reader to `--help`."""
    page = (CHECKOUT / "docs" / "reference" / "command.md").read_text()
    row = re.search(rf"^\| `{verb}` \|.*$", page, re.MULTILINE)
    assert row
    asked = {name for action in parser_of(verb)._actions for name in action.option_strings}
    assert f"piazza {verb} --help" in row[0] or asked <= set(re.findall(r"--[a-z-]+", row[0]))


def test_a_command_that_is_not_there_would_be_seen():
    (gone,), (right,) = (
        called("`piazza erase --log`, which is gone"),
        called("$ piazza ota status DIR --broker HOST >x"),
    )
    assert unknown(parser_of(gone[0]), gone[1:]) == ["--log"]
    assert unknown(parser_of("ota"), ["statuses", "--json"]) == ["statuses", "--json"]
    assert unknown(parser_of(right[0]), right[1:]) == []


def called(text: str) -> Iterator[list[str]]:
    """The words behind each `piazza` that a page, a unit or a script has, to the end of its line or its quotes."""
    for found in re.finditer(r"(?:^|[`$ /(])piazza ([a-z]+(?: [^`\n|;>&]*)?)", text.replace("\\\n", " ")):
        yield [word.partition("=")[0].strip(",.()[]'\"") for word in found[1].split()]


@cache
def parser_of(verb: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(f"agent.commands.{verb}").add_arguments(parser)
    return parser


def unknown(parser: argparse.ArgumentParser, words: list[str]) -> list[str]:
    """Those of the words that are no option of the command, and no verb below it where it has such."""
    below = next((one.choices for one in parser._actions if isinstance(one, argparse._SubParsersAction)), {})
    first = words[0] if words else ""
    if first in below:
        return unknown(below[first], words[1:])
    known = {name for action in parser._actions for name in action.option_strings} | {"--help"}
    odd = [first] if below and re.fullmatch("[a-z][a-z-]*", first) else []
    return odd + [word for word in words if re.match("--[a-z]", word) and word not in known]


TOLD = [page for page in PAGES if page.name != "CHANGELOG.md" and "decisions" not in page.parts]
STARTED = [path for folder in ("deploy", "systemd", "firmware_config") for path in (CHECKOUT / folder).rglob("*")]


def test_every_command_that_is_named_exists():
    """With its options; what only the past knew stays in the list of changes and in the decisions."""
    odd = {
        (named(page), " ".join(words)): unknown(parser_of(words[0]), words[1:])
        for page in [*TOLD, *(path for path in STARTED if path.is_file())]
        for words in called(page.read_text(encoding="utf-8", errors="replace"))
        if words[0] in VERBS
    }
    assert {words: which for words, which in odd.items() if which} == {}


def test_every_floor_of_the_house_is_described():
    """Each name in the layers that import-linter holds stands in the table of floors."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    (layers,) = (one["layers"] for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers")
    page = (CHECKOUT / "docs" / "design" / "architecture.md").read_text()
    stated = set(re.findall(r"`(\w+)/?`", page[page.index("## Rooms and floors") :]))
    assert {name.strip() for layer in layers for name in layer.split("|")} <= stated


# Words


def glossary() -> dict[str, str]:
    """Noun -> where it lives in the code, from the rows of the glossary's tables."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|.*\| `?([^`|]*)`? \|$", GLOSSARY.read_text(), re.MULTILINE)
    return {noun: place.strip() for noun, place in rows}


def test_the_glossary_has_every_record_and_every_class_of_message():
    words = {word.lower() for word in glossary()}
    for module in ("agent.records", "agent.pixels"):
        tree = ast.parse(Path(str(importlib.import_module(module).__file__)).read_text())
        missing = {node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.name.lower() not in words}
        assert not missing
    assert not {str(klass) for klass in Class} - words


def test_what_the_glossary_points_at_exists():
    """A dotted name that can be imported, a path of this checkout, or nothing."""
    assert not [noun for noun, place in glossary().items() if place not in {"", "-"} and not exists(place)]


def exists(place: str) -> bool:
    if "/" in place:
        return (CHECKOUT / place).exists()
    module, _, name = place.rpartition(".")
    return hasattr(importlib.import_module(module), name)


def test_the_terms_of_every_change_of_the_configuration_are_dated():
    """A heading of CONFIG_CHANGES.md is a version with its date, or not released yet."""
    headings = re.findall(r"^## (.*)$", (CHECKOUT / "CONFIG_CHANGES.md").read_text(), re.MULTILINE)
    assert headings
    assert all(re.search(r"not released|\d{4}-\d\d-\d\d", heading) for heading in headings)
