"""What RabbitMQ is told when rights change; a program that writes down its words stands in for rabbitmqctl."""

from __future__ import annotations

import json

import pytest

from agent import cli
from tests.governance.unions import POLICE, folder, police

JUNE, OVER = ["--at", "2026-06-01T12:00:00Z"], ["--at", "2027-01-01T00:00:00Z"]
QUEUES = [["delete_queue", f"mqtt-subscription-romagna.centre.policeqos{qos}"] for qos in (0, 1)]


class Control:
    """`rabbitmqctl` that keeps what it was told, and fails where it is told to."""

    def __init__(self, place):
        self.place, self.said = place / "rabbitmqctl", place / "said"
        self.answer("exit 0")

    def answer(self, line):
        self.said.write_text("")
        self.place.write_text(f'#!/bin/sh\necho "$@" >> {self.said}\n{line}\n')
        self.place.chmod(0o755)

    def words(self):
        return [line.split() for line in self.said.read_text().splitlines()]


@pytest.fixture
def control(tmp_path):
    return Control(tmp_path)


def apply(tmp_path, control, *words, union="union"):
    file = tmp_path / "definitions.json"
    listed = ["--broker", "rabbitmq", "--write", str(file), "--rabbitmqctl", str(control.place)]
    return cli.main(["patto", "apply", str(tmp_path / union), *listed, *words]), file


def test_who_is_gone_is_deleted_with_what_waits_for_them(tmp_path, control):
    """Importing definitions takes nobody away, and an open subscription stays what it was."""
    folder(tmp_path / "union", POLICE)
    code, file = apply(tmp_path, control, *JUNE)
    assert (code, [words[0] for words in control.words()]) == (0, ["import_definitions"])
    control.answer("exit 0")
    assert apply(tmp_path, control, *OVER)[0] == 0
    assert control.words()[1:] == [["delete_user", "romagna.centre.police"], *QUEUES]
    assert "police" not in file.read_text()


def test_whose_rights_shrink_must_subscribe_anew(tmp_path, control):
    folder(tmp_path / "union", POLICE)
    folder(tmp_path / "less", police(events=["crossing"]))
    apply(tmp_path, control, *JUNE)
    control.answer("exit 0")
    assert apply(tmp_path, control, *JUNE, union="less")[0] == 0
    assert control.words()[1:] == QUEUES


def test_a_broker_that_is_away_is_told_again(tmp_path, control, capsys):
    """The list is written only when the broker goes by it, so the next minute finds that something is to be done."""
    folder(tmp_path / "union", POLICE)
    apply(tmp_path, control, *JUNE)
    control.answer("echo 'unable to perform an operation' >&2; exit 69")
    code, file = apply(tmp_path, control, *OVER)
    assert (code, "unable to perform" in capsys.readouterr().err) == (1, True)
    assert "police" in file.read_text()
    control.answer("exit 0")
    assert apply(tmp_path, control, *OVER)[0] == 0
    assert ["delete_user", "romagna.centre.police"] in control.words()


def test_what_was_done_before_a_cut_is_no_failure(tmp_path, control):
    folder(tmp_path / "union", POLICE)
    apply(tmp_path, control, *JUNE)
    control.answer('case "$1" in delete_*) echo "Queue not found, user does not exist" >&2; exit 70;; esac')
    code, file = apply(tmp_path, control, *OVER)
    assert code == 0
    assert {one["user"] for one in json.loads(file.read_text())["topic_permissions"]} >= {"romagna.centre.room"}


def test_where_there_is_no_rabbitmqctl_it_is_said(tmp_path, control, capsys):
    folder(tmp_path / "union", POLICE)
    control.place.unlink()
    code, file = apply(tmp_path, control, *JUNE)
    assert (code, file.exists()) == (1, False)
    assert "is RabbitMQ installed" in capsys.readouterr().err
