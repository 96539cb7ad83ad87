"""An agreement holds on its days and on no other, and says everything that is wrong with it at once."""

from __future__ import annotations

import pytest

from agent.contract.times import seconds
from agent.errors import ConfigError, UserError
from agent.governance.rights import changes as edges_of
from tests.governance.unions import POLICE, folder, loaded, police


def test_an_agreement_holds_from_the_first_midnight_to_the_last(tmp_path):
    """Both days are included, and midnight is that of Rome, summer or winter."""
    _, (one,) = loaded(folder(tmp_path, police(since="2026-03-29", until="2026-10-25")))
    assert one.begins_at == seconds("2026-03-28T23:00:00.000Z")
    assert one.ends_at == seconds("2026-10-25T23:00:00.000Z")
    assert one.holds(one.begins_at)
    assert one.holds(one.ends_at - 0.001)
    assert not one.holds(one.begins_at - 0.001)
    assert not one.holds(one.ends_at)


def test_rights_change_where_an_agreement_begins_or_ends(tmp_path):
    later = police(id="police-2027", since="2027-01-01", until="2027-12-31")
    whole, agreed = loaded(folder(tmp_path, POLICE, later))
    edges = edges_of(whole, agreed, after=agreed[0].begins_at)
    assert edges == [agreed[0].ends_at, agreed[1].ends_at]
    assert agreed[0].ends_at == agreed[1].begins_at
    assert edges_of(whole, agreed, after=agreed[1].ends_at) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"until": "2025-01-01"}, "until: 2025-01-01 is before 2026-01-01"),
        ({"comuni": ["imola"]}, "comuni: 'imola' is no comune of romagna"),
        ({"comuni": []}, "comuni"),
        ({"events": []}, "at least one type of event"),
        ({"events": ["faces"]}, "events[0]"),
        ({"partner": POLICE["partner"] | {"role": "statistics"}}, "receives no events"),
        ({"partner": POLICE["partner"] | {"id": "room"}}, "is a party of the union itself"),
        ({"timezone": "Europe/Faenza"}, "timezone: 'Europe/Faenza' is not known"),
        ({"retention_days": 0}, "retention_days"),
        ({"legal_basis": "two\nlines"}, "legal_basis"),
        ({"faces": True}, "faces"),
    ],
)
def test_a_wrong_agreement_names_the_line(tmp_path, changes, said):
    with pytest.raises(ConfigError) as refused:
        loaded(folder(tmp_path, police(**changes)))
    assert said in refused.value.message


def test_all_problems_are_told_at_once(tmp_path):
    with pytest.raises(ConfigError) as refused:
        loaded(folder(tmp_path, police(until="2025-01-01", comuni=["imola"], timezone="nowhere")))
    assert len(refused.value.problems) == 3


def test_two_agreements_may_not_have_one_id(tmp_path):
    with pytest.raises(ConfigError, match="two agreements have this id"):
        loaded(folder(tmp_path, POLICE, POLICE))


def test_a_partner_has_one_role(tmp_path):
    other = police(id="other", partner=POLICE["partner"] | {"role": "operator"})
    with pytest.raises(ConfigError, match="has the role police in another"):
        loaded(folder(tmp_path, POLICE, other))


def test_a_folder_without_agreements_is_told(tmp_path):
    whole = folder(tmp_path)
    (whole / "agreements").rmdir()
    with pytest.raises(UserError, match="no such folder"):
        loaded(whole)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"comuni": [{"id": "faenza", "name": "A"}, {"id": "faenza", "name": "B"}]},
            "comuni: 'faenza' is there 2 times",
        ),
        (
            {"comuni": [{"id": "faenza", "name": "A", "nodes": ["probe"]}]},
            "is the node that permissions are tried with",
        ),
        ({"comuni": [{"id": "centre", "name": "A"}], "parties": []}, "is the seat of the parties"),
        ({"parties": [{"id": "x", "role": "operator", "comuni": ["imola"]}]}, "parties[0].comuni: 'imola'"),
        ({"parties": [{"id": "x", "role": "god"}]}, "parties[0].role"),
    ],
)
def test_a_wrong_union_names_the_line(tmp_path, changes, said):
    with pytest.raises(ConfigError) as refused:
        loaded(folder(tmp_path, **changes))
    assert said in refused.value.message
