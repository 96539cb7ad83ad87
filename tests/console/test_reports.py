"""What people report: choices become events that say that nobody has verified them, and say nothing of who chose."""

from __future__ import annotations

import pytest

from agent.console.reports import Reports, left_open
from agent.console.settings import Area, FormSettings, load
from agent.contract.italian import ITALIAN
from agent.contract.sentences import sentence
from agent.errors import ConfigError, Refused
from agent.records import Phase, Severity

AREAS = (Area("centro", "Centro storico"), Area("stazione", "Stazione"))
AT = 1_780_000_020.0
MINUTE_S = 60.0


@pytest.fixture
def reports() -> Reports:
    return Reports(FormSettings("Faenza", AREAS, per_hour=3), "beef")


def test_a_report_is_an_event_of_the_minute_in_which_it_was_made(reports):
    event = reports.take("centro", "noise", at=AT + 41.7)
    assert (event.kind, event.rule, event.zone, event.at) == ("report", "noise", "centro", AT)
    assert (event.phase, event.severity) == (Phase.OPENED, Severity.NOTICE)
    assert sentence(event) == "centro (form): a person says: noise; not verified"
    assert sentence(event, ITALIAN) == "centro (form): una persona dice: rumore; non verificato"


def test_a_call_for_help_is_more_urgent(reports):
    assert reports.take("centro", "help", at=AT).severity is Severity.WARNING


def test_more_voices_are_one_event_that_counts_them(reports):
    """Within a minute nothing more is told, so nobody's own report can be seen in the stream."""
    first = reports.take("centro", "noise", at=AT)
    assert reports.take("centro", "noise", at=AT + 20) is None
    again = reports.take("centro", "noise", at=AT + 70)
    assert (again.id, again.phase, again.reason.observed) == (first.id, Phase.UPDATED, 3.0)


def test_a_report_that_nobody_repeats_is_over(reports):
    reports.take("centro", "noise", at=AT)
    reports.take("centro", "noise", at=AT + 5 * MINUTE_S)
    assert reports.advance(AT + 30 * MINUTE_S) == []
    (closed,) = reports.advance(AT + 35 * MINUTE_S)
    assert (closed.phase, closed.duration_s, closed.closed_by) == (Phase.CLOSED, 5 * MINUTE_S, "rule")
    assert reports.advance(AT + 99 * MINUTE_S) == []


def test_an_hour_holds_so_many_reports_and_the_next_hour_begins_anew(reports):
    for choice in ("noise", "dark", "help"):
        reports.take("centro", choice, at=AT)
    with pytest.raises(Refused, match="too many"):
        reports.take("stazione", "dark", at=AT + 3599)
    assert reports.take("centro", "help", at=AT + 3599)
    assert reports.take("stazione", "dark", at=AT + 3600)


@pytest.mark.parametrize(("area", "choice"), [("elsewhere", "noise"), ("centro", "gossip"), ("", "")])
def test_nothing_but_what_the_form_offers_is_taken(reports, area, choice):
    with pytest.raises(Refused, match="does not offer"):
        reports.take(area, choice, at=AT)


def test_what_a_restart_interrupted_is_closed_as_such(reports):
    (closed,) = left_open([reports.take("centro", "noise", at=AT)], at=AT + 1)
    assert (closed.phase, closed.closed_by) == (Phase.CLOSED, "restart")


def test_an_area_that_is_named_twice_is_said(tmp_path):
    path = tmp_path / "form.yaml"
    path.write_text(
        "version: 1\nnode: {union: u, comune: c, id: form}\nuplink: {broker: {host: localhost}}\n"
        "form: {title: C, areas: [{id: a, name: A}, {id: a, name: B}]}\n"
    )
    with pytest.raises(ConfigError) as found:
        load(path)
    assert "form.areas: 'a' is there 2 times" in str(found.value)
