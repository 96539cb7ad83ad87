"""`piazza doctor`, `status` and `collect` on a folder that looks like a node."""

from __future__ import annotations

import json
import os
import tarfile

import msgspec
import pytest

from agent.cli import main
from agent.clock import SimulatedClock
from agent.commands.collect import FILES, LEFT, bundle, written
from agent.commands.doctor import examined, last_step
from agent.commands.facts import Machine, ask
from agent.commands.status import screen
from agent.contract.topics import NodeName
from agent.provision.bench import Bench
from agent.provision.checks import findings
from agent.provision.identity import Ticket
from agent.uplink import numbers
from agent.uplink.outbox import Outbox
from agent.uplink.settings import OutboxSettings

AT = 1_777_624_200.0
NAME = "romagna-faentina/brisighella/n-0017"
CONFIG = """version: 1
node: {union: romagna-faentina, comune: brisighella, id: n-0017}
uplink: {broker: {host: broker.example.org}}
cameras:
  - id: gate
    input: {driver: video, source: "rtsp://admin:hunter2@192.168.7.20/s"}
    view: {masks: []}
"""
RUNNING = "LoadState=loaded\nActiveState=active\nNRestarts=0\nStatusText=connected\n"


def asked(*command):
    if command[:2] == ("systemctl", "show"):
        return "RuntimeWatchdogUSec=14s\n" if "RuntimeWatchdogUSec" in command else RUNNING
    return ""


@pytest.fixture
def node(tmp_path):
    """A node's files as they lie on its card, made with the real tools."""
    root = tmp_path / "root"
    bench = Bench.make(tmp_path / "keys", at=AT)
    bench.add_signer("node", NAME, at=AT)
    for path, content in {
        "etc/piazza/node.yaml": CONFIG.encode(),
        "etc/piazza/tls/ca.pem": bench.ca.read_bytes(),
        "etc/piazza/tls/node.pem": bench.tls(NAME).certificate.read_bytes(),
        "etc/piazza/tls/key.pem": bench.tls(NAME).key.read_bytes(),
        "etc/piazza/keys/sign.pem": bench.signing_key(NAME).read_bytes(),
        "etc/piazza/keys/ring.json": bench.ring.read_bytes(),
        "run/piazza-sense/numbers.json": json.dumps({"at": AT, "sources": {"gate": {"camera/fps": 4.9}}}).encode(),
        "sys/fs/cgroup/cgroup.controllers": b"cpu memory pids\n",
        "run/systemd/timesync/synchronized": b"",
        "boot/firmware/config.txt": b"camera_auto_detect=1\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
        (root / path).chmod(0o600)
    (root / "var/lib/piazza").mkdir(parents=True)
    Outbox(root / "var/lib/piazza/outbox.sqlite", OutboxSettings()).close()
    return Machine(root, asked)


def wrong(machine):
    return [finding.what for finding in findings(machine.facts(AT)) if not finding.ok]


def test_a_whole_node_has_nothing_to_see_to(node):
    assert [what for what in wrong(node) if what != "clock"] == []


def test_a_link_without_a_session_and_one_that_is_gone_are_both_found(node):
    inbox = node.root / "var/lib/piazza/inbox"
    inbox.mkdir()
    numbers.write(inbox, {"link_connected": 1.0}, at=AT)
    assert "broker" not in wrong(node)
    numbers.write(inbox, {"link_connected": 0.0}, at=AT)
    assert "broker" in wrong(node)
    numbers.write(inbox, {"link_connected": 1.0}, at=AT - 600)
    assert "broker" in wrong(node)


def test_a_key_that_everybody_can_read_is_found(node):
    (node.root / "etc/piazza/keys/sign.pem").chmod(0o644)
    assert "identity" in wrong(node)


def test_the_screen_shows_name_services_outbox_and_the_cameras_numbers(node):
    shown = "\n".join(screen(node.facts(AT)))
    assert NAME in shown
    assert "link      runs  connected" in shown
    assert "0 wait" in shown
    assert "camera/fps 4.9" in shown


def test_the_gate_waits_for_a_node_that_still_starts(node):
    answers = iter([RUNNING.replace("=active", "=activating")] * 4)
    starting = Machine(
        node.root, lambda *command: next(answers, RUNNING) if "NRestarts" in str(command) else asked(*command)
    )
    (node.root / "run/piazza-sense/numbers.json").write_text(
        json.dumps({"at": AT + 10, "sources": {"gate": {"camera/fps": 5}}})
    )
    clock = SimulatedClock(AT)
    found = examined(starting, clock, wait_s=60)
    assert clock.now() == AT + 20
    assert {finding.what: finding.ok for finding in found}["sense"]


def test_the_command_ends_with_one_when_something_is_not_well(tmp_path, capsys):
    assert main(["doctor", "--root", str(tmp_path), "--json"]) == 1
    assert {finding["what"] for finding in json.loads(capsys.readouterr().out)} >= {"configuration", "sense"}
    assert main(["doctor", "--root", str(tmp_path), "--gate"]) == 1
    assert "certificate" not in capsys.readouterr().out
    assert main(["status", "--root", str(tmp_path)]) == 0


def test_a_folder_that_is_no_node_is_said_to_have_no_document(tmp_path, capsys):
    main(["doctor", "--root", str(tmp_path)])
    said = capsys.readouterr().out.splitlines()
    assert "no /etc/piazza/node.yaml" in said[0]
    assert "firstboot.log" in said[1]


LOG = """{"level": "info", "event": "starting"}
piazza: gate: /dev/video0: no such file or directory
  -> is the camera's cable in its place?
"""


@pytest.mark.parametrize("log", [LOG, LOG.replace("  ->", "->")])
def test_a_service_that_ended_says_why_in_the_words_of_its_log(node, log):
    """Journald may keep the blanks at the beginning of a line or not."""

    def stopped(*command):
        if command[0] == "journalctl":
            return log
        return RUNNING.replace("=active", "=failed") if "NRestarts" in str(command) else asked(*command)

    (found,) = (one for one in findings(Machine(node.root, stopped).facts(AT)) if one.what == "sense")
    assert found.said == "does not run: gate: /dev/video0: no such file or directory"
    assert found.todo == "is the camera's cable in its place?"


@pytest.mark.parametrize(("options", "told"), [("rw,noatime", []), ("ro,noatime", ["disk"])])
def test_a_data_partition_that_the_kernel_made_read_only_is_found(node, options, told):
    mounts = f"/dev/root / ext4 rw 0 0\n/dev/mmcblk0p3 /var/lib/piazza ext4 {options} 0 0\ntmpfs /var/lib/piazza/inbox tmpfs rw 0 0\n"
    (node.root / "proc").mkdir(exist_ok=True)
    (node.root / "proc/mounts").write_text(mounts)
    assert [what for what in wrong(node) if what == "disk"] == told


def test_a_card_that_lay_in_a_drawer_too_long_is_told_by_its_ticket(node):
    ticket = Ticket.new(NodeName.parse(NAME), "authority.example:8884", at=AT - 60 * 86_400)
    (node.root / "etc/piazza/enrol.json").write_bytes(msgspec.json.encode(ticket))
    (found,) = (one for one in findings(node.facts(AT)) if one.what == "identity")
    assert found.said == "the ticket of this card ended on 2026-04-01"


def test_a_node_whose_clock_is_behind_its_certificate_is_told_about_the_clock(node):
    (found,) = (one for one in findings(node.facts(AT - 40 * 86_400)) if one.what == "certificate")
    assert "the clock says 2026-03-22" in found.said


def test_a_program_that_is_missing_or_fails_is_simply_not_known():
    assert ask("no-such-program-here") == ""
    assert ask("false") == ""
    assert ask("echo", "yes") == "yes\n"


def test_a_bundle_has_what_support_needs_and_no_secret(node, tmp_path):
    """Every file of the node is searched for in the archive: keys, the camera's password, an envelope."""
    (node.root / "run/piazza-sense/backdrop-gate.png").write_bytes(os.urandom(500))
    path = tmp_path / "bundle.tar.gz"
    written(path, dict(bundle(node, AT)), AT)
    with tarfile.open(path) as archive:
        members = {member.name: archive.extractfile(member).read().decode() for member in archive}  # type: ignore[union-attr]
    assert {"piazza/doctor.json", "piazza/version.txt", "piazza/files/etc/piazza/node.yaml"} <= set(members)
    whole = "\n".join(members.values())
    assert "192.168.7.20/s" in whole
    for secret in ("hunter2", "BEGIN", (node.root / "etc/piazza/tls/key.pem").read_text().splitlines()[1]):
        assert secret not in whole
    assert path.stat().st_mode & 0o777 == 0o600


CANARIES = {
    "a picture": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + os.urandom(400),
    "a key": b"-----BEGIN " + b"PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEICANARY0Bu3\n-----END " + b"PRIVATE KEY-----\n",
    "a token of a card": b'{"token": "canary-of-a-card"}\n',
    "a Wi-Fi": b"psk=canary-of-a-wifi\n",
    "a label": b"opened https://n-0017.local:8443/#canary-of-a-label\n",
}


def test_whatever_a_program_or_a_file_of_the_node_says_no_canary_comes_out(node):
    """Every program that is asked and every file that is read answers with all of them at once."""
    flood = b"\n".join(content for what, content in CANARIES.items() if what != "a picture")

    def asked_all(*command):
        return asked(*command) + "before\n" + flood.decode() + "after\n"

    for path in (*FILES, *LEFT):
        if path != "etc/piazza/node.yaml":
            (node.root / path).parent.mkdir(parents=True, exist_ok=True)
            (node.root / path).write_bytes(CANARIES["a picture"] if path.startswith("proc") else flood)
    members = dict(bundle(Machine(node.root, asked_all), AT))
    assert "before" in members["journal.txt"]
    assert "after" in members["journal.txt"]
    assert not [name for name, text in members.items() if "canary" in text.lower() or "JFIF" in text]


def test_a_bundle_holds_nothing_that_a_service_points_root_at(node):
    """The folder below /run belongs to the process that sees; root, who collects, may read more than it."""
    (node.root / "etc/shadow").write_text("root:of-the-shadow:20000:::")
    (node.root / "run/piazza-sense/numbers.json").unlink()
    (node.root / "run/piazza-sense/numbers.json").symlink_to(node.root / "etc/shadow")
    assert "of-the-shadow" not in "".join(dict(bundle(node, AT)).values())


def test_status_and_doctor_run_to_their_end_on_a_node(node, capsys):
    assert main(["status", "--root", str(node.root)]) == 0
    assert NAME in capsys.readouterr().out
    assert main(["doctor", "--root", str(node.root)]) == 1  # no service manager is asked here
    assert "NO  sense" in capsys.readouterr().out


def test_a_bundle_never_replaces_another(node, tmp_path, capsys):
    (tmp_path / "there.tar.gz").write_bytes(b"")
    assert main(["collect", str(tmp_path / "there.tar.gz"), "--root", str(node.root)]) == 2
    assert "there.tar.gz" in capsys.readouterr().err


def test_the_last_step_restarts_the_machine_when_it_is_time_and_remembers_that_it_did(node, tmp_path, capsys):
    """The course is in a file, so it outlives both the command and the restart."""
    done: list[tuple[str, ...]] = []
    ill = Machine(node.root, lambda *command: done.append(command) or "")  # type: ignore[func-returns-value]
    course = tmp_path / "course.json"
    for minutes in range(0, 40, 5):
        at = AT + 60 * minutes
        assert last_step(course, findings(ill.facts(at)), ill, at=at) == 0
    assert done.count(("systemctl", "reboot")) == 1
    assert "restarted 1 times this week" in capsys.readouterr().out
