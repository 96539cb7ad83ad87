"""The drop-in that opens sense's sandbox towards network cameras."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli import main


def config(folder: Path, *sources: str) -> Path:
    cameras = [
        {"id": f"c-{number}", "input": {"driver": "video", "source": source}, "view": {"masks": []}}
        for number, source in enumerate(sources)
    ]
    node = {"union": "u", "comune": "c", "id": "n"}
    path = folder / "node.yaml"
    path.write_text(
        json.dumps({"version": 1, "node": node, "uplink": {"broker": {"host": "localhost"}}, "cameras": cameras})
    )
    return path


def test_only_the_network_cameras_are_let_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = config(tmp_path, "rtsp://user:secret@192.0.2.9/a", "/dev/video0")
    assert main(["confine", "--config", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "IPAddressAllow=192.0.2.9\n" in printed
    assert "secret" not in printed


def test_a_node_without_network_cameras_loses_an_older_drop_in(tmp_path: Path):
    drop_in = tmp_path / "unit.d" / "rtsp.conf"
    assert main(["confine", "--config", str(config(tmp_path, "rtsp://192.0.2.9/a")), "--write", str(drop_in)]) == 0
    assert "IPAddressAllow=192.0.2.9" in drop_in.read_text()
    assert main(["confine", "--config", str(config(tmp_path, "/dev/video0")), "--write", str(drop_in)]) == 0
    assert not drop_in.exists()


def test_a_name_is_refused_because_nobody_could_resolve_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["confine", "--config", str(config(tmp_path, "rtsp://camera.example/a"))]) == 2
    assert "IP address" in capsys.readouterr().err
