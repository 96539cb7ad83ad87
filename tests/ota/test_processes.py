"""Real processes: sense, link and the update process of a node, on mosquitto with TLS."""

from __future__ import annotations

import json
import sqlite3
from base64 import urlsafe_b64decode

import pytest
import yaml

from tests.commands.places import NODE, wait
from tests.conftest import CHECKOUT
from tests.ota.place import NARROWER, WIDER, whole
from tests.ota.town import PATTO

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def made(tmp_path):
    with whole(tmp_path / "node") as one:
        one.place.start("run", "--config", str(one.folder / "node.yaml"))
        wait(lambda: state(one).get("status") == "up" and told(one, "boot"))
        yield one


def state(made):
    """What the node says of itself, as it is signed for the broker."""
    return next((data for topic, data in statements(made) if topic.endswith("/state/node")), {})


def told(made, action):
    """The outcomes of the audit records of this action."""
    with sqlite3.connect(f"file:{made.place.state / 'outbox.sqlite'}?mode=ro", uri=True) as outbox:
        rows = outbox.execute("SELECT token FROM envelope WHERE klass = 'audit'").fetchall()
    data = [payload(token)["data"] for (token,) in rows]
    return [(one.get("subject", ""), one.get("outcome", "")) for one in data if one["action"] == action]


def statements(made):
    try:
        with sqlite3.connect(f"file:{made.place.state / 'outbox.sqlite'}?mode=ro", uri=True) as outbox:
            rows = outbox.execute("SELECT topic, token FROM statement").fetchall()
    except sqlite3.OperationalError:
        return []
    return [(topic, payload(token)["data"]) for topic, token in rows if token.count(".") == 2]


def payload(token):
    part = token.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_an_order_of_a_rollout_is_applied_and_the_signed_state_names_it(made):
    digest = made.order(made.config(mask=WIDER))
    union, broker, keys = str(made.union.authority.folder), f"localhost:{made.broker.port}", str(made.folder / "keys")
    (made.folder / "rules.yaml").write_text("soak_s: 0\npatience_s: 600\n")
    planned = made.piazza("rollout", "plan", union, "march.json", "--rules", "rules.yaml")
    assert planned.stdout.startswith("wave 1: 1 nodes"), planned.stderr
    options = ("--broker", broker, "--keys", keys, "--html", "march.html")
    rollout = made.place.start("rollout", "start", union, "march.json", *options)
    wait((made.place.state / "shelf" / "bundle").is_file)
    applied = made.apply("--proof", "200")
    assert applied.stdout == "order 1: committed\n", applied.stderr + made.place.log("run")
    wait(lambda: state(made).get("cfg") == digest and state(made).get("update", {}).get("phase") == "committed")
    assert wait(lambda: told(made, "config-applied")) == [("", "")]
    assert rollout.wait(timeout=300.0) == 0, made.place.log("rollout")
    assert "done: wave 1 of 1; 1 well" in made.piazza("rollout", "watch", "march.json").stdout
    assert digest in (made.union.authority.folder / "running.json").read_text()  # for the next release
    heard = made.piazza("ota", "status", union, "--broker", broker, "--keys", keys)
    assert f"{NODE}: runs {digest}; order 1: committed; up" in heard.stdout, heard.stderr
    asked = made.piazza("ota", "well", "--config", str(made.folder / "node.yaml"), "--wait", "60")
    assert asked.stdout == "well\n"  # what whoever commits an image of the system would ask


def test_a_signed_order_that_loosens_a_mask_is_refused_by_the_node_and_the_line_is_told(made):
    made.order(made.config(mask=NARROWER))
    assert made.publish().returncode == 0
    applied = made.apply()
    assert (applied.returncode, applied.stdout) == (3, "order 1: refused, cameras-view-masks (square)\n")
    assert wait(lambda: told(made, "config-refused")) == [("square", "cameras-view-masks")]
    assert (made.ota / "current" / "node.yaml").read_bytes() == (made.folder / "node.yaml").read_bytes()


LABELS = ["person", "bicycle", "car", "motorcycle", "bus", "truck", "dog"]
SIGHT = {"detector": "chroma", "normality": {"k": 50}}


def loosened(made):
    """For each floor: the sections that loosen it, the word that is told, and what it is about."""
    uplink = yaml.safe_load((made.folder / "first.yaml").read_text())["uplink"]
    return [
        ({"mask": NARROWER}, "cameras-view-masks", "square"),
        ({"vision": SIGHT | {"labels": LABELS}}, "vision-labels", ""),
        ({"uplink": uplink | {"outbox": {"max_mb": 65}}}, "uplink-outbox-max-mb", ""),
        ({"uplink": uplink | {"budget": {"evt_kb": 9000}}}, "uplink-budget-evt-kb", ""),
        ({"vision": SIGHT | {"normality": {"k": 20}}}, "vision-normality-k", ""),
        ({"uplink": uplink | {"broker": uplink["broker"] | {"host": "elsewhere"}}}, "uplink-broker-host", ""),
        ({"agreements": [PATTO | {"events": ["tamper", "loitering"]}]}, "agreements-events", "police-2026"),
        ({"agreements": [PATTO | {"retention_days": 30}]}, "agreements-retention-days", "police-2026"),
        ({"agreements": [PATTO, PATTO | {"id": "radio"}]}, "agreements", ""),
    ]


def test_a_real_node_refuses_what_loosens_any_floor_with_its_line_and_lets_it_in_with_the_second_key(tmp_path):
    """Each order is rightly signed by the comune's committee; the last loosens all floors with the other key's consent."""
    with whole(tmp_path / "node", vision=SIGHT, agreements=[PATTO]) as made:
        made.place.start("run", "--config", str(made.folder / "node.yaml"))
        wait(lambda: state(made).get("status") == "up" and told(made, "boot"))
        floors = loosened(made)
        for number, (changed, word, subject) in enumerate(floors, start=1):
            made.order(made.config(**changed))
            about = f" ({subject})" if subject else " (radio)" if word == "agreements" else ""
            assert made.by_stick("apply") == f"order {number}: refused, {word}{about}\n"
            wait(lambda: told(made, "config-refused")[-1:] == [(subject, word)])  # noqa: B023 -- at once
        assert len(told(made, "config-refused")) == len(floors)
        together = {name: part for changed, _, _ in floors for name, part in changed.items()}
        made.order(made.config(**together), consent=True)
        assert made.by_stick("check") == f"order {len(floors) + 1}: verified\n"


def test_a_person_may_end_a_trial_that_another_process_has_in_hand(made):
    made.order(made.config(mask=WIDER))
    assert made.publish().returncode == 0
    made.place.start("ota", "apply", "--config", str(made.folder / "node.yaml"))
    wait(lambda: "trial" in made.piazza("ota", "status", str(made.ota)).stdout)
    asked = made.piazza("ota", "rollback", "--config", str(made.folder / "node.yaml"))
    assert asked.stdout.startswith("asked: "), asked.stderr
    wait(lambda: made.place.log("ota") == "order 1: rolled-back, by-hand\n")


def test_a_configuration_with_which_the_camera_gives_nothing_goes_back(made):
    blind = json.loads(made.config(mask=WIDER).read_text())["cameras"]
    blind[0]["input"] = blind[0]["input"] | {"fps": 0.001}
    digest = state(made)["cfg"]
    made.order(made.config(mask=WIDER, cameras=blind))
    assert made.publish().returncode == 0
    applied = made.apply("--trial", "12")
    assert applied.returncode == 3
    assert "order 1: rolled-back" in applied.stdout
    wait(lambda: state(made).get("cfg") == digest and state(made).get("status") == "up")
    assert wait(lambda: told(made, "config-rolled-back"))


def test_a_new_model_is_compared_with_the_old_one_on_live_frames_before_it_is_kept(tmp_path):
    vision = {"detector": "tflite", "model": "nanodet-g-416", "report_s": 0.5, "motion": {"enabled": False}}
    models = CHECKOUT / "models"
    files = {name: (models / name).read_bytes() for name in ("manifest.yaml", "nanodet_g_320x320_int8.tflite")}
    with whole(tmp_path / "node", vision=vision) as one:
        one.place.start("run", "--config", str(one.folder / "node.yaml"))
        wait(lambda: state(one).get("status") == "up" and told(one, "boot"))
        before = state(one)["model"]
        one.order(one.config(vision=vision | {"model": "nanodet-g-320"}), files=files)
        assert one.publish().returncode == 0
        one.place.start("ota", "apply", "--config", str(one.folder / "node.yaml"), "--proof", "300")
        wait(lambda: state(one).get("update", {}).get("phase") == "trial" and state(one)["status"] == "up")
        assert state(one)["model"] == before  # who is on trial tells nothing yet
        wait(lambda: "committed" in one.place.log("ota"), at_most_s=500.0)
        wait(lambda: state(one)["model"] != before and state(one)["status"] == "up")
        assert state(one)["update"]["phase"] == "committed"
        assert state(one)["update"]["shadow"]["frames"] >= 20
