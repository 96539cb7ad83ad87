"""The doctor's judgement: a node that does its work has nothing to see to, and each fault has its line and its cure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.provision.checks import DAY_S, ESSENTIAL, findings, healthy
from agent.provision.facts import Facts, Unit

AT = 1_777_624_200.0
WELL = Facts(
    at=AT,
    node="romagna-faentina/brisighella/n-0017",
    cameras=("gate",),
    certificate_ends=AT + 300 * DAY_S,
    units={name: Unit(active=True) for name in ("sense", "link", "firewall")},
    host={
        "clock_synced": 1.0, "clock_rtc": 0.0, "undervoltage": 0.0, "undervoltage_since_boot": 0.0, "cpu_temp_c": 55.0,
        "disk_free_mb": 9000.0, "memory_available_mb": 180.0, "disk_written_mb": 90.0, "uptime_s": 2 * DAY_S,
    },
    numbers_at=AT - 2,
    numbers={"gate": {"camera/fps": 9.8}},
    connected=True,
    waiting=3,
    last=4711,
    memory_limits=True,
    watchdog=True,
)  # fmt: skip


def wrong(facts):
    """What is not well, and each has something to do."""
    found = [finding for finding in findings(facts) if not finding.ok]
    assert all(finding.todo for finding in found)
    return [finding.what for finding in found]


def host(**changes):
    return replace(WELL, host={**WELL.host, **changes})


def test_a_node_that_does_its_work_has_nothing_to_see_to():
    assert wrong(WELL) == []
    assert healthy(findings(WELL))
    assert not [finding.todo for finding in findings(WELL) if finding.todo]


@pytest.mark.parametrize(("faults", "said"), [(0.0, "enough"), (1.0, "focus: gate")])
def test_a_view_that_shows_enough_or_is_only_soft_is_no_fault(faults, said):
    facts = replace(WELL, numbers={"gate": {"camera/fps": 9.8, "camera/unjudged": faults}})
    (found,) = (finding for finding in findings(facts) if finding.what == "views")
    assert found.ok
    assert said in found.said


FAULTS = {
    "the document is spoiled": (replace(WELL, problems=("rules[0].kind: unknown",)), "configuration"),
    "there is no document": (replace(WELL, absent=True), "configuration"),
    "nobody but root may look": (replace(WELL, rootless=True), "configuration"),
    "its card is too old": (replace(WELL, ticket=True, ticket_ends=AT - DAY_S), "identity"),
    "its certificate begins later": (replace(WELL, certificate_begins=AT + DAY_S), "certificate"),
    "the disk takes nothing": (replace(WELL, read_only=True), "disk"),
    "it has not enrolled": (replace(WELL, ticket=True), "identity"),
    "a key is gone": (replace(WELL, missing_keys=("sign.pem",)), "identity"),
    "a key is open": (replace(WELL, open_keys=("sign.pem",)), "identity"),
    "a token is left on the card": (replace(WELL, ticket_on_card=True), "card"),
    "its certificate ends soon": (replace(WELL, certificate_ends=AT + 20 * DAY_S), "certificate"),
    "its certificate has ended": (replace(WELL, certificate_ends=AT - DAY_S), "certificate"),
    "it has no certificate": (replace(WELL, certificate_ends=None), "certificate"),
    "sense stands": (replace(WELL, units={**WELL.units, "sense": Unit(active=False)}), "sense"),
    "link falls again and again": (replace(WELL, units={**WELL.units, "link": Unit(active=True, restarts=9)}), "link"),
    "link is not installed": (replace(WELL, units={"sense": Unit(active=True)}), "link"),
    "the firewall is down": (replace(WELL, units={**WELL.units, "firewall": Unit(active=False)}), "firewall"),
    "no broker is reached": (replace(WELL, connected=False), "broker"),
    "its view is bare": (replace(WELL, numbers={"gate": {"camera/fps": 9.8, "camera/unjudged": 3.0}}), "views"),
    "a camera gives nothing": (replace(WELL, numbers={"gate": {"camera/fps": 0.0}}), "cameras"),
    "a camera is unknown to sense": (replace(WELL, numbers={}), "cameras"),
    "the numbers are old": (replace(WELL, numbers_at=AT - 600), "cameras"),
    "the outbox fills": (replace(WELL, waiting=5000), "outbox"),
    "the outbox is out of reach": (replace(WELL, waiting=None), "outbox"),
    "nobody set the clock": (host(clock_synced=0.0), "clock"),
    "the supply is weak": (host(undervoltage=1.0), "supply"),
    "the supply was weak": (host(undervoltage_since_boot=1.0), "supply"),
    "it is hot": (host(cpu_temp_c=84.0), "heat"),
    "the disk is full": (host(disk_free_mb=12.0), "disk"),
    "memory runs out": (host(memory_available_mb=9.0), "memory"),
    "somebody writes a lot": (host(disk_written_mb=2000.0), "card wear"),
    "limits of memory do not hold": (replace(WELL, memory_limits=False), "memory limits"),
    "the watchdog sleeps": (replace(WELL, watchdog=False), "watchdog"),
}


@pytest.mark.parametrize(("facts", "what"), FAULTS.values(), ids=list(FAULTS))
def test_each_fault_has_one_line_that_says_what_to_do(facts, what):
    assert wrong(facts) == [what]
    assert healthy(findings(facts)) == (what not in ESSENTIAL)


def test_a_certificate_that_has_ended_may_be_a_clock_that_is_wrong():
    (said,) = (one for one in findings(replace(WELL, certificate_ends=AT - 3 * DAY_S)) if one.what == "certificate")
    assert said.said == "ended 3 days ago, unless the clock is wrong"
    assert said.todo.startswith("timedatectl")


def test_what_link_says_of_a_broker_that_it_does_not_reach_is_passed_on():
    link = Unit(active=True, status="broker.example.org: name not known")
    found = findings(replace(WELL, connected=False, units={**WELL.units, "link": link}))
    assert [one.said for one in found if one.what == "broker"] == ["broker.example.org: name not known"]


def the_line(facts, what):
    """What the doctor says of this part, and what to do."""
    ((said, todo),) = ((one.said, one.todo) for one in findings(facts) if one.what == what)
    return said, todo


def test_what_a_service_said_when_it_ended_is_passed_on_with_its_hint():
    sense = Unit(active=False, reason="gate: no camera at /dev/video0", hint="see to the cable")
    facts = replace(WELL, units={**WELL.units, "sense": sense})
    assert the_line(facts, "sense") == ("does not run: gate: no camera at /dev/video0", "see to the cable")


def test_a_spoiled_document_is_told_by_its_first_fault_and_how_many_more():
    facts = replace(WELL, problems=("rules[0].kind: unknown", "a: b", "c: d"))
    assert the_line(facts, "configuration")[0] == "rules[0].kind: unknown, and 2 more"


def test_a_clock_that_is_behind_is_not_taken_for_a_certificate_that_lasts_for_decades():
    facts = replace(WELL, at=1_735_689_600.0, certificate_begins=AT, numbers_at=1_735_689_600.0)
    said, todo = the_line(facts, "certificate")
    assert said == "not valid before 2026-05-01, and the clock says 2025-01-01"
    assert todo.startswith("mend the clock")


def test_what_enrolment_waits_for_is_said():
    facts = replace(WELL, ticket=True, enrolment="a person must approve this node", certificate_ends=None)
    assert the_line(facts, "identity")[0] == "not enrolled yet: a person must approve this node"
    assert wrong(facts) == ["identity"]


def test_who_is_not_root_is_told_so_and_not_that_keys_are_missing():
    keys = ("sign.pem", "key.pem")
    assert wrong(replace(WELL, rootless=True, missing_keys=keys, certificate_ends=None)) == ["configuration"]


def test_the_writes_of_a_boot_say_nothing_about_a_day():
    assert wrong(host(disk_written_mb=900.0, uptime_s=600.0)) == []


def test_what_a_board_does_not_have_is_not_asked_of_it():
    assert wrong(replace(WELL, host={"clock_synced": 1.0}, memory_limits=None, watchdog=None)) == []


def test_a_clock_kept_by_its_cell_will_do():
    assert wrong(host(clock_synced=0.0, clock_rtc=1.0)) == []


def test_a_node_without_cameras_is_not_asked_for_pictures():
    assert wrong(replace(WELL, cameras=(), numbers={}, numbers_at=None)) == []
