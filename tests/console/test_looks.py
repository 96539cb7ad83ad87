"""What counts as one look, for the log of who looked at what."""

from __future__ import annotations

from agent.console.looks import LOOK_S, Looks

CHAINS, HISTORY = "/api/chains", "/api/events?comune=faenza"


def test_whoever_asks_is_signed_for_each_time():
    looks = Looks()
    assert [looks.is_new(CHAINS, at=at, again=False) for at in (0.0, 1.0, 1.0)] == [True, True, True]


def test_a_view_that_stays_open_is_signed_for_every_hour():
    looks = Looks()
    looks.is_new(CHAINS, at=0.0, again=False)
    signed = [at for at in range(15, 10_000, 15) if looks.is_new(CHAINS, at=float(at), again=True)]
    assert signed == [LOOK_S, 2 * LOOK_S]


def test_what_was_not_looked_at_is_not_seen_by_asking_again():
    looks = Looks()
    looks.is_new(CHAINS, at=0.0, again=False)
    assert looks.is_new(HISTORY, at=1.0, again=True)
    assert looks.is_new(f"{HISTORY}&kind=report", at=1.0, again=True)


def test_a_clock_that_is_set_back_hides_no_look():
    looks = Looks()
    looks.is_new(CHAINS, at=10_000.0, again=False)
    assert looks.is_new(CHAINS, at=9_000.0, again=True)


def test_only_an_hours_questions_are_remembered():
    looks = Looks()
    for number in range(5000):
        looks.is_new(f"{HISTORY}{number}", at=number * 60.0, again=False)
    assert len(looks._signed) <= LOOK_S / 60 + 1
