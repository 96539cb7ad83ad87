"""Sense's side of a commissioning: the button, the test event, another view on trial, and the report in the chain."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from agent.aim.report import Report, digest, signed
from agent.clock import SimulatedClock
from agent.commands import accepted
from agent.commands.assembly import vocabulary
from agent.commands.trial import Trial
from agent.commands.visit import Visit
from agent.commissioning import LASTS_S, Answer, Commissioning, CommissioningSettings
from agent.config import TRIAL, load
from agent.contract.sentences import TONGUES, sentence
from agent.contract.topics import Class
from agent.contract.types import AckData
from agent.records import Audit, ClockQuality, Event, Observation, Phase
from agent.uplink import rights
from agent.uplink.door import Door, correlation
from tests.contract.makers import AT, NODE, signer
from tests.uplink.nodes import Node, letter

HIDDEN = [[0, 0], [1, 0], [1, 1], [0, 1]]
CORNER = [[0, 0], [0.3, 0], [0.3, 0.4]]
YARD = {"id": "yard", "polygon": [[0.4, 0.5], [0.9, 0.5], [0.9, 1.0]]}


def a_document(folder: Path, *, masks: Any = (HIDDEN,), zones: Any = (), name: str = "document.yaml") -> Path:
    document = {
        "version": 1,
        "node": {"union": NODE.union, "comune": NODE.comune, "id": NODE.node},
        "uplink": {"broker": {"host": "localhost"}},
        "state_dir": str(folder / "state"),
        "cameras": [
            {"id": "gate", "input": {"driver": "picamera2"}, "view": {"masks": list(masks), "zones": list(zones)}}
        ],
        "sensors": [{"driver": "button", "id": "lid-button", "pin": 5}],
        "commissioning": {"button": "lid-button"},
    }
    path = folder / name
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def commissioning(tmp_path: Path) -> Commissioning:
    (tmp_path / "run").mkdir()
    return Commissioning(tmp_path / "run")


def opened(commissioning: Commissioning, at: float = AT) -> None:
    commissioning.open()
    os.utime(commissioning.marker, (at, at))


@pytest.fixture
def visit(tmp_path: Path, commissioning: Commissioning) -> Visit:
    (tmp_path / "inbox").mkdir()
    return Visit(NODE, commissioning, tmp_path / "inbox", "gate", CommissioningSettings(button="lid-button"))


def pressed(at: float, *, down: bool) -> Observation:
    return Observation("lid-button", "pressed", float(down), at)


def opens_at(visit: Visit, at: float) -> bool:
    visit.news(at)
    return visit.commissioning.marker.exists()


# The button


def test_a_button_that_is_held_opens_and_has_link_try_its_rights(visit: Visit):
    visit.see(pressed(AT, down=True))
    assert not opens_at(visit, AT + 4.0)
    assert opens_at(visit, AT + 5.0)
    assert (visit.inbox / rights.ASK).exists()


def test_a_button_that_is_only_pressed_opens_nothing(visit: Visit):
    visit.see(pressed(AT, down=True))
    visit.see(pressed(AT + 1.0, down=False))
    assert not opens_at(visit, AT + 60.0)


def test_a_button_that_stays_down_opens_once(visit: Visit):
    visit.see(pressed(AT, down=True))
    assert opens_at(visit, AT + 5.0)
    visit.commissioning.close()
    assert not opens_at(visit, AT + 3600.0)


def test_another_sensor_is_not_the_button(visit: Visit):
    visit.see(Observation("lid", "pressed", 1.0, AT))
    assert not opens_at(visit, AT + 60.0)


def test_a_button_that_nobody_wired_is_a_mistake_of_the_document(tmp_path: Path):
    path = a_document(tmp_path)
    path.write_text(path.read_text().replace("button: lid-button", "button: lid"))
    with pytest.raises(ValueError, match="is no button among the sensors"):
        load(path)


# What the chain tells


def audits(visit: Visit, at: float) -> list[tuple[str, str]]:
    return [(one.action, one.outcome) for one in visit.news(at) if isinstance(one, Audit)]


def test_opening_and_closing_are_told_once_each_also_over_a_restart(visit: Visit, commissioning: Commissioning):
    opened(commissioning)
    assert audits(visit, AT) == [("commissioning", "opened")]
    again = Visit(NODE, commissioning, visit.inbox, "gate", CommissioningSettings())
    assert audits(again, AT + 1.0) == []
    assert audits(again, AT + LASTS_S + 2.0) == [("commissioning", "closed")]
    assert audits(again, AT + LASTS_S + 3.0) == []


def test_that_another_view_is_tried_is_told(visit: Visit):
    visit.tried = True
    assert audits(visit, AT) == [("mask-changed", "tried")]
    assert audits(visit, AT + 1.0) == []


def test_whatever_it_tells_may_leave_the_node(tmp_path: Path, visit: Visit, commissioning: Commissioning):
    door = Door(NODE, vocabulary(load(a_document(tmp_path))))
    opened(commissioning)
    visit.tried = True
    commissioning.trial.touch()
    records = [*visit.news(AT), *visit.news(AT + 1.0), *visit.news(AT + LASTS_S + 2.0)]
    assert len(records) == 5
    for record in records:
        assert door.let_out(record, clock=ClockQuality.NTP)


# The test event


def test_a_test_event_says_that_nothing_has_happened(visit: Visit, commissioning: Commissioning):
    commissioning.trial.touch()
    told = [one for at in (AT, AT + 1.0, AT + 2.0) for one in visit.news(at) if isinstance(one, Event)]
    assert [one.phase for one in told] == [Phase.OPENED, Phase.CLOSED]
    assert {one.rule for one in told} == {TRIAL}
    assert "nothing has happened" in sentence(told[0])
    assert "non è successo nulla" in sentence(told[0], TONGUES["it"])


def test_the_verdict_that_comes_back_is_left_for_the_page(tmp_path: Path, visit: Visit, commissioning: Commissioning):
    node = Node(tmp_path)
    commissioning.trial.touch()
    (event,) = visit.news(AT)
    assert isinstance(event, Event)
    assert commissioning.answered() == Answer(AT)
    for number, about in enumerate(("0" * 16, correlation(NODE, event.id))):
        said = AckData(node=str(NODE), event=about, verdict="received")
        node.inbox.put(letter(Class.ACK, said, role="operator", id=f"{number:016x}"))
    for asked in node.tick():
        visit.heard(asked, AT + 9.0)
    assert commissioning.answered() == Answer(AT, AT + 9.0, "received")


# Another view on trial


def trial(document: Path, commissioning: Commissioning | None, at: float = AT) -> Trial:
    return Trial(document, commissioning, SimulatedClock(at))


def drawn(commissioning: Commissioning, folder: Path, **view: Any) -> None:
    a_document(folder, name="drawn.yaml", **view).replace(commissioning.proposal)


def views(one: Trial) -> tuple[int, list[str], bool]:
    config, _, tried = one.config()
    view = config.cameras[0].view
    return len(view.masks), [zone.id for zone in view.zones], tried


def test_the_document_is_looked_at_while_nobody_stands_there(tmp_path: Path, commissioning: Commissioning):
    document = a_document(tmp_path)
    drawn(commissioning, tmp_path, masks=(), zones=(YARD,))
    for one in (trial(document, commissioning), trial(document, None)):
        assert views(one) == (1, [], False)
        assert one.config()[1] == digest(document.read_bytes())
        assert not one()


def test_a_camera_that_is_wholly_hidden_may_look_while_somebody_aims_it(tmp_path: Path, commissioning: Commissioning):
    one = trial(a_document(tmp_path), commissioning)
    one.config()
    opened(commissioning)
    assert one()
    assert views(trial(tmp_path / "document.yaml", commissioning)) == (0, [], True)


def test_where_something_is_hidden_opening_changes_nothing(tmp_path: Path, commissioning: Commissioning):
    one = trial(a_document(tmp_path, masks=(CORNER,), zones=(YARD,)), commissioning)
    assert views(one) == (1, ["yard"], False)
    opened(commissioning)
    assert not one()


def test_what_was_drawn_is_tried_at_once_and_ends_with_the_commissioning(tmp_path: Path, commissioning: Commissioning):
    opened(commissioning)
    before = trial(a_document(tmp_path), commissioning)
    drawn(commissioning, tmp_path, masks=(CORNER,), zones=(YARD,))
    assert before()
    now = trial(tmp_path / "document.yaml", commissioning)
    assert views(now) == (1, ["yard"], True)
    assert not now()
    commissioning.close()
    assert now()


def test_what_comes_by_update_keeps_every_mask_that_it_has(tmp_path: Path, commissioning: Commissioning):
    released = a_document(tmp_path, masks=(HIDDEN,), name="released.yaml")
    (document := tmp_path / "node.yaml").symlink_to(released)
    opened(commissioning)
    assert views(trial(document, commissioning)) == (1, [], False)
    drawn(commissioning, tmp_path, masks=(CORNER,), zones=(YARD,))
    assert views(trial(document, commissioning)) == (2, ["yard"], True)


def test_what_was_drawn_for_another_camera_or_is_spoiled_is_not_tried(tmp_path: Path, commissioning: Commissioning):
    opened(commissioning)
    document = a_document(tmp_path, masks=(CORNER,))
    drawn(commissioning, tmp_path, masks=())
    commissioning.proposal.write_text(commissioning.proposal.read_text().replace("id: gate", "id: other"))
    assert views(trial(document, commissioning)) == (1, [], False)
    commissioning.proposal.write_text("{")
    assert views(trial(document, commissioning)) == (1, [], False)


# The report in the chain


def a_report(**changed: Any) -> Report:
    given: dict[str, Any] = {
        "node": str(NODE), "at": AT, "agent": "0.1.0", "config": "a" * 64, "accepted": True, "steps": (),
    }  # fmt: skip
    return Report(**given | changed)


@pytest.mark.parametrize("outcome", ["accepted", "not-accepted"])
def test_the_digest_of_the_signed_report_is_told_in_the_chain(tmp_path: Path, outcome: str):
    (tmp_path / accepted.FILE).write_text(signed(a_report(accepted=outcome == "accepted"), signer("node")))
    named = digest((tmp_path / accepted.FILE).read_bytes())
    node = Node(tmp_path)
    found = accepted.waiting(tmp_path, node.ring, str(NODE))
    assert found is not None
    assert (found.digest, found.outcome) == (named, outcome)
    config = load(a_document(tmp_path))
    assert Door(NODE, vocabulary(config, digests=[found.digest])).let_out(
        Audit(AT, "accepted", outcome=found.outcome, digest=named), clock=ClockQuality.NTP
    )
    accepted.tell(found, node.spool, AT)
    assert not accepted.came(tmp_path)


def test_a_report_that_another_key_signed_is_thrown_away(tmp_path: Path):
    node = Node(tmp_path)
    for token in (signed(a_report(), signer("store")), signed(a_report(node="a/b/c"), signer("node")), "spoiled"):
        (tmp_path / accepted.FILE).write_text(token)
        assert accepted.waiting(tmp_path, node.ring, str(NODE)) is None
        assert not accepted.came(tmp_path)


def test_where_no_report_waits_nothing_is_told(tmp_path: Path):
    node = Node(tmp_path)
    accepted.tell(accepted.waiting(tmp_path, node.ring, str(NODE)), node.spool, AT)
    assert node.seen(Class.AUDIT) == []


def test_the_files_between_page_and_sense_survive_nonsense(commissioning: Commissioning):
    assert commissioning.answered() is None
    commissioning.answer.write_bytes(b"{")
    assert commissioning.answered() is None
    assert msgspec.json.decode(msgspec.json.encode(Answer(AT)), type=Answer) == Answer(AT)
