"""The contract as documents: JSON Schema 2020-12 for each payload, AsyncAPI 3 for the whole.

Made from the types and from the tables of topics, never written by hand. The invariant: a payload
is valid under its schema exactly when `open_envelope` accepts its members.
"""

from __future__ import annotations

import copy
import re
from typing import Any

import msgspec

from agent.contract.certificates import SPOKEN, Given
from agent.contract.jws import MAX_BYTES
from agent.contract.topics import CHAINED, END, EXPIRES_S, MAKERS, PREFIX, RETAINED, Class
from agent.contract.types import KINDS, Payload

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = "1.1.0"
_LEVELS = {
    "union": "the union of comuni",
    "comune": "the comune, literal in every permission",
    "node": "the node's own id",
    "type": "what kind of message within its class",
}
_SUMMARY = {
    Class.CSR: "by every party for itself; MQTT 5: response topic and correlation data",
    Class.CRT: "by the authority of the union; MQTT 5: the correlation data of the question",
}
"""Who speaks under the classes that carry no envelope."""
_COMPACT_JWS = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"

Document = dict[str, Any]


def payload_schema(klass: Class) -> Document:
    """The schema of what the signature of an envelope of this class covers."""
    kinds = (Payload, KINDS[klass])
    (whole, data), defs = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    schema = copy.deepcopy(defs.pop("Payload"))
    assert whole["$ref"].endswith("/Payload")
    properties, required = schema["properties"], schema["required"]
    properties["data"] = data
    properties["type"]["pattern"] = rf"^piazza[.]{klass}[.][a-z0-9-]{{1,32}}[.]v1$"
    if klass in CHAINED:
        required += ["seq", "prev"]
    else:
        del properties["seq"], properties["prev"]
    head = {"$schema": DIALECT, "$id": f"urn:piazza:v1:{klass}", **schema, "$defs": defs}
    return portable({**head, "title": f"piazza {klass}", "description": _said(klass)})


def settings_schema(kind: Any, *, name: str) -> Document:
    """The schema of a document of settings, for editors."""
    (whole,), defs = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    return portable({"$schema": DIALECT, "$id": f"urn:piazza:v1:{name}", **whole, "$defs": defs})


def asyncapi() -> Document:
    """Every topic of the contract, who may say what there, and the form of it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Piazza",
            "version": VERSION,
            "description": "Anonymised, signed events of nodes that watch public spaces, over MQTT.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/jose",
        "channels": {klass.value: _channel(klass) for klass in (*_classes(), *SPOKEN)},
        "operations": {f"publish-{klass}": _operation(klass) for klass in (*_classes(), *SPOKEN)},
        "components": {
            "messages": {klass.value: _message(klass) for klass in _classes()}
            | {klass.value: _spoken_message(klass) for klass in SPOKEN},
            "schemas": {klass.value: _embedded(klass) for klass in _classes()}
            | {klass.value: _spoken(klass) for klass in SPOKEN},
        },
    }


def _embedded(klass: Class) -> Document:
    """A payload's schema as a part of the whole document, to whose root its references then point."""
    alone = payload_schema(klass)
    inside = {key: value for key, value in alone.items() if key not in ("$schema", "$id")}
    embedded: Document = _pointing(inside, f"#/components/schemas/{klass}/$defs/")
    return embedded


def _spoken(klass: Class) -> Document:
    """The same of what is JSON and no envelope; the text that the authority signs has its schema beside it."""
    schema = _plain(SPOKEN[klass][0])
    if klass is Class.CRT:
        schema["properties"]["given"] |= {"contentMediaType": "application/json", "contentSchema": _plain(Given)}
    return schema


def _plain(kind: type[msgspec.Struct]) -> Document:
    _, defs = msgspec.json.schema_components((kind,))
    (schema,) = defs.values()
    return portable(copy.deepcopy(schema))


def _pointing(value: Any, root: str) -> Any:
    if isinstance(value, dict):
        return {key: _pointing(part, root) for key, part in value.items()}
    if isinstance(value, list):
        return [_pointing(part, root) for part in value]
    return value.replace("#/$defs/", root) if isinstance(value, str) else value


def portable(schema: Document) -> Document:
    """The same schema for readers other than ours.

    Their `$` is the end of the text, and the empty text that stands for "not told" is never sent, so
    it is no default to them. Documentation loses its indentation, which Python 3.13 drops by itself.
    """
    return {key: _portable(value) for key, value in schema.items() if (key, value) != ("default", "")}


def _portable(value: Any) -> Any:
    if isinstance(value, dict):
        return portable(value)
    if isinstance(value, list):
        return [_portable(item) for item in value if item not in ("", {"enum": [""]})]
    return re.sub(r"\n +", "\n", value.replace(END, "$")) if isinstance(value, str) else value


def _classes() -> tuple[Class, ...]:
    return tuple(Class(klass) for klass in KINDS)


def _said(klass: Class) -> str:
    """The first sentence of the type's own documentation."""
    kind = SPOKEN[klass][0] if klass in SPOKEN else KINDS[klass]
    return (kind.__doc__ or "").strip().splitlines()[0]


def _channel(klass: Class) -> Document:
    return {
        "address": "/".join((*PREFIX, "{union}", "{comune}", "{node}", klass, "{type}")),
        "description": _said(klass),
        "parameters": {level: {"description": text} for level, text in _LEVELS.items()},
        "messages": {klass.value: {"$ref": f"#/components/messages/{klass}"}},
    }


def _operation(klass: Class) -> Document:
    mqtt: Document = {"qos": 1, "retain": klass in RETAINED, "bindingVersion": "0.2.0"}
    if klass in EXPIRES_S:
        mqtt["messageExpiryInterval"] = EXPIRES_S[klass]
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{klass}"},
        "messages": [{"$ref": f"#/channels/{klass}/messages/{klass}"}],
        "summary": _SUMMARY.get(klass) or f"signed by: {', '.join(sorted(MAKERS[klass]))}",
        "bindings": {"mqtt": mqtt},
    }


def _message(klass: Class) -> Document:
    """A token; what it carries has the schema that stands beside its own."""
    return {
        "name": klass.value,
        "contentType": "application/jose",
        "description": "A compact JWS (RFC 7515) with EdDSA over Ed25519; x-jws-payload is what it signs.",
        "payload": {"type": "string", "pattern": _COMPACT_JWS, "maxLength": MAX_BYTES},
        "x-jws-payload": {"$ref": f"#/components/schemas/{klass}"},
    }


def _spoken_message(klass: Class) -> Document:
    _, most = SPOKEN[klass]
    return {
        "name": klass.value,
        "contentType": "application/json",
        "description": f"JSON, no envelope; at most {most} bytes.",
        "payload": {"$ref": f"#/components/schemas/{klass}"},
    }
