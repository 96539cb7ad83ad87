"""YAML text to typed structs: the only reader of YAML.

Strict where stock YAML guesses: `22:00` stays text, `no` stays text, a key given twice is an error.
All problems of a document are reported at once, each with its path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import yaml

from agent.errors import ConfigError

T = TypeVar("T")


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader with the YAML 1.2 core scalars only, and no duplicate keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 -- as its base declares it


def _construct_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool):
            raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=key_node.start_mark)
        if key in seen:
            raise yaml.MarkedYAMLError(problem=f"key '{key}' is given twice", problem_mark=key_node.start_mark)
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def parse(text: str, *, name: str) -> Any:
    """Plain values of YAML text; ConfigError names line and column of what cannot be read."""
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 -- a SafeLoader with fewer guesses
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigError(f"{where}: {error.problem}", hint="correct the line; nothing was changed") from error


def convert(value: Any, kind: type[T], *, name: str) -> T:
    """`value` as `kind`; ConfigError lists every problem as `path: what`."""
    problems = tuple(_problems(value, kind, ""))
    if not problems:
        return msgspec.convert(value, kind)
    raise problems_in(name, problems)


def problems_in(name: str, problems: tuple[str, ...]) -> ConfigError:
    """One error for all that is wrong with the document `name`."""
    listed = "\n".join(f"  {problem}" for problem in problems)
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigError(
        f"{name}: {count}\n{listed}",
        problems=problems,
        hint="correct these lines; nothing was changed",
    )


def read(path: Path, kind: type[T]) -> T:
    """The document at `path` as `kind`; a missing or unreadable file is a ConfigError too."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", hint="give the path of a readable YAML file") from error
    return convert(parse(text, name=str(path)), kind, name=str(path))


def _problems(value: Any, kind: Any, path: str) -> Iterator[str]:
    """Every problem below `path`: msgspec stops at the first, so parts are converted one by one."""
    found = list(_inner_problems(value, kind, path))
    yield from found
    if found:
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield _said(str(error), path)


def _inner_problems(value: Any, kind: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and (struct := _struct_for(value, kind)):
        yield from _field_problems(value, struct, path)
        return
    origin, args = get_origin(kind), get_args(kind)
    if origin in (list, tuple, Sequence) and args and isinstance(value, list):
        for number, item in enumerate(value):
            yield from _problems(item, args[0], f"{path}[{number}]")
    if origin in (dict, Mapping) and isinstance(value, dict):
        for key, item in value.items():
            yield from _problems(item, args[1], f"{path}.{key}" if path else str(key))


def _field_problems(value: Mapping[str, Any], struct: type[msgspec.Struct], path: str) -> Iterator[str]:
    hints = get_type_hints(struct, include_extras=True)
    names = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    tag = struct.__struct_config__.tag_field
    for key, item in value.items():
        here = f"{path}.{key}" if path else str(key)
        if key in names:
            yield from _problems(item, hints[names[key].name], here)
        elif key != tag:
            yield f"{here}: unknown option{_nearest(str(key), names)}"
    for name, field in names.items():
        if field.required and name not in value:
            yield f"{path}.{name}: missing" if path else f"{name}: missing"


def _struct_for(value: Mapping[str, Any], kind: Any) -> type[msgspec.Struct] | None:
    """The struct that a mapping is meant to be: `kind` itself or the tagged member of a union."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    members = [m for m in get_args(kind) if isinstance(m, type) and issubclass(m, msgspec.Struct)]
    if len(members) == 1:
        return members[0]
    tagged = (m for m in members if value.get(m.__struct_config__.tag_field or "") == m.__struct_config__.tag)
    return next(tagged, None)


def _said(message: str, path: str) -> str:
    """Msgspec's own sentence, with its `$.a.b` joined to the path where we stand."""
    text, _, inner = message.partition(" - at `$")
    return f"{path}{inner.rstrip('`')}: {text}".lstrip(".")


def _nearest(key: str, known: Mapping[str, Any]) -> str:
    import difflib

    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
