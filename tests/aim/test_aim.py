"""Commissioning: measured steps, what is drawn passes the checks of any document, and only the label opens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from dataclasses import replace

import msgspec
import pytest

from agent.aim.desk import PAUSE_S, TRIES, AimDesk, Asked
from agent.aim.drawing import Drawn, redrawn
from agent.aim.report import Report, changes, html, signed, verified
from agent.aim.server import AimServer
from agent.aim.steps import CONFIRMED, WORDS, Site, measured, passed
from agent.cli import main
from agent.clock import SimulatedClock, SystemClock
from agent.commissioning import LASTS_S, Commissioning
from agent.config import load
from agent.contract.jws import Key, KeyRing, Signer
from agent.errors import ConfigError, Refused, UserError
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles
from agent.provision.checks import DAY_S, Facts, Unit
from agent.provision.identity import Code
from agent.vision.settings import Line, View, Zone

AT = 1_777_624_200.0
CODE = Code()
LOCK = CODE.lock()
NAME = "romagna-faentina/brisighella/n-0017"
DOCUMENT = """version: 1
node: {union: romagna-faentina, comune: brisighella, id: n-0017}
uplink: {broker: {host: localhost}}
cameras:
  - id: gate
    input: {driver: picamera2}
    view: {masks: [[[0, 0], [1, 0], [1, 1], [0, 1]]], zones: [{id: yard, polygon: [[0, 0], [1, 0], [1, 1]]}]}
sensors:
  - {driver: door, id: lid, pin: 17}
rules:
  - {kind: presence, id: anybody, quantity: yard/person/count}
"""
MASK = ((0.0, 0.0), (0.3, 0.0), (0.3, 0.4))
VIEW = View(
    masks=(MASK,),
    zones=(Zone(id="yard", polygon=((0.4, 0.5), (0.9, 0.5), (0.9, 1.0))),),
    lines=(Line(id="kerb", start=(0.1, 0.8), end=(0.9, 0.8)),),
)


def facts(*, fps=5.0, people=0, lid=0.0, **changed):
    whole = Facts(
        at=AT,
        node=NAME,
        cameras=("gate",),
        certificate_ends=AT + 300 * DAY_S,
        units={"sense": Unit(active=True), "link": Unit(active=True)},
        host={"clock_synced": 1.0, "undervoltage": 0.0, "undervoltage_since_boot": 0.0, "cpu_temp_c": 50.0},
        numbers_at=AT,
        numbers={"gate": {"camera/fps": fps, "yard/person/count": float(people)}, "lid": {"open": lid}},
        waiting=0,
        last=10,
    )
    return replace(whole, **changed)


def a_whole_visit():
    """What a technician does, in order."""
    site = Site()
    for number in range(6):
        site.see(facts(lid=float(number == 3)))
    site.walk("yard", expected=2)
    for people in (0, 1, 2, 1):
        site.see(facts(people=people))
    site.walk_end()
    site.decided = {"masks", "zones"}
    site.confirmed = dict.fromkeys(CONFIRMED, True)
    return site


def states(site, told=None):
    return {step.id: step.state for step in measured(told or facts(), site, contacts=("lid",))}


# Steps


def test_a_whole_visit_passes_every_step():
    steps = measured(facts(), a_whole_visit(), contacts=("lid",))
    assert passed(steps)
    assert [step.id for step in steps] == list(WORDS)


def test_before_anything_was_done_what_a_person_must_do_waits():
    waiting = [step for step, state in states(Site()).items() if state == "wait"]
    assert waiting == ["camera", "aim", "masks", "zones", "sensors", "walk", "event"]


FAULTS = {
    "power": facts(host={"undervoltage": 1.0}),
    "network": facts(units={"sense": Unit(active=True), "link": Unit(active=False)}),
    "clock": facts(host={"clock_synced": 0.0}),
    "identity": facts(missing_keys=("sign.pem",)),
    "heat": facts(host={"clock_synced": 1.0, "cpu_temp_c": 88.0}),
}


@pytest.mark.parametrize("step", FAULTS)
def test_what_was_measured_wrong_fails_its_step_and_says_what_to_do(step):
    found = {one.id: one for one in measured(FAULTS[step], a_whole_visit(), contacts=("lid",))}
    assert found[step].state == "fail"
    assert found[step].todo


def test_a_camera_whose_rate_falls_is_not_steady():
    site = a_whole_visit()
    site.see(facts(fps=2.0))
    assert states(site)["camera"] == "fail"


def test_a_sensor_passes_when_somebody_moved_it():
    site = Site()
    site.see(facts(lid=0.0))
    assert states(site)["sensors"] == "wait"
    site.see(facts(lid=1.0))
    assert states(site)["sensors"] == "ok"


def test_the_walk_test_compares_the_most_people_found_with_those_who_walked():
    site = a_whole_visit()
    assert states(site)["walk"] == "ok"
    site.walk("yard", expected=3)
    site.see(facts(people=2))
    site.walk_end()
    assert states(site)["walk"] == "fail"


# Drawing


def test_what_is_drawn_takes_the_place_of_the_old_view(tmp_path):
    (tmp_path / "node.yaml").write_text(redrawn(DOCUMENT, Drawn("gate", VIEW), name="node.yaml"))
    config = load(tmp_path / "node.yaml")
    assert config.cameras[0].view == VIEW
    assert config.rules[0].id == "anybody"


def test_a_zone_that_a_rule_looks_at_cannot_be_drawn_away():
    with pytest.raises(ConfigError, match="yard"):
        redrawn(DOCUMENT, Drawn("gate", View(masks=())), name="node.yaml")


def test_a_camera_that_is_not_there_cannot_be_drawn_on():
    with pytest.raises(UserError, match="no camera"):
        redrawn(DOCUMENT, Drawn("elsewhere", VIEW), name="node.yaml")


# The desk


@pytest.fixture
def clock():
    return SimulatedClock(AT)


@pytest.fixture
def desk(tmp_path, clock):
    (tmp_path / "document.yaml").write_text(DOCUMENT)
    return AimDesk(
        facts=lambda _at: facts(),
        lock=LOCK,
        clock=clock,
        document=tmp_path / "document.yaml",
        folder=tmp_path,
        contacts=("lid",),
    )


def test_only_the_code_of_the_label_opens(desk):
    assert desk.admits(desk.enter(CODE.text.lower()))
    assert not desk.admits("anything")
    with pytest.raises(Refused, match="not the code"):
        desk.enter("AAAA-BBBB-CCCC-DDDD")


@pytest.mark.slow
def test_many_wrong_codes_make_everybody_wait(desk, clock):
    for _ in range(TRIES):
        with pytest.raises(Refused):
            desk.enter("wrong")
    with pytest.raises(Refused, match="wait a minute"):
        desk.enter(CODE.text)
    clock.sleep(PAUSE_S)
    assert desk.enter(CODE.text)


def test_after_half_an_hour_nobody_is_known_any_more(desk, clock):
    session = desk.enter(CODE.text)
    clock.sleep(LASTS_S)
    assert desk.over
    assert not desk.admits(session)


def test_only_pictures_of_cameras_are_handed_out(desk, tmp_path):
    (tmp_path / "backdrop-gate.png").write_bytes(b"png")
    assert desk.picture("gate") == b"png"
    assert desk.picture("other") is None
    assert desk.picture("../document") is None


def test_a_person_cannot_answer_for_a_measured_step(desk):
    with pytest.raises(UserError, match="no step"):
        desk.say(Asked(step="power", ok=True))


# The report


def a_ring():
    signer, ring = Signer(bytes(range(32))), KeyRing()
    ring.add(Key(signer.kid, signer.public, "node", NAME))
    return signer, ring


def a_report(site=None, **changed):
    steps = measured(facts(), site or a_whole_visit(), contacts=("lid",))
    report = Report(node=NAME, at=AT, agent="0.1.0", config="a" * 64, accepted=passed(steps), steps=tuple(steps))
    return msgspec.structs.replace(report, **changed)


def test_a_signed_report_comes_back_whole_and_an_altered_one_does_not():
    signer, ring = a_ring()
    token = signed(a_report(), signer)
    assert verified(token, ring) == a_report()
    with pytest.raises(Refused):
        verified(token[:-4] + "AAAA", ring)


def test_what_changed_since_is_told_line_by_line():
    assert list(changes(a_report(), a_report(at=AT + 99))) == []
    site = a_whole_visit()
    site.confirmed["event"] = False
    told = list(changes(a_report(), a_report(site, config="b" * 64, agent="0.2.0")))
    assert len(told) == 3
    assert told[-1].startswith("Test event acknowledged: was ok")


def test_the_printed_report_needs_nothing_from_anywhere():
    page = html(a_report(), "2026-05-01")
    assert "accepted" in page
    assert "http" not in page
    assert page.count("<tr>") == len(WORDS)


# The page


@pytest.fixture
def node(tmp_path):
    """A node's folders with keys, certificate for its page and the label's lock."""
    root = tmp_path / "root"
    bench = Bench.make(tmp_path / "keys", at=SystemClock().now())
    bench.add_signer("node", NAME, at=SystemClock().now())
    for folder in ("etc/piazza/aim", "etc/piazza/keys", "run/piazza-sense"):
        (root / folder).mkdir(parents=True)
    files = TlsFiles(root / "etc/piazza/aim/node.pem", root / "etc/piazza/aim/key.pem")
    Authority(bench.folder / "ca").server(files, ["localhost", "n-0017.local"], at=SystemClock().now(), days=1)
    (root / "etc/piazza/node.yaml").write_text(DOCUMENT)
    (root / "etc/piazza/aim.json").write_bytes(msgspec.json.encode(LOCK))
    shutil.copy(bench.signing_key(NAME), root / "etc/piazza/keys/sign.pem")
    shutil.copy(bench.ring, root / "etc/piazza/keys/ring.json")
    return root


@pytest.fixture
def page(node, desk):
    """The page on a free port; gives its port."""
    desk.folder, desk.document = node / "run/piazza-sense", node / "etc/piazza/node.yaml"
    files = TlsFiles(node / "etc/piazza/aim/node.pem", node / "etc/piazza/aim/key.pem")
    server = AimServer(("127.0.0.1", 0), files, desk)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def asked(port, path, body=None, cookie=""):
    command = ["curl", "-sk", "-i", f"https://localhost:{port}{path}", "-H", f"Cookie: {cookie}"]
    command += ["--data", json.dumps(body)] if body is not None else []
    head, _, text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.partition("\n\n")
    return int(head.split()[1]), head, json.loads(text)


def test_without_the_code_the_page_tells_nothing(page, program):
    program("curl")
    assert asked(page, "/state")[0] == 403
    assert asked(page, "/view/gate.png")[0] == 403
    assert asked(page, "/draw", {"camera": "gate", "view": {"masks": []}})[0] == 403
    assert asked(page, "/enter", "wrong")[0] == 400
    assert asked(page, "/state", cookie="piazza=guess")[0] == 403


def test_a_visit_over_https_leaves_a_signed_report_and_the_drawn_document(page, node, program, capsys):
    program("curl")
    status, head, _ = asked(page, "/enter", CODE.text)
    cookie = head.partition("Set-Cookie: ")[2].split(";")[0]
    assert (status, "Secure; HttpOnly; SameSite=Strict" in head) == (200, True)
    drawn = {"camera": "gate", "view": msgspec.to_builtins(VIEW)}
    assert asked(page, "/draw", drawn, cookie)[2]["steps"][6]["state"] == "ok"
    assert asked(page, "/draw", {**drawn, "view": {"masks": []}}, cookie)[0] == 400
    assert asked(page, "/say", {"step": "aim", "ok": True}, cookie)[0] == 200
    assert asked(page, "/finish", {}, cookie)[2] == {"accepted": False}
    assert main(["accept", "close", "--root", str(node)]) == 0
    (report,) = (node / "etc/piazza/acceptance").glob("*.jws")
    assert report.with_suffix(".html").exists()
    assert load(node / "etc/piazza/node.yaml").cameras[0].view == VIEW
    ring = str(node / "etc/piazza/keys/ring.json")
    assert main(["accept", "compare", str(report), str(report), "--ring", ring]) == 0
    assert "nothing changed" in capsys.readouterr().out


def test_what_was_not_finished_changes_nothing(node, capsys):
    assert main(["accept", "close", "--root", str(node)]) == 0
    assert "not finished" in capsys.readouterr().out
    assert (node / "etc/piazza/node.yaml").read_text() == DOCUMENT


def test_a_document_that_comes_by_update_is_not_replaced_but_what_was_drawn_is_kept(desk, node):
    """Then it is a link into a release, and the maintainer publishes what was drawn."""
    (released := node / "released.yaml").write_text(DOCUMENT)
    (document := node / "etc/piazza/node.yaml").unlink()
    document.symlink_to(released)
    desk.folder, desk.document = node / "run/piazza-sense", document
    desk.draw(Drawn("gate", VIEW))
    desk.finish()
    assert main(["accept", "close", "--root", str(node)]) == 0
    assert released.read_text() == DOCUMENT
    (kept,) = (node / "etc/piazza/acceptance").glob("*.yaml")
    assert load(kept).cameras[0].view == VIEW


def test_nothing_is_served_while_nobody_stands_at_the_node(node, capsys):
    assert main(["aim", "serve", "--root", str(node), "--port", "0"]) == 2
    assert "nobody stands here" in capsys.readouterr().err
    assert main(["aim", "open", "--root", str(node)]) == 0
    assert Commissioning(node / "run/piazza-sense").is_open(SystemClock().now())


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "it"])
def test_a_phone_opens_the_page_from_the_label_and_sees_every_step(page, program, language, tmp_path):
    """Chromium with a phone's screen: the code of the address opens, and all steps are there in its language."""
    command = [
        program("chromium"), "--headless", "--no-sandbox", "--ignore-certificate-errors", "--disable-gpu", f"--accept-lang={language}",
        f"--user-data-dir={tmp_path}/phone", "--window-size=390,844", "--virtual-time-budget=4000", "--dump-dom",
        f"https://localhost:{page}/#{CODE.text}",
    ]  # fmt: skip
    environment = {**os.environ, "LANGUAGE": language, "LANG": f"{language}_IT.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env=environment)
    assert done.stdout.count('class="step ') == len(WORDS), done.stderr[-500:]
    assert WORDS["masks"][language == "it"].replace("&", "&amp;") in done.stdout
