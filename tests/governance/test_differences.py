"""A change of agreements, in words: who would see what, where, for how long."""

from __future__ import annotations

import pytest

from agent.governance.differences import differences
from tests.governance.unions import JUNE, POLICE, folder, loaded, police


@pytest.fixture
def told(tmp_path):
    def compare(*new, old=(POLICE,)):
        whole, before = loaded(folder(tmp_path / "old", *old))
        _, after = loaded(folder(tmp_path / "new", *new))
        return {(one.text, one.widens) for one in differences(whole, before, after, at=JUNE)}

    return compare


def test_the_same_agreement_is_no_difference(told):
    assert told(POLICE) == set()


def test_a_new_type_of_event_is_told_with_its_comuni(told):
    wider = police(events=["crossing", "tamper", "loitering"])
    assert told(wider) == {("police would newly see loitering in faenza", True)}


def test_a_new_comune_is_told_with_all_that_comes_with_it(told):
    wider = police(comuni=["faenza", "riolo"])
    assert told(wider) == {
        ("police would newly see crossing, tamper, head, pub and state in riolo", True),
        ("police would newly write ack in riolo", True),
    }


def test_less_is_told_too_and_widens_nothing(told):
    assert told(police(events=["crossing"])) == {("police would no longer see tamper in faenza", False)}


def test_an_agreement_that_goes_takes_everything_with_it(told):
    found = told()
    assert ("police-2026: ends, with Commissariato", False) in found
    assert not any(widens for _, widens in found)


@pytest.mark.parametrize(
    ("changes", "text", "widens"),
    [
        ({"until": "2027-06-30"}, "police-2026: would end on 2027-06-30 instead of 2026-12-31", True),
        ({"until": "2026-06-30"}, "police-2026: would end on 2026-06-30 instead of 2026-12-31", False),
        ({"since": "2025-01-01"}, "police-2026: would begin on 2025-01-01 instead of 2026-01-01", True),
        ({"retention_days": 30}, "police-2026: would keep events 30 days instead of 5", True),
        ({"retention_days": 3}, "police-2026: would keep events 3 days instead of 5", False),
        ({"purpose": "traffic"}, "police-2026: would serve traffic instead of public-security", True),
        ({"sound": True}, "police-2026: nodes would newly be allowed to listen", True),
        ({"legal_basis": "none"}, "police-2026: would rest on 'none' instead of 'Accordo quadro'", True),
    ],
)
def test_a_changed_term_is_told(told, changes, text, widens):
    assert told(police(**changes)) == {(text, widens)}
