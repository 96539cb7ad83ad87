"""What an agreement means on the wire and in documents: how long messages live, and the partner's AsyncAPI."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from agent.contract.schemas import asyncapi
from agent.contract.topics import EXPIRES_S, Class
from agent.governance.agreement import DAY_S, Agreement
from agent.governance.rights import ALL, Right, Verb, rights
from agent.governance.union import Union


def expires_s(agreements: Sequence[Agreement], *, at: float) -> dict[Class, int]:
    """Seconds after which a broker drops a message: no longer than any agreement that holds lets its partner keep it."""
    kept = [one.retention_days * DAY_S for one in agreements if one.holds(at) and one.events]
    return EXPIRES_S | {Class.EVT: min([EXPIRES_S[Class.EVT], *kept])}


def view(union: Union, agreement: Agreement) -> dict[str, Any]:
    """The AsyncAPI document of what one partner receives and may say, while the agreement holds."""
    granted = [
        right
        for right in rights(union, [agreement], at=agreement.begins_at)
        if right.party == union.full_name(agreement.partner.id)
    ]
    whole = asyncapi()
    document = {
        **whole,
        "info": {
            **whole["info"],
            "title": f"Piazza for {agreement.partner.name}",
            "description": _said(agreement),
            "x-retention-days": agreement.retention_days,
        },
        "channels": {},
        "operations": {},
    }
    for klass in dict.fromkeys(right.klass for right in granted):
        if klass.value in whole["channels"]:
            _add(document, whole, klass, [right for right in granted if right.klass is klass])
    kept = set(document["channels"])
    document["components"] = {
        part: {name: value for name, value in whole["components"][part].items() if name in kept}
        for part in ("messages", "schemas")
    }
    return document


def _add(document: dict[str, Any], whole: dict[str, Any], klass: Class, own: Sequence[Right]) -> None:
    channel = copy.deepcopy(whole["channels"][klass.value])
    parameters = channel["parameters"]
    parameters["union"]["enum"] = sorted({right.union for right in own})
    parameters["comune"]["enum"] = sorted({right.comune for right in own})
    if kinds := sorted({right.type for right in own} - {ALL}):
        parameters["type"]["enum"] = kinds
    if nodes := sorted({right.node for right in own} - {ALL}):
        parameters["node"]["enum"] = nodes
    document["channels"][klass.value] = channel
    for right in {right.verb: right for right in own}.values():
        document["operations"][f"{right.verb}-{klass}"] = _operation(whole, klass, right.verb)


def _operation(whole: dict[str, Any], klass: Class, verb: Verb) -> dict[str, Any]:
    operation: dict[str, Any] = copy.deepcopy(whole["operations"][f"publish-{klass}"])
    if verb is Verb.READ:
        mqtt = operation["bindings"]["mqtt"]
        operation["action"] = "receive"
        operation["bindings"] = {"mqtt": {"qos": mqtt["qos"], "bindingVersion": mqtt["bindingVersion"]}}
    return operation


def _said(agreement: Agreement) -> str:
    return (
        f"What {agreement.partner.name} receives under the agreement {agreement.id}, "
        f"from {agreement.since} to {agreement.until}, kept for {agreement.retention_days} days."
    )
