"""The whole way by the command alone: keys, authority, signatures, stick, node."""

from __future__ import annotations

import pytest

from agent.cli import main
from tests.ota.town import MASK, NARROWER, WIDER, config


class Desk:
    """Everybody at one table, with the command before them."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self._capsys = capsys

    def __call__(self, text, *, code=0):
        """Run `piazza ota TEXT`, where @ stands for the folder; what it printed."""
        assert main(["ota", *text.replace("@", str(self.folder)).split()]) == code, self._capsys.readouterr()
        printed = self._capsys.readouterr()
        return printed.out + printed.err

    def sign(self, *names):
        self("request @/union @/ask.json")
        for name in names:
            self(f"sign @/ask.json --key @/{name}.pem")
        return self("import @/union @/ask.json")


@pytest.fixture
def desk(tmp_path, capsys):
    desk = Desk(tmp_path, capsys)
    for name in ("r1", "r2", "r3", "t1", "t2", "t3", "rosa", "bruno", "second", "nina"):
        desk(f"keys new @/{name}.pem")
    three = "@/{0}1.pub.pem @/{0}2.pub.pem @/{0}3.pub.pem"
    desk(f"init @/union --union romagna --root {three.format('r')} --targets {three.format('t')}")
    desk("delegate @/union brisighella --keys @/rosa.pub.pem @/bruno.pub.pem --second @/second.pub.pem")
    desk.sign("r1", "r3", "t2", "t3", "rosa", "bruno", "second")
    return desk


@pytest.fixture
def enrolled(desk, tmp_path):
    """A node whose configuration has become a link to what runs."""
    node = tmp_path / "node.yaml"
    node.write_bytes(config(state_dir=str(tmp_path / "state")))
    desk(f"enroll --root @/union/metadata/1.root.json --config {node}")
    assert node.is_symlink()
    return node


def order(desk, mask, *, name="next.yaml"):
    (desk.folder / name).write_bytes(config(mask=mask, state_dir=str(desk.folder / "state")))
    return f"release @/union @/{name} --running @/running"


def running(desk, mask=MASK):
    (desk.folder / "running").mkdir(exist_ok=True)
    (desk.folder / "running" / "n-0017.yaml").write_bytes(config(mask=mask, state_dir=str(desk.folder / "state")))


def test_two_of_three_make_a_root_valid_and_one_does_not(desk):
    assert "root" in desk("status @/union")
    desk("rotate @/union root --remove r3 --add @/nina.pub.pem")
    assert "waits: root" in desk.sign("r1")
    assert "valid: root version 2" in desk.sign("r3", "nina")
    assert "nina" in desk("keys show @/union")


def test_a_release_says_in_words_what_changes(desk):
    running(desk)
    assert "mask of camera gate grows by 4.00% of the picture" in desk(order(desk, WIDER))


def test_a_release_that_loosens_is_refused_with_the_line(desk):
    running(desk)
    said = desk(order(desk, NARROWER), code=2)
    assert "cameras[gate].view.masks: 4.00% of the picture would no longer be hidden" in said


def test_with_the_second_key_a_floor_may_be_loosened(desk, enrolled):
    running(desk)
    desk(f"{order(desk, NARROWER)} --consent")
    assert "waits: brisighella.consent for 1 of second" in desk("request @/union @/ask.json")
    desk.sign("rosa", "bruno", "second")
    desk("publish @/union --usb @/stick")
    assert "order 1: verified" in desk(f"check --config {enrolled} --usb @/stick")


def test_a_release_is_refused_as_a_whole_when_one_configuration_is_wrong(desk):
    running(desk)
    (desk.folder / "wrong.yaml").write_text("version: 1\nnode: {union: romagna}\n")
    assert "node.comune: missing" in desk(
        f"{order(desk, WIDER)} @/wrong.yaml".replace("--running @/running", ""), code=2
    )
    assert desk("request @/union @/ask.json", code=2)


def test_a_node_takes_an_order_from_a_stick_and_goes_back_when_it_stays_silent(desk, enrolled):
    running(desk)
    desk(order(desk, WIDER))
    desk.sign("rosa", "bruno")
    assert "brisighella" in desk("publish @/union --usb @/stick")
    assert "order 1: verified" in desk(f"check --config {enrolled} --usb @/stick")
    assert "order 1: rolled-back, no-process" in desk(f"apply --config {enrolled} --usb @/stick --trial 0.5", code=3)
    assert "never below: order 1" in desk("status @/state/ota")


def test_a_person_may_keep_or_undo_a_trial_only_while_there_is_one(desk, enrolled):
    assert "no release is on trial" in desk(f"confirm --config {enrolled}", code=2)
    assert "no release is on trial" in desk(f"rollback --config {enrolled}", code=2)


def test_a_node_is_enrolled_once(desk, enrolled):
    assert "enrolled already" in desk(f"enroll --root @/union/metadata/1.root.json --config {enrolled}", code=2)


def test_a_node_on_which_nothing_runs_is_not_well(desk, enrolled):
    assert desk(f"well --config {enrolled} --wait 0", code=3) == "not well: no-process\n"
