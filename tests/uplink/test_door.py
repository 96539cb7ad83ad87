"""Nothing leaves but words of the contract, declared ids and rounded numbers, whatever a record holds."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some
from jsonschema import Draft202012Validator

import agent
from agent.contract.jws import unb64
from agent.contract.schemas import payload_schema
from agent.contract.topics import Class, NodeName
from agent.errors import Refused
from agent.records import Audit, ClockQuality, Event, Health, Reason, Record, Stat
from agent.uplink.door import _WORDS, OUTCOMES, REFUSALS, Door
from agent.uplink.measures import DECIMALS, SIGNIFICANT, rounded
from tests.contract.makers import AT, NODE
from tests.uplink.nodes import WORDS, audit, event, health, sealer, stat

JPEG = bytes.fromhex("ffd8ffe000104a46494600010100") + bytes(range(256))
SECRETS = [
    "AB123CD", "Mario Rossi", "mario-rossi", base64.b64encode(JPEG).decode(), JPEG.hex(), JPEG.decode("latin-1"),
    "gate\n", "gate ", "GATE", "gate\0", "../gate", "gate/person", "+", "#", "person\u200b", "https://example.org/x.jpg",
    "0.113,-0.92,0.44,0.2", "44.4938N 11.3387E", "a" * 64, "0" * 12, "track-17",
]  # fmt: skip
SECRET = some.sampled_from(SECRETS) | some.text(min_size=1, max_size=80)
RECORDS: list[Record] = [event(also=(event().reason,)), stat(), health(), audit(digest="")]
TEXTS = {
    Event: ("rule", "kind", "phase", "severity", "source", "zone", "label", "closed_by"),
    Stat: ("source",),
    Health: (),
    Audit: ("action", "subject", "outcome", "digest"),
}
SCHEMAS = {klass: Draft202012Validator(payload_schema(klass)) for klass in ("evt", "stat", "health", "audit")}  # type: ignore[arg-type]


def sent(record: Record) -> list[dict[str, Any]]:
    """The payloads that would leave the node, as a stranger reads them."""
    tokens = (draft.seal(1, "0" * 64)[0] for draft in sealer().drafts(record))
    return [json.loads(unb64(token.split(".")[1])) for token in tokens]


def outcome(record: Record) -> str:
    """Everything that left for a record, as text; empty when it was refused."""
    payloads: list[dict[str, Any]] = []
    with suppress(Refused):
        payloads = sent(record)
    for payload in payloads:
        SCHEMAS[payload["type"].split(".")[1]].validate(payload)
    return json.dumps(payloads) if payloads else ""


def hide(record: Record, secret: str) -> Iterator[Record]:
    """The record with the secret in each of its texts in turn."""
    for name in TEXTS[type(record)]:
        yield _with(record, name, secret)
    if isinstance(record, Event):
        for name in ("quantity", "test", "evidence_unit"):
            reason = _with(record.reason, name, secret)
            yield dataclasses.replace(record, reason=reason)
            yield dataclasses.replace(record, also=(reason,))
    if isinstance(record, Stat | Health):
        for name in (secret, f"gate/person/{secret}", f"gate/{secret}/count", f"{secret}/person/count"):
            yield dataclasses.replace(record, values=((name, 1.0),))


def _with(holder: Any, name: str, value: str) -> Any:
    return dataclasses.replace(holder, **{name: value})


def known_words() -> set[str]:
    """What may stand in a payload by contract or configuration."""
    return set(re.findall(r"[a-z0-9_.-]+", json.dumps([payload_schema(Class(k)) for k in SCHEMAS] + sorted(DECIMALS))))


WORDS_OF_CONTRACT = (
    known_words()
    | WORDS.rules
    | WORDS.sources
    | WORDS.zones
    | REFUSALS
    | OUTCOMES
    | _WORDS
    | {"all", "camera", "scene"}
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
@given(secret=SECRET)
def test_a_secret_in_any_text_of_a_record_keeps_all_of_it_back(record: Record, secret: str) -> None:
    assume(secret not in WORDS_OF_CONTRACT)
    assume(secret.rpartition("/")[2] not in DECIMALS)  # a quantity of our own is no secret
    for hiding in hide(record, secret):
        assert outcome(hiding) == "", hiding


@given(secret=SECRET)
def test_the_id_of_an_event_leaves_only_as_a_digest(secret: str) -> None:
    (payload,) = sent(event(id=secret))
    assert re.fullmatch("[0-9a-f]{16}", payload["correlationid"])
    assert payload["correlationid"] != secret


def test_messages_of_one_event_share_their_correlation_and_others_do_not() -> None:
    one, two, other = (sent(event(id=name))[0]["correlationid"] for name in ("a", "a", "b"))
    assert one == two != other


@given(some.floats(-1e12, 1e12), some.sampled_from(sorted(DECIMALS)))
def test_a_number_has_no_room_to_hide_in(value: float, measure: str) -> None:
    told = rounded(value, decimals=DECIMALS[measure])
    digits = f"{told:e}".split("e")[0].replace(".", "").lstrip("-").rstrip("0")
    assert len(digits) <= SIGNIFICANT
    assert rounded(told, decimals=DECIMALS[measure]) == told


@given(value=some.floats())
def test_any_float_in_any_number_is_rounded_or_refused(value: float) -> None:
    reason = Reason("gate/person/stay_s", "stay", value, expected=value, spread=value, evidence=value)
    values = (("gate/person/count", value), ("cpu_temp_c", value))
    for record in (
        event(reason=reason, duration_s=value),
        Stat("gate-cam", AT - 900, AT, value, values),
        Health(AT, values),
    ):
        text = outcome(record)
        assert repr(value) not in text or float(f"{value:.{SIGNIFICANT}g}") == value


def test_what_is_not_finite_is_refused() -> None:
    for value in (float("nan"), float("inf"), float("-inf")):
        assert outcome(health(AT)) != ""
        assert outcome(Health(AT, (("cpu_temp_c", value),))) == ""


@pytest.mark.parametrize(
    ("measure", "value", "told"),
    [("stay_s", 41.37, 41.0), ("count", 1.26, 1.3), ("uptime_s", 123456.0, 123500.0), ("temperature_c", -0.01, 0.0),
     ("speed", 1.94, 1.9), ("observed", 0.9666, 0.97)],
)  # fmt: skip
def test_numbers_are_as_coarse_as_their_purpose_needs(measure: str, value: float, told: float) -> None:
    assert rounded(value, decimals=DECIMALS[measure]) == told


def test_numbers_in_an_audit_record_pass_only_for_what_was_dropped() -> None:
    assert outcome(audit(first=7, last=9, ranges=((7, 9),))) == ""
    assert "7" in outcome(audit(action="dropped", subject="health", first=7, last=9, ranges=((7, 9),)))


def test_a_digest_that_nobody_declared_stays_here() -> None:
    digest = "ab" * 32
    words = dataclasses.replace(WORDS, digests=frozenset({digest}))
    assert outcome(audit(action="config-applied", digest=digest)) == ""
    (passed,) = Door(NODE, words).let_out(audit(action="config-applied", digest=digest), clock=ClockQuality.NTP)
    assert passed.data.digest == digest  # type: ignore[union-attr]


def test_more_numbers_than_one_envelope_holds_go_into_several() -> None:
    values = tuple((f"{zone}/{label}/{measure}", 1.0) for zone in ("gate", "kerb")
                   for label in ("person", "bicycle", "car", "truck", "all") for measure in ("count", "entered", "left", "in", "out", "occupancy"))  # fmt: skip
    payloads = sent(Stat("gate-cam", AT - 900, AT, 1.0, values))
    assert len(payloads) > 1
    assert {name for payload in payloads for name in payload["data"]["values"]} == {name for name, _ in values}


def test_what_is_no_record_does_not_pass() -> None:
    with pytest.raises(Refused):
        Door(NODE, WORDS).let_out("a picture", clock=ClockQuality.NTP)  # type: ignore[arg-type]


def test_the_same_happening_has_another_correlation_on_another_node() -> None:
    there = Door(NodeName("romagna-faentina", "faenza", "n-0017"), WORDS)
    (here,), (elsewhere,) = (
        Door(NODE, WORDS).let_out(event(), clock=ClockQuality.NTP),
        there.let_out(event(), clock=ClockQuality.NTP),
    )
    assert here.correlation != elsewhere.correlation


def test_a_refusal_never_repeats_what_was_refused() -> None:
    with pytest.raises(Refused) as refused:
        sealer().drafts(event(zone="Mario Rossi"))
    assert "Rossi" not in str(refused.value)


def test_every_word_of_refusal_may_be_told() -> None:
    """An audit record must be able to say each `why` that the code knows."""
    sources = "".join(
        path.read_text()
        for room in ("contract", "uplink")
        for path in (Path(agent.__file__).parent / room).glob("*.py")
    )
    assert set(re.findall(r"Refused\(\s*\"([a-z-]+)\"", sources)) <= REFUSALS
