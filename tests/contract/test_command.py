"""A command or a verdict is admitted once, from somebody who may, in its time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.contract.command import LONGEST_S, MOST, Memory, is_for_node
from agent.contract.envelope import Envelope, open_envelope, spell
from agent.contract.times import instant
from agent.contract.topics import Class, NodeName
from agent.contract.types import AckData, CommandData
from agent.errors import Refused
from tests.contract.makers import AT, NODE, payload, ring_of, signer

NAMES = {role: NodeName("romagna-faentina", "centre", role) for role in ("operator", "maintainer", "police")}
RING = ring_of(*((signer(role), role, name) for role, name in NAMES.items()))


def command(what: Any = "report", *, number: int = 1, role: str = "operator", within_s: float = 60.0, **more: Any):
    data = CommandData(node=str(NODE), command=what, deadline=instant(AT + within_s), **more)
    return _opened(Class.CMD, data, role, number)


def verdict(*, number: int = 1, role: str = "police"):
    return _opened(Class.ACK, AckData(node=str(NODE), event="00000000000000aa", verdict="useful"), role, number)


def _opened(klass: Class, data: Any, role: str, number: int) -> Envelope:
    made = payload(klass, data, name=NAMES[role], kind="node", id=f"{number:016x}")
    return open_envelope(signer(role).seal(spell(made))[0], RING)


def why(memory: Memory, asked: Envelope, *, at: float = AT, retained: bool = False) -> str:
    """The word of refusal, empty where it was admitted."""
    try:
        memory.admit(asked, at=at, retained=retained)
    except Refused as refused:
        return refused.why
    return ""


def test_a_command_is_admitted_once():
    memory = Memory()
    assert why(memory, command()) == ""
    assert why(memory, command()) == "replayed"
    assert why(memory, command(number=2)) == ""


def test_a_verdict_is_admitted_once():
    memory = Memory()
    assert why(memory, verdict()) == ""
    assert why(memory, verdict(), at=AT + 86_400) == "replayed"


def test_two_parties_may_have_the_same_number():
    memory = Memory()
    assert [why(memory, command(role=role)) for role in ("operator", "maintainer")] == ["", ""]


def test_nothing_is_admitted_twice_over_a_restart():
    memory = Memory()
    memory.admit(command(), at=AT, retained=False)
    assert why(Memory.decode(memory.encode()), command()) == "replayed"


def test_what_was_forgotten_does_not_come_back_when_the_clock_is_set_back():
    """The battery of the clock is dead and the attacker has kept yesterday's command."""
    memory = Memory()
    memory.admit(command(within_s=60), at=AT, retained=False)
    assert why(memory, command(number=2, within_s=3600), at=AT + 120) == ""
    memory = Memory.decode(memory.encode())
    assert why(memory, command(), at=AT) == "expired"


def test_a_clock_that_ran_ahead_for_a_while_locks_nobody_out():
    memory = Memory()
    assert why(memory, command(), at=AT + 1e8) == "expired"
    assert why(memory, command()) == ""


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (command(within_s=-1), "expired"),
        (command(within_s=LONGEST_S + 1), "deadline"),
        (command("restart"), "role"),
        (command("relearn"), "role"),
        (command("commission"), "role"),
        (command("mode", target="party"), "data"),
        (command("mode"), "data"),
        (command("resend"), "data"),
        (command("resend", first=9, last=3), "data"),
        (command("resend", first=3, last=9), ""),
        (command("mode", target="pause"), ""),
        (command("restart", role="maintainer"), ""),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.data.command} {value.key.role}",
)
def test_time_role_and_form_are_looked_at(asked: Envelope, word: str):
    assert why(Memory(), asked) == word


def test_a_retained_command_is_refused():
    assert why(Memory(), command(), retained=True) == "retained"


def test_a_refused_command_is_not_remembered_as_done():
    memory = Memory()
    assert why(memory, command(within_s=LONGEST_S + 1)) == "deadline"
    assert why(memory, command(within_s=LONGEST_S + 1), at=AT + 2) == ""


def test_the_memory_is_bounded_and_fails_closed():
    memory = Memory({f"x {number}": AT + 9 for number in range(MOST)})
    assert why(memory, command()) == "rate"
    assert why(memory, command(), at=AT + 10) == ""


def test_a_memory_that_is_none_is_refused():
    with pytest.raises(Refused):
        Memory.decode("[]")


def test_an_id_too_short_to_be_answered_is_refused():
    data = CommandData(node=str(NODE), command="report", deadline=instant(AT + 60))
    made = payload(Class.CMD, data, name=NAMES["operator"], kind="node", id="ab")
    assert why(Memory(), open_envelope(signer("operator").seal(spell(made))[0], RING)) == "data"


def test_a_command_for_a_store_is_not_for_the_node():
    assert is_for_node(command())
    data = CommandData(node=str(NODE), command="resend", deadline=instant(AT + 60), first=1, last=2)
    made = payload(Class.CMD, data, name=NAMES["operator"], kind="store-1")
    assert not is_for_node(open_envelope(signer("operator").seal(spell(made))[0], RING))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-90, 90), st.booleans()), max_size=30))
def test_whatever_the_clock_does_nothing_is_done_twice(steps: list[tuple[int, int, bool]]):
    """Clock steps, restarts and repetitions in any order."""
    memory, done = Memory(), []
    asked = [command(number=number, within_s=60 + number) for number in range(6)]
    for number, minutes, restarts in steps:
        if restarts:
            memory = Memory.decode(memory.encode())
        if not why(memory, asked[number], at=AT + minutes):
            done.append(number)
    assert len(done) == len(set(done))
