"""Whether what was valid under one JSON Schema still is under another, for the kind of schemas that we make.

Structural, so it holds for every message and not only for those at hand. The invariant: where nothing is
said, everything that the first schema lets through passes the second; what is not understood is named too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_KNOWN = {
    *_LOWER, *_UPPER, "type", "enum", "const", "pattern", "properties", "required", "additionalProperties", "items",
    "prefixItems", "propertyNames", "anyOf", "$ref", "$defs", "$schema", "$id", "title", "description", "default",
}  # fmt: skip


def narrowed(old: Schema, new: Schema) -> list[str]:
    """Where `new` refuses what `old` lets through, each with its path; nothing for a compatible change."""
    return list(_Pair(old.get("$defs", {}), new.get("$defs", {})).narrowed(old, new, ""))


@dataclass(frozen=True, slots=True)
class _Pair:
    """The definitions that the references of both schemas point to."""

    old_defs: Schema
    new_defs: Schema

    def narrowed(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        old, new = _resolved(old, self.old_defs), _resolved(new, self.new_defs)
        if strange := (old.keys() | new.keys()) - _KNOWN:
            yield f"{path}: not understood: {', '.join(sorted(strange))}"
        elif "anyOf" in old:
            for one in old["anyOf"]:
                yield from self.narrowed(one, new, path)
        elif "anyOf" in new:
            if all(list(self.narrowed(old, one, path)) for one in new["anyOf"]):
                yield f"{path}: no alternative takes it any more"
        else:
            yield from _values(old, new, path)
            yield from self._members(old, new, path)
            yield from self._items(old, new, path)

    def _members(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{path}.{name}: newly required"
        for name in sorted(before.keys() - after.keys()):
            if new.get("additionalProperties") is False:
                yield f"{path}.{name}: no longer known"
        for name in sorted(before.keys() & after.keys()):
            yield from self.narrowed(before[name], after[name], f"{path}.{name}")
        if old.get("additionalProperties", True) is not False and new.get("additionalProperties") is False:
            yield f"{path}: other members are no longer let in"
        for word in ("additionalProperties", "propertyNames"):
            yield from self._parts(old.get(word), new.get(word), f"{path}.*")

    def _items(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, after = old.get("prefixItems", ()), new.get("prefixItems", ())
        if len(before) != len(after):
            yield f"{path}: another number of places"
        for one, other in zip(before, after, strict=False):
            yield from self.narrowed(one, other, f"{path}[]")
        yield from self._parts(old.get("items"), new.get("items"), f"{path}[]")

    def _parts(self, old: object, new: object, path: str) -> Iterator[str]:
        """Schemas of parts; one that is absent or true lets everything through."""
        if isinstance(new, Mapping):
            yield from self.narrowed(old if isinstance(old, Mapping) else {}, new, path)


def _resolved(schema: Schema, defs: Schema) -> Schema:
    reference = schema.get("$ref")
    return defs[reference.rpartition("/")[2]] if reference else schema


def _values(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = _listed(old), _listed(new)
    if after is not None:
        gone = [value for value in before or () if value not in after]
        if before is None or gone:
            yield f"{path}: no longer any of {gone or 'all values'}"
        return
    if before is not None:
        yield from (f"{path}: no longer {value!r}" for value in before if not _fits(value, new))
        return
    if lost := _types(old) - _types(new):
        yield f"{path}: no longer {', '.join(sorted(lost))}"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{path}: another pattern"
    for word in _LOWER:
        if word in new and old.get(word, float("-inf")) < new[word]:
            yield f"{path}: {word} is now {new[word]}"
    for word in _UPPER:
        if word in new and old.get(word, float("inf")) > new[word]:
            yield f"{path}: {word} is now {new[word]}"


def _listed(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _fits(value: Any, new: Schema) -> bool:
    """Whether a listed value is of the type and pattern of a schema without a list."""
    kind = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}.get(type(value), "")
    return kind in _types(new) and not (kind == "string" and not re.search(new.get("pattern", ""), value))


def _types(schema: Schema) -> set[str]:
    """Types by name; a whole number is a number, and no word about it means all."""
    given = schema.get("type", ("array", "boolean", "integer", "null", "number", "object", "string"))
    named = {given} if isinstance(given, str) else set(given)
    return named | ({"integer"} if "number" in named else set())
