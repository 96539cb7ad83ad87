"""Real processes: sense, link and the update process of a node, on mosquitto with TLS."""

from __future__ import annotations

import json
import sqlite3
from base64 import urlsafe_b64decode

import pytest

from tests.commands.places import NODE, wait
from tests.conftest import CHECKOUT
from tests.ota.place import NARROWER, WIDER, whole

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(300)]


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


def test_an_order_over_mqtt_is_applied_and_the_signed_state_names_it(made):
    digest = made.order(made.config(mask=WIDER))
    published = made.publish()
    assert published.returncode == 0, published.stderr
    applied = made.apply("--proof", "100")
    assert applied.stdout == "order 1: committed\n", applied.stderr + made.place.log("run")
    wait(lambda: state(made).get("cfg") == digest and state(made).get("update", {}).get("phase") == "committed")
    assert wait(lambda: told(made, "config-applied")) == [("", "")]
    broker = f"localhost:{made.broker.port}"
    heard = made.piazza(
        "ota", "status", str(made.union.authority.folder), "--broker", broker, "--keys", str(made.folder / "keys")
    )
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


def test_a_person_may_end_a_trial_that_another_process_has_in_hand(made):
    made.order(made.config(mask=WIDER))
    assert made.publish().returncode == 0
    made.place.start("ota", "apply", "--config", str(made.folder / "node.yaml"))
    wait(lambda: "trial" in made.piazza("ota", "status", str(made.ota)).stdout, at_most_s=60.0)
    asked = made.piazza("ota", "rollback", "--config", str(made.folder / "node.yaml"))
    assert asked.stdout.startswith("asked: "), asked.stderr
    wait(lambda: made.place.log("ota") == "order 1: rolled-back, by-hand\n", at_most_s=60.0)


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
        wait(lambda: state(one).get("status") == "up" and told(one, "boot"), at_most_s=60.0)
        before = state(one)["model"]
        one.order(one.config(vision=vision | {"model": "nanodet-g-320"}), files=files)
        assert one.publish().returncode == 0
        one.place.start("ota", "apply", "--config", str(one.folder / "node.yaml"), "--proof", "300")
        wait(
            lambda: state(one).get("update", {}).get("phase") == "trial" and state(one)["status"] == "up",
            at_most_s=60.0,
        )
        assert state(one)["model"] == before  # who is on trial tells nothing yet
        wait(lambda: "committed" in one.place.log("ota"), at_most_s=120.0)
        wait(lambda: state(one)["model"] != before and state(one)["status"] == "up", at_most_s=60.0)
        assert state(one)["update"]["phase"] == "committed"
        assert state(one)["update"]["shadow"]["frames"] >= 20
