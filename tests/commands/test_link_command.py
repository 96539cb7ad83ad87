"""`piazza link` reads its own sections and no others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main
from agent.commands.link import address, load
from agent.errors import ConfigError
from agent.uplink.settings import BrokerSettings

NODE = """
version: 1
node: {union: u, comune: c, id: n, signing_key: /nowhere/sign.pem}
state_dir: /tmp/state
cameras: "anything at all"
rules: [{id: 3}]
uplink:
  broker: {host: localhost, port: 1883}
  window: 7
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "node.yaml"
    path.write_text(text)
    return path


def test_slips_in_other_sections_do_not_cut_the_node_off(tmp_path: Path):
    config = load(written(tmp_path, NODE))
    assert (config.node.id, config.uplink.window, config.state_dir) == ("n", 7, "/tmp/state")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (NODE.replace("port: 1883", "prot: 1883"), "uplink.broker.prot: unknown option"),
        (NODE.replace("window: 7", "window: 0"), "uplink.window"),
        (NODE.replace("union: u, ", ""), "node.union: missing"),
        ("[1, 2]", "object"),
        ("node: 3\nuplink: {broker: {host: localhost}}", "node"),
    ],
)
def test_slips_in_its_own_sections_are_named(tmp_path: Path, text: str, problem: str):
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert problem in caught.value.message


def test_all_that_a_broker_may_be_told_reaches_the_transport():
    settings = BrokerSettings("b", 1, "ca", "cert", "key", 30, "3.1.1")
    assert address(settings).__slots__ == BrokerSettings.__struct_fields__
    assert (address(settings).host, address(settings).mqtt) == ("b", "3.1.1")


def test_another_machine_without_tls_is_refused_before_anything_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = written(
        tmp_path, NODE.replace("host: localhost", "host: broker.example").replace("/tmp/state", str(tmp_path))
    )
    assert main(["link", "--config", str(path)]) == 2
    assert "needs TLS" in capsys.readouterr().err


def test_link_imports_nothing_that_sees_or_computes_pictures():
    """Import contracts hold it in the source; this holds it in a process."""
    code = "import sys, agent.commands.link; print([m for m in ('numpy', 'cv2', 'av', 'rich', 'agent.pixels') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
