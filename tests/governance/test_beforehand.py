"""Access lists of later instants lie beside the one in force, and a shell alone puts them there when their time has come."""

from __future__ import annotations

import subprocess

import pytest

from agent import cli
from agent.governance.beforehand import Beforehand
from tests.conftest import CHECKOUT
from tests.governance.unions import POLICE, folder, police

JUNE, OVER = "2026-06-01T12:00:00Z", "2027-01-01T00:00:00Z"
LAST_SECOND, NEXT_SECOND = "20261231225959", "20261231230000"
LADDER = {"id": "ladder-1", "comune": "faenza", "node": "n-1", "since": "2026-06-01T12:00:00.500Z"}


@pytest.fixture
def access(tmp_path):
    """The list of June, made by `piazza patto apply`."""
    folder(tmp_path / "union", POLICE)
    return applied(tmp_path, JUNE)


def applied(tmp_path, at, union="union"):
    access = tmp_path / "acl"
    assert cli.main(["patto", "apply", str(tmp_path / union), "--at", at, "--write", str(access)]) == 0
    return access


def printed(tmp_path, at, capsys):
    capsys.readouterr()
    assert cli.main(["patto", "apply", str(tmp_path / "union"), "--at", at]) == 0
    return capsys.readouterr().out


def switch(access, now, pid_file=""):
    """What runs each minute on the broker's machine, with a shell's own commands and no other."""
    command = ["env", "-i", "PATH=/usr/bin:/bin", "sh", str(Beforehand(access).switch), str(access), str(pid_file), now]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_list_of_the_last_second_stands_until_then(access):
    before = access.read_text()
    assert switch(access, LAST_SECOND).stdout == ""
    assert access.read_text() == before
    assert "police" in before


def test_at_the_end_the_list_is_the_one_that_apply_would_have_made(access, tmp_path, capsys):
    """The documents are gone, and so is whoever could read them."""
    expected = printed(tmp_path, OVER, capsys)
    (tmp_path / "union/union.yaml").unlink()
    access.with_name("acl.agreed").unlink()
    access.chmod(0o640)
    assert switch(access, NEXT_SECOND).returncode == 0
    assert access.read_text() == expected
    assert ("police" in expected, access.stat().st_mode & 0o777) == (False, 0o640)
    assert list(Beforehand(access).lists()) == []


def test_a_machine_that_slept_over_several_changes_takes_the_last(tmp_path, capsys):
    folder(tmp_path / "union", POLICE, police(id="next", since="2027-01-01", until="2027-06-30"))
    access = applied(tmp_path, JUNE)
    assert [path.name for path in Beforehand(access).lists()] == [NEXT_SECOND, "20270630220000"]
    switch(access, "20280101000000")
    assert "police" not in access.read_text()
    assert list(Beforehand(access).lists()) == []


def test_a_technicians_half_hour_ends_too(tmp_path):
    folder(tmp_path / "union", POLICE, commissioning=[LADDER])
    access = applied(tmp_path, "2026-06-01T12:10:00Z")
    assert "ladder-1" in access.read_text()
    switch(access, "20260601123000")
    assert "ladder-1" in access.read_text()
    switch(access, "20260601123001")
    assert "ladder-1" not in access.read_text()


def test_a_broker_that_could_not_be_told_is_told_again(access, tmp_path):
    """Its list is written, and the dated one stays until it was heard of."""
    pid_file = tmp_path / "pid"
    assert switch(access, NEXT_SECOND, pid_file).returncode != 0
    assert "police" not in access.read_text()
    with subprocess.Popen(["sleep", "600"]) as broker:
        pid_file.write_text(str(broker.pid))
        assert switch(access, NEXT_SECOND, pid_file).returncode == 0
        assert broker.wait() == -1  # SIGHUP
    assert list(Beforehand(access).lists()) == []


def test_agreements_that_change_replace_what_was_to_come(access, tmp_path):
    folder(tmp_path / "longer", police(until="2027-06-30"))
    applied(tmp_path, JUNE, union="longer")
    assert [path.name for path in Beforehand(access).lists()] == ["20270630220000"]
    switch(access, NEXT_SECOND)
    assert "police" in access.read_text()


def test_what_has_not_changed_is_not_made_anew(access, tmp_path):
    (list_,) = Beforehand(access).lists()
    list_.write_text("as it was")
    applied(tmp_path, JUNE)
    assert list_.read_text() == "as it was"
    applied(tmp_path, OVER)
    assert list(Beforehand(access).lists()) == []


def test_who_was_revoked_does_not_come_back_with_a_later_list(tmp_path):
    source = folder(tmp_path / "union", police(since="2020-01-01", until="2099-12-31"))
    box = tmp_path / "box"
    assert cli.main(["broker", "init", str(box), "--union", str(source), "--host", "localhost"]) == 0
    assert cli.main(["broker", "revoke", str(box), "romagna/centre/room"]) == 0
    switch(box / "mosquitto/acl", "21000101000000")
    text = (box / "mosquitto/acl").read_text()
    assert ("centre.room" in text, "centre.police" in text, "centre.desk" in text) == (False, False, True)


def test_shellcheck_finds_nothing_to_say_about_the_switch(program):
    done = subprocess.run(
        [program("shellcheck"), str(CHECKOUT / "agent/governance/switch.sh")],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stdout == ""


# RabbitMQ, whom nothing but a conversation makes take anybody away


class Control:
    """`rabbitmqctl` that writes down what it is told, and answers as it is told to."""

    def __init__(self, place):
        self.place, self.said = place / "rabbitmqctl", place / "said"
        self.answer("exit 0")

    def answer(self, line):
        self.place.write_text(f'#!/bin/sh\necho "$@" >> {self.said}\n{line}\n')
        self.place.chmod(0o755)

    def words(self):
        return [line.split() for line in self.said.read_text().splitlines()] if self.said.exists() else []


@pytest.fixture
def definitions(tmp_path):
    """Those of June, as `apply` leaves them with a broker that takes everything; what it was told then is forgotten."""
    folder(tmp_path / "union", POLICE, police(id="counts", comuni=["riolo"], until="2026-06-30"))
    access, control = tmp_path / "definitions.json", Control(tmp_path)
    command = ["patto", "apply", str(tmp_path / "union"), "--at", JUNE, "--broker", "rabbitmq", "--write", str(access)]
    assert cli.main([*command, "--rabbitmqctl", str(control.place)]) == 0
    control.said.unlink()
    return access, control


def test_rabbitmq_is_told_whom_to_let_go_by_a_shell_alone(definitions):
    access, control = definitions
    assert switch(access, LAST_SECOND, f"{control.place} --quiet").returncode == 0
    queues = [["--quiet", "delete_queue", f"mqtt-subscription-romagna.centre.policeqos{qos}"] for qos in (0, 1)]
    assert [words[1] for words in control.words()] == ["import_definitions", "delete_queue", "delete_queue"]
    assert control.words()[1:] == queues
    assert switch(access, NEXT_SECOND, f"{control.place} --quiet").returncode == 0
    assert control.words()[4:] == [["--quiet", "delete_user", "romagna.centre.police"], *queues]
    assert "police" not in access.read_text()
    assert [path.name for path in Beforehand(access).folder.iterdir() if path.name[-1].isdecimal()] == []


def test_a_rabbitmq_that_slept_over_several_changes_lets_everybody_go_who_has_gone(definitions):
    access, control = definitions
    assert switch(access, "20280101000000", str(control.place)).returncode == 0
    assert ["delete_user", "romagna.centre.police"] in control.words()


def test_a_rabbitmq_that_is_away_is_told_again_and_what_it_knows_already_is_no_failure(definitions):
    """The list in force stays until then, so `apply` would tell it too."""
    access, control = definitions
    control.answer('echo "unable to perform an operation" >&2; exit 69')
    done = switch(access, NEXT_SECOND, str(control.place))
    assert (done.returncode, "unable to perform" in done.stderr) == (1, True)
    assert "police" in access.read_text()
    control.answer('case "$1" in delete_*) echo "Queue not found, user does not exist" >&2; exit 70;; esac')
    assert switch(access, NEXT_SECOND, str(control.place)).returncode == 0
    assert "police" not in access.read_text()
