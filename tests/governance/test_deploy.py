"""What `deploy/` ships says the same as what `piazza broker init` makes, and every broker keeps out who was revoked."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import cli
from agent.governance.box import Box, settings
from agent.governance.shut_out import ShutOut
from tests.governance.unions import folder, police

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PLACES = {"listener", "cafile", "certfile", "keyfile", "crlfile", "acl_file", "persistence_location"}
"""Settings that name a place or a port of one machine."""


def said(text: str) -> dict[str, str]:
    """Setting -> value; where a place is named, only that one is."""
    pairs = (line.partition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: "a place" if name in PLACES else value for name, _, value in pairs}


@pytest.mark.parametrize("shipped", ["mosquitto/mosquitto.conf", "bridge/comune.conf"])
def test_a_shipped_mosquitto_says_all_that_a_box_says(shipped: str):
    place = Path("/somewhere")
    box = said(settings(Box(place), port=8883, ca=place, certificate=place, key=place, revoked=place))
    ours = said((DEPLOY / shipped).read_text(encoding="ascii"))
    assert {name: ours.get(name) for name in box} == box


@pytest.mark.parametrize(
    ("broker", "file"), [("mosquitto", "acl"), ("nats", "authorization.conf"), ("rabbitmq", "definitions.json")]
)
def test_whoever_was_revoked_is_in_no_brokers_list(tmp_path: Path, broker: str, file: str):
    union = folder(tmp_path / "union", police(since="2020-01-01", until="2099-12-31"))
    access, applied = tmp_path / file, ["patto", "apply", str(union), "--broker", broker, "--write"]
    assert cli.main([*applied, str(access)]) == 0
    assert "romagna.centre.room" in access.read_text()
    ShutOut(access).add("romagna/centre/room")
    assert cli.main([*applied, str(access)]) == 0
    assert "romagna.centre.room" not in access.read_text()
    assert "romagna.centre.store-1" in access.read_text()
