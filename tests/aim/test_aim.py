"""Commissioning: measured steps, what is drawn passes the checks of any document, and only the label opens."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
from dataclasses import replace
from http.client import HTTPSConnection

import msgspec
import pytest

from agent.aim.desk import PAUSE_S, TRIES, AimDesk, Asked, Before, Lengths
from agent.aim.drawing import Drawn, redrawn
from agent.aim.load import Loaded
from agent.aim.report import Report, changes, digest, html, newest, signed, verified
from agent.aim.scale import Length, Scale
from agent.aim.server import AimServer
from agent.aim.site import MEDIAN, Site, Walk
from agent.aim.steps import LOOKS, Step, measured, passed
from agent.aim.words import FLAGS, NUMBERS, STATES, TITLES, WHY
from agent.cli import main
from agent.clock import SimulatedClock, SystemClock
from agent.commissioning import LASTS_S, Answer, Commissioning, Sight
from agent.config import load
from agent.contract.jws import Key, KeyRing, Signer
from agent.errors import ConfigError, Refused, UserError
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles
from agent.provision.checks import DAY_S
from agent.provision.facts import Facts, Unit
from agent.provision.identity import Code, Lock
from agent.uplink.rights import Rights
from agent.vision.settings import Line, View, Zone
from tests.serving import served

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


def sight(number, *, focus=30.0, light=0.5, **changed):
    return Sight(at=AT + number, focus=focus, width=640, height=360, light=light, sky=0.1, roll_deg=1.0, **changed)


def a_load(*, low=0.0, most_c=61.0):
    cool = {"undervoltage": 0.0, "undervoltage_since_boot": 0.0, "cpu_temp_c": 48.0}
    warm = {"undervoltage": low, "undervoltage_since_boot": low, "cpu_temp_c": most_c}
    return Loaded(cores=4, lasted_s=20.0, before=cool, samples=[cool, warm])


def a_whole_visit(*, light=0.1):
    """What a technician does, in order; after sunset, unless there is more light."""
    site = Site()
    for number in range(6):
        site.see(facts(lid=float(number == 3)))
    for number in range(LOOKS + 1):
        site.look("gate", sight(number, light=light))
    site.loaded = a_load()
    site.rights = Rights(AT, {"rcpt": "refused", "cmd": "refused", "evt": "refused"})
    site.scales["gate"] = Scale(slope=100.0, horizon=0.1, height_px=360)
    site.views["gate"] = VIEW
    site.walk = Walk(zone="yard", expected=2)
    for people in (0, 1, 2, 1):
        site.see(facts(people=people))
    site.look("gate", sight(LOOKS + 2, light=light))
    site.walk.ended = True
    site.confirmed = {"aim": True}
    site.answer = Answer(AT, AT + 14.0, "received")
    return site


def states(site, told=None):
    return {step.id: step.state for step in measured(told or facts(), site, contacts=("lid",))}


# Steps


def test_a_whole_visit_passes_every_step():
    steps = measured(facts(), a_whole_visit(), contacts=("lid",))
    assert passed(steps)
    assert [step.id for step in steps] == list(TITLES)


def test_before_anything_was_done_what_a_person_must_do_waits():
    found = states(Site())
    waiting = [step for step, state in found.items() if state == "wait"]
    assert waiting == [
        "power", "heat", "rights", "camera", "aim", "focus", "scale", "masks", "zones", "sensors", "walk", "event"
    ]  # fmt: skip
    assert found["night"] == "later"


def without(**changed):
    """A whole visit in which one thing went otherwise."""
    site = a_whole_visit()
    for name, value in changed.items():
        setattr(site, name, value)
    return site


def peaked(best, now):
    """A lens that was turned past its best, slowly enough to be followed."""
    site = a_whole_visit()
    for number, focus in enumerate([*[best] * MEDIAN, *[now] * MEDIAN]):
        site.look("gate", sight(100 + number, focus=focus, light=0.1))
    return site


UNSEEN = {"far": Scale(slope=20.0, horizon=0.0, height_px=360), "near": Scale(slope=300.0, horizon=0.0, height_px=360)}
FAULTS = {
    "power": (facts(), without(loaded=a_load(low=1.0))),
    "network": (facts(units={"sense": Unit(active=True), "link": Unit(active=False)}), a_whole_visit()),
    "clock": (facts(host={"clock_synced": 0.0}), a_whole_visit()),
    "identity": (facts(missing_keys=("sign.pem",)), a_whole_visit()),
    "heat": (facts(), without(loaded=a_load(most_c=88.0))),
    "rights": (facts(), without(rights=Rights(AT, {"rcpt": "refused", "cmd": "allowed", "evt": "refused"}))),
    "aim": (facts(), without(confirmed={"aim": False})),
    "focus": (facts(), peaked(60.0, 40.0)),
    "scale": (facts(), without(scales={"gate": UNSEEN["near"]})),
    "walk": (facts(), without(walk=Walk(zone="yard", expected=3, most=2, ended=True))),
    "night": (facts(), without(walk=Walk(zone="yard", expected=3, most=2, light=0.1, ended=True))),
}


@pytest.mark.parametrize("step", FAULTS)
def test_what_was_measured_wrong_fails_its_step_and_says_what_to_do(step):
    told, site = FAULTS[step]
    found = {one.id: one for one in measured(told, site, contacts=("lid",))}
    assert found[step].state == "fail"
    assert all(found[step].todo)


def test_a_supply_that_was_too_low_before_fails_without_a_load():
    told = facts(host={"undervoltage": 0.0, "undervoltage_since_boot": 1.0, "clock_synced": 1.0})
    assert states(Site(), told)["power"] == "fail"


def test_a_board_that_cannot_measure_its_voltage_says_so():
    site = a_whole_visit()
    site.loaded = Loaded(cores=2, lasted_s=20.0, before={}, samples=[{}])
    (power,) = [one for one in measured(facts(host={"clock_synced": 1.0}), site, contacts=()) if one.id == "power"]
    assert (power.state, power.number[0]) == ("ok", "20 s on 2 cores, this board does not measure its voltage")


def test_a_place_where_people_would_be_too_small_fails_the_scale():
    assert states(without(scales={"gate": UNSEEN["far"]}))["scale"] == "fail"


def test_faces_that_could_be_recognised_are_warned_of_and_what_is_masked_does_not_count():
    near = Scale(slope=140.0, horizon=0.0, height_px=360)
    lower_half = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
    for masks, why in (((), "faces"), ((lower_half,), "")):
        site = without(scales={"gate": near}, views={"gate": View(masks=masks)})
        (scale,) = [one for one in measured(facts(), site, contacts=()) if one.id == "scale"]
        assert (scale.state, scale.why) == ("ok", why)


def test_a_lens_turned_back_to_its_best_passes():
    assert states(peaked(60.0, 58.0))["focus"] == "ok"


def test_what_is_masked_afterwards_does_not_change_how_near_the_lens_is_to_its_best():
    site = peaked(60.0, 45.0)
    site.peaks["gate"].renew()
    site.look("gate", sight(200, focus=10.0))
    assert site.peaks["gate"].share == pytest.approx(0.75)


def test_much_sky_is_said_though_a_person_decides():
    site = a_whole_visit()
    site.look("gate", replace_sight(sky=0.6))
    (aim,) = [one for one in measured(facts(), site, contacts=()) if one.id == "aim"]
    assert (aim.state, aim.why) == ("ok", "sky")


def test_a_bare_view_is_said_though_a_person_decides():
    numbers = {"gate": {"camera/fps": 5.0, "camera/unjudged": 3.0}}
    (aim,) = [one for one in measured(facts(numbers=numbers), a_whole_visit(), contacts=()) if one.id == "aim"]
    assert (aim.state, aim.why) == ("ok", "bare")


def replace_sight(**changed):
    return msgspec.structs.replace(sight(500, light=0.1), **changed)


def test_by_day_the_night_stays_open_and_the_node_is_accepted_all_the_same():
    steps = measured(facts(), a_whole_visit(light=0.6), contacts=("lid",))
    assert passed(steps)
    assert [step.id for step in steps if step.state == "later"] == ["night"]


def test_a_second_visit_takes_over_what_a_person_did_but_measures_the_rest_anew():
    day = measured(facts(), a_whole_visit(light=0.6), contacts=("lid",))
    earlier = {step.id: msgspec.structs.replace(step, since=AT) for step in day}
    site = Site()
    site.walk = Walk(zone="yard", expected=2, most=2, light=0.1, ended=True)
    found = {step.id: step for step in measured(facts(), site, contacts=("lid",), earlier=earlier)}
    assert (found["night"].state, found["walk"].state) == ("ok", "ok")
    assert (found["scale"].state, found["scale"].since) == ("ok", AT)
    assert found["power"].state == "wait"


def test_a_verdict_that_came_back_is_the_proof_of_the_test_event():
    (event,) = [one for one in measured(facts(), a_whole_visit(), contacts=()) if one.id == "event"]
    assert event.number == ("answered after 14 s", "risposta dopo 14 s")
    assert states(without(answer=Answer(AT)))["event"] == "wait"


def test_every_word_is_there_in_two_languages():
    assert set(NUMBERS) | set(FLAGS) <= set(TITLES)
    tables = [*TITLES.values(), *STATES.values(), *(said for why, said in WHY.items() if why)]
    tables += [part for parts in NUMBERS.values() for part in parts]
    assert all(english and italian for english, italian in tables)


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
        commissioning=Commissioning(tmp_path),
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


def test_the_desk_follows_the_lens_and_holds_its_best(desk, tmp_path):
    for number, focus in enumerate([10.0] * 5 + [30.0] * 5 + [99.0] + [24.0] * 5):
        (tmp_path / "aim-gate.json").write_bytes(msgspec.json.encode(sight(number, focus=focus)))
        told = desk.sight("gate")
    assert told == {"focus": 24.0, "best": 30.0, "share": 0.8}
    desk.say(Asked(step="focus"))
    assert desk.sight("gate")["best"] == 24.0
    assert desk.sight("../document") == {"focus": 0.0, "best": 0.0, "share": 0.0}


def test_known_lengths_give_the_rows_that_the_page_draws(desk, tmp_path):
    lengths = (Length((0.4, 0.5), (0.5, 0.5), 2.0), Length((0.2, 1.0), (0.5, 1.0), 2.0))
    with pytest.raises(UserError, match="nothing was seen"):
        desk.measure(Lengths("gate", lengths))
    (tmp_path / "aim-gate.json").write_bytes(msgspec.json.encode(sight(1)))
    desk.measure(Lengths("gate", lengths))
    assert desk.state()["scales"] == {"gate": {"horizon": 0.25, "faces": 1.227}}


def test_a_load_is_made_and_read_each_second(desk, clock):
    """On a clock that only sleeping moves, so twenty seconds of it take no time."""
    desk.say(Asked(step="load"))
    desk._load.join()
    assert clock.now() == AT + 20.0
    assert len(desk.site.loaded.samples) == 20
    assert {step["id"]: step["state"] for step in desk.state()["steps"]}["power"] == "ok"


def test_what_an_earlier_visit_left_counts_only_for_the_same_document(desk, tmp_path):
    kept = (Step(id="scale", state="ok", since=AT - 5),)
    for config, state in ((digest(DOCUMENT.encode()), "ok"), ("0" * 64, "wait")):
        desk.before = Before(digest="d" * 64, config=config, steps=kept)
        assert {step["id"]: step["state"] for step in desk.state()["steps"]}["scale"] == state
    assert desk.finish().before == "d" * 64


def test_a_test_event_is_asked_of_sense_and_its_answer_shown(desk, tmp_path):
    desk.say(Asked(step="test"))
    assert desk.commissioning.trial.exists()
    desk.commissioning.answer.write_bytes(msgspec.json.encode(Answer(AT, AT + 3.0, "useful")))
    assert {step["id"]: step["number"][0] for step in desk.state()["steps"]}["event"] == "answered after 3 s"


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
    with pytest.raises(Refused, match="signed by the node"):
        verified(token, ring, "romagna-faentina/brisighella/n-0018")


def test_a_whole_report_is_no_longer_than_a_token_may_be():
    """All steps with all their numbers, and long names of sensors."""
    signer, ring = a_ring()
    steps = tuple(
        Step(id=one.id, state="fail", values=one.values, why="move", about=("a" * 32,) * 8, since=AT)
        if one.id == "sensors"
        else msgspec.structs.replace(one, since=AT + 0.123)
        for one in a_report().steps
    )
    assert verified(signed(a_report(steps=steps, before="b" * 64), signer), ring).steps == steps


def test_the_newest_report_that_can_be_believed_is_found(tmp_path):
    signer, ring = a_ring()
    for number, day in enumerate(("20260501", "20260502")):
        (tmp_path / f"{day}-120000.jws").write_text(signed(a_report(at=AT + number), signer))
    (tmp_path / "20260503-120000.jws").write_text("spoiled")
    found = newest(tmp_path, ring, NAME)
    assert found is not None
    assert found[0].at == AT + 1
    assert found[1] == digest((tmp_path / "20260502-120000.jws").read_bytes())
    assert newest(tmp_path / "nowhere", ring, NAME) is None


def test_what_changed_since_is_told_line_by_line():
    assert list(changes(a_report(), a_report(at=AT + 99))) == []
    site = without(answer=None, confirmed={"aim": True, "event": False})
    told = list(changes(a_report(), a_report(site, config="b" * 64, agent="0.2.0")))
    assert len(told) == 3
    assert told[-1].startswith("Test event acknowledged: was ok")


def test_the_printed_report_needs_nothing_from_anywhere():
    page = html(a_report(), "2026-05-01", signed_digest="c" * 64)
    assert "accepted" in page
    assert "http" not in page
    assert page.count("<tr>") == len(TITLES)
    assert "c" * 64 in page
    assert "Prova di passaggio" in page


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
    desk.commissioning, desk.document = Commissioning(node / "run/piazza-sense"), node / "etc/piazza/node.yaml"
    files = TlsFiles(node / "etc/piazza/aim/node.pem", node / "etc/piazza/aim/key.pem")
    server = AimServer(("127.0.0.1", 0), files, desk)
    with served(server):
        yield server.server_port


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


@pytest.mark.parametrize(("error", "told"), [(ConnectionResetError(), False), (ValueError("of ours"), True)])
def test_a_phone_that_hangs_up_is_nothing_to_tell_and_a_mistake_of_ours_is(node, desk, capsys, error, told):
    files = TlsFiles(node / "etc/piazza/aim/node.pem", node / "etc/piazza/aim/key.pem")
    with AimServer(("127.0.0.1", 0), files, desk) as server:
        try:
            raise error
        except (OSError, ValueError):
            server.handle_error(None, ("127.0.0.1", 1))
    assert ("of ours" in capsys.readouterr().err) is told


def test_a_visit_over_https_leaves_a_signed_report_and_the_drawn_document(page, node, program, capsys):
    program("curl")
    status, head, _ = asked(page, "/enter", CODE.text)
    cookie = head.partition("Set-Cookie: ")[2].split(";")[0]
    assert (status, "Secure; HttpOnly; SameSite=Strict" in head) == (200, True)
    drawn = {"camera": "gate", "view": msgspec.to_builtins(VIEW)}
    steps = {step["id"]: step for step in asked(page, "/draw", drawn, cookie)[2]["steps"]}
    assert steps["masks"]["number"] == ["1 masks, 6 % hidden", "1 maschere, 6 % coperto"]
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
    desk.commissioning, desk.document = Commissioning(node / "run/piazza-sense"), document
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


def test_a_label_that_nobody_can_read_any_more_is_replaced_at_the_node(node, capsys, tmp_path):
    old, lock = Code(), node / "etc/piazza/aim.json"
    lock.write_bytes(msgspec.json.encode(old.lock()))
    assert main(["aim", "label", "--root", str(node), "--label", str(tmp_path / "label.svg")]) == 0
    address = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("https://"))
    code = address.partition("#")[2]
    now = msgspec.json.decode(lock.read_bytes(), type=Lock)
    assert (now.opens(code), now.opens(old.text)) == (True, False)
    assert code in (tmp_path / "label.svg").read_text()


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
    assert done.stdout.count('class="step ') == len(TITLES), done.stderr[-500:]
    assert TITLES["masks"][language == "it"].replace("&", "&amp;") in done.stdout


HOSTILE = {
    "no number as length": ("/say", b"{}", {"Content-Length": "many"}),
    "a length of less than nothing": ("/say", b"{}", {"Content-Length": "-5"}),
    "a length beyond all": ("/say", b"{}", {"Content-Length": "9" * 5000}),
    "no JSON": ("/say", b"\xff\xfe", {}),
    "nested beyond all": ("/say", b'{"more": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", {}),
    "nested where it is read": ("/draw", b'{"camera": "gate", "view": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", {}),
    "nested where nobody reads it": ("/say", b'{"other": ' + b"[" * 30_000, {}),
    "bytes that are no text": ("/enter", b'"\xff"', {}),
    "a step of no kind": ("/say", b'{"step": "<script>"}', {}),
    "a camera that is a path": ("/draw", b'{"camera": "../../etc/piazza/keys/sign.pem", "view": {"masks": []}}', {}),
    "a camera that ends its line": ("/measure", b'{"camera": "gate\\n", "lengths": []}', {}),
    "a document within a document": ("/draw", b'{"camera": "gate\\nstate_dir: /tmp", "view": {"masks": []}}', {}),
    "half a letter as code": ("/enter", b'"\\ud800"', {}),
    "a code of letters that nobody has": ("/enter", '"é\U0001f600"'.encode(), {}),
    "a long code": ("/enter", b'"' + b"a" * 60_000 + b'"', {}),
    "a cookie that is none": ("/say", b"{}", {"Cookie": 'piazza="\xe9\\777"; ='}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_sent_is_refused_with_a_word(page, desk, node, name, capsys):
    """By a stranger or by who has the code: no request ends in a mistake of ours, none changes what the node would do."""
    path, body, headers = HOSTILE[name]
    for cookie in ({}, {"Cookie": f"piazza={desk.enter(CODE.text)}"}):
        connection = HTTPSConnection("127.0.0.1", page, context=ssl._create_unverified_context(), timeout=60)
        connection.request("POST", path, body, {**cookie, **headers})
        answer = connection.getresponse()
        assert answer.status in (400, 403)
        assert json.loads(answer.read())["why"]
        connection.close()
    assert capsys.readouterr().err == ""
    assert not (node / "run/piazza-sense/node.yaml").exists()
