"""An AsyncAPI document of ours as one HTML page that needs nothing else: no script, no font, nothing to fetch.

AsyncAPI's own template brings a browser to render and a megabyte of script to read; this page is for people with a
text browser, a printer or a rule against scripts. It shows everything that the document says of a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Document = Mapping[str, Any]
_STYLE = """
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1rem}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #8a8f99;padding:.25rem .6rem .25rem 0;text-align:left;vertical-align:top}
code{font-family:ui-monospace,monospace;font-size:.88rem;overflow-wrap:anywhere}h2{margin-top:2.5rem}dt{font-weight:600}dd{margin:0 0 .4rem 1rem}
"""
_LIMITS = {
    "minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}",
    "maxLength": "at most {} characters", "minItems": "at least {} items", "maxItems": "at most {} items",
    "maxProperties": "at most {} members", "pattern": "matches {}",
}  # fmt: skip


def html(document: Document) -> str:
    """The page: every channel with who says what there, and every member of its payload."""
    info = document["info"]
    links = "".join(f'<li><a href="#{name}">{name}</a></li>' for name in document["channels"])
    channels = "".join(_channel(document, name) for name in document["channels"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])} {info['version']}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(info['title'])} {info['version']}</h1><p>{escape(info['description'])}</p>"
        f"<nav><ul>{links}</ul></nav>{channels}</main></body></html>\n"
    )


def _channel(document: Document, name: str) -> str:
    channel = document["channels"][name]
    facts = [("topic", f"<code>{escape(channel['address'])}</code>"), *_parameters(channel)]
    operations = [one for one in document["operations"].values() if one["channel"]["$ref"].endswith(f"/{name}")]
    facts += [(one["action"], escape(_binding(one))) for one in operations]
    listed = "".join(f"<dt>{title}</dt><dd>{text}</dd>" for title, text in facts)
    schema = document["components"]["schemas"][name]
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in _members(document, schema, ""))
    return (
        f'<section><h2 id="{name}">{name}</h2><p>{escape(channel["description"])}</p><dl>{listed}</dl>'
        '<table><tr><th scope="col">member</th><th scope="col">what it may be</th><th scope="col">meaning</th></tr>'
        f"{rows}</table></section>"
    )


def _parameters(channel: Document) -> Iterator[tuple[str, str]]:
    for name, parameter in channel["parameters"].items():
        given = f": {', '.join(parameter['enum'])}" if "enum" in parameter else ""
        yield name, escape(f"{parameter['description']}{given}")


def _binding(operation: Document) -> str:
    mqtt = operation["bindings"]["mqtt"]
    parts = [operation["summary"], f"QoS {mqtt['qos']}"]
    if mqtt.get("retain"):
        parts.append("retained")
    if "messageExpiryInterval" in mqtt:
        parts.append(f"expires after {mqtt['messageExpiryInterval']} s")
    return "; ".join(parts)


def _members(document: Document, schema: Document, path: str) -> Iterator[tuple[str, str, str]]:
    """Every member below `path`: its name, its form, its meaning."""
    for name, given in schema.get("properties", {}).items():
        where = f"{path}.{name}" if path else name
        member = _resolved(document, given)
        must = "" if name in schema.get("required", ()) else " (may be absent)"
        meaning = given.get("description") or member.get("description", "")
        form = "; ".join(dict.fromkeys(_forms(document, member)))
        yield f"<code>{escape(where)}</code>{must}", f"<code>{escape(form)}</code>", escape(meaning)
        yield from _below(document, member, where)


def _below(document: Document, member: Document, where: str) -> Iterator[tuple[str, str, str]]:
    for one in member.get("anyOf", (member,)):
        inner = _resolved(document, one)
        yield from _members(document, inner, where)
        if isinstance(inner.get("items"), Mapping):
            yield from _members(document, _resolved(document, inner["items"]), f"{where}[]")


def _forms(document: Document, schema: Document) -> Iterator[str]:
    """In words: type or list of values, and every limit."""
    if "anyOf" in schema:
        for one in schema["anyOf"]:
            yield " ".join(_forms(document, _resolved(document, one)))
        return
    if "enum" in schema or "const" in schema:
        yield " | ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
        return
    yield str(schema.get("type", "any"))
    yield from (text.format(schema[word]) for word, text in _LIMITS.items() if word in schema)
    if isinstance(schema.get("items"), Mapping):
        yield f"of {' '.join(_forms(document, _resolved(document, schema['items'])))}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield f"of {' '.join(_forms(document, _resolved(document, schema['additionalProperties'])))}"


def _resolved(document: Document, schema: Document) -> Document:
    if "$ref" not in schema:
        return schema
    found: Any = document
    for part in schema["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    resolved: Document = found
    return resolved
