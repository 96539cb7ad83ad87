"""YAML text to typed structs: the only reader of YAML.

Strict where stock YAML guesses: `22:00` stays text, `no` stays text, a key given twice is an error.
All problems of a document are reported at once, each with its path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

from agent.errors import ConfigError, why

T = TypeVar("T")
_UNCHANGED = "correct the line; nothing was changed"


MAX_CHARACTERS = 1_000_000
"""Longer documents are refused before they are looked at."""

MAX_DEPTH = 32
"""Deeper ones too, before they exhaust the stack."""


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader with the YAML 1.2 core scalars only: no duplicate keys, no anchors, no tags.

    Anchors can make a short document huge or endless, and a tag can call for any type.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 -- as its base declares it
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise _problem(f"'{event.anchor}' is an anchor; write the value out", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise _problem(f"the tag '{event.tag}' means nothing here", event.start_mark)
        if self.depth == MAX_DEPTH:
            raise _problem(f"nested more than {MAX_DEPTH} deep", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _problem(text: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=text, problem_mark=mark)


def _construct_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str | int | float | bool):
            raise _problem("a key must be plain text", key_node.start_mark)
        if key in seen:
            raise _problem(f"key '{key}' is given twice", key_node.start_mark)
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


def _construct_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int | float:
    """An int of 64 bits or a finite float; what is larger is a slip of the hand."""
    text = str(loader.construct_scalar(node))
    if node.tag.endswith(":int") and len(text) <= len(str(-(2**63))) and -(2**63) <= int(text) < 2**63:
        return int(text)
    if node.tag.endswith(":float") and math.isfinite(number := float(text)):
        return number
    raise _problem("a number too large to be meant", node.start_mark)


def _construct_text(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    """Text that a file name and a UTF-8 document can hold."""
    text = str(loader.construct_scalar(node))
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise _problem("a character that text cannot hold", node.start_mark)
    return text


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_StrictLoader.add_constructor("tag:yaml.org,2002:str", _construct_text)
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*|(?=[eE]))|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
):
    _StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))
for _tag in ("int", "float"):
    _StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _construct_number)


def parse(text: str, *, name: str) -> Any:
    """Plain values of YAML text; ConfigError names line and column of what cannot be read."""
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(f"{name}: {len(text)} characters, at most {MAX_CHARACTERS}", hint="split the document")
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 -- a SafeLoader with fewer guesses
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigError(f"{where}: {error.problem}", hint=_UNCHANGED) from error
    except yaml.reader.ReaderError as error:
        where = f"{name}:{text.count(chr(10), 0, error.position) + 1}"
        raise ConfigError(f"{where}: a character that text cannot hold", hint=_UNCHANGED) from error


def convert(value: Any, kind: type[T], *, name: str) -> T:
    """`value` as `kind`; ConfigError lists every problem as `path: what`."""
    problems = tuple(_problems(value, kind, ""))
    if not problems:
        return msgspec.convert(value, kind)
    raise problems_in(name, problems)


def problems_in(name: str, problems: tuple[str, ...], places: Mapping[str, int] | None = None) -> ConfigError:
    """One error for all that is wrong with the document `name`; `places` are its `lines`, where they are known."""
    listed = "\n".join(f"  {_line(problem, places or {})}{problem}" for problem in problems)
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigError(
        f"{name}: {count}\n{listed}",
        problems=problems,
        hint="correct these lines; nothing was changed",
    )


def _line(problem: str, places: Mapping[str, int]) -> str:
    """`line 14: ` for a problem that begins with a path, or with the path of what lacks something."""
    path = problem.partition(": ")[0]
    while path and path not in places:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return f"line {places[path]}: " if path else ""


def read(path: Path, kind: type[T]) -> T:
    """The document at `path` as `kind`; a missing or unreadable file is a ConfigError too."""
    plain = read_plain(path)
    problems = tuple(_problems(plain, kind, ""))
    if problems:
        raise problems_in(str(path), problems, lines(path))
    return msgspec.convert(plain, kind)


def read_plain(path: Path) -> Any:
    """Plain values of the document at `path`, not checked against any kind."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {why(error)}", hint="give the path of a readable YAML file") from error
    return parse(text, name=str(path))


def lines(path: Path) -> dict[str, int]:
    """The line on which each value of a document that was read begins, by path: `cameras[0].view.masks` -> 14."""
    node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    return dict(_lines(node, "")) if node else {}


def _lines(node: yaml.Node, path: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield _joined(path, key.value), key.start_mark.line + 1
            yield from _lines(value, _joined(path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield f"{path}[{number}]", value.start_mark.line + 1
            yield from _lines(value, f"{path}[{number}]")


def _problems(value: Any, kind: Any, path: str) -> Iterator[str]:
    """Every problem below `path`: msgspec stops at the first, so parts are converted one by one."""
    found = list(_inner_problems(value, kind, path))
    yield from found
    if found:
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield _said(str(error), path, kind)


def _inner_problems(value: Any, kind: Any, path: str) -> Iterator[str]:
    kind = _bare(kind)
    if isinstance(value, Mapping) and (structs := _structs(kind)):
        yield from _struct_problems(value, structs, path)
        return
    origin, args = get_origin(kind), get_args(kind)
    if origin in (list, tuple, Sequence) and isinstance(value, list):
        for number, (item, part) in enumerate(zip(value, _item_kinds(origin, args, len(value)), strict=False)):
            yield from _problems(item, part, f"{path}[{number}]")
    if origin in (dict, Mapping) and isinstance(value, dict):
        for key, item in value.items():
            yield from _problems(item, args[1], _joined(path, key))


def _struct_problems(value: Mapping[str, Any], structs: Sequence[type[msgspec.Struct]], path: str) -> Iterator[str]:
    """Problems of a mapping that is meant to be one of `structs`, told apart by their tags."""
    tags = {str(struct.__struct_config__.tag): struct for struct in structs}
    if len(structs) == 1:
        yield from _field_problems(value, structs[0], path)
        return
    name = structs[0].__struct_config__.tag_field or ""
    tag = str(value.get(name))
    if name not in value:
        yield f"{_joined(path, name)}: missing, one of {_listed(tags)}"
    elif tag not in tags:
        yield f"{_joined(path, name)}: '{tag}' is unknown{nearest(tag, tags)}, give one of {_listed(tags)}"
    else:
        yield from _field_problems(value, tags[tag], path)


def _field_problems(value: Mapping[str, Any], struct: type[msgspec.Struct], path: str) -> Iterator[str]:
    hints = get_type_hints(struct, include_extras=True)
    names = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    tag = struct.__struct_config__.tag_field
    for key, item in value.items():
        if key in names:
            yield from _problems(item, hints[names[key].name], _joined(path, key))
        elif key != tag:
            yield f"{_joined(path, key)}: unknown option{nearest(str(key), names)}"
    for name, field in names.items():
        if field.required and name not in value:
            yield f"{_joined(path, name)}: missing"


def _bare(kind: Any) -> Any:
    """The type without what `Annotated` adds to it."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _structs(kind: Any) -> list[type[msgspec.Struct]]:
    """The structs that a mapping may be: `kind` itself or the members of a union."""
    members = (kind, *get_args(kind)) if get_origin(kind) in (None, Union, UnionType) else ()
    return [member for member in members if isinstance(member, type) and issubclass(member, msgspec.Struct)]


def _item_kinds(origin: Any, args: tuple[Any, ...], length: int) -> Sequence[Any]:
    """The kind of each item: one for all, or one for each place of a tuple of fixed length."""
    if origin is tuple and args[-1] is not ...:
        return args
    return [args[0]] * length if args else ()


def _joined(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _said(message: str, path: str, kind: Any) -> str:
    """Msgspec's own sentence, with its `$.a.b` joined to the path where we stand, or what the kind says of itself."""
    text, _, inner = message.partition(" - at `$")
    where = f"{path}{inner.rstrip('`')}".lstrip(".") or "document"
    meant = "" if inner else _description(kind)
    if meant:
        text = f"Expected {meant}" if " matching regex " in text else f"{text}: {meant}"
    return f"{where}: {text}{_remedy(text)}"


def _description(kind: Any) -> str:
    """What the value means and how it is written, where the kind has it in words."""
    metas = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return next((one.description for one in metas if isinstance(one, msgspec.Meta) and one.description), "")


_REMEDIES = {
    "Expected `bool`, got `str`": "write true or false",
    "Expected `str`, got `int`": "put it in quotes",
    "Expected `str`, got `float`": "put it in quotes",
    "Expected `int`, got `str`": "a number without quotes and without its unit",
    "Expected `float`, got `str`": "a number without quotes and without its unit",
}
"""What people write who know other YAML, or who write the unit that the option's name has already."""


def _remedy(text: str) -> str:
    return next((f" ({remedy})" for said, remedy in _REMEDIES.items() if text.startswith(said)), "")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def nearest(key: str, known: Iterable[str]) -> str:
    """What may have been meant, in brackets; empty where nothing is alike."""
    import difflib

    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
