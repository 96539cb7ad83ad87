"""`piazza confine`: the drop-in that lets sense reach its network cameras and nothing else.

A node whose cameras need no network gets none: the command says so, and takes an older drop-in away
where it was asked to write one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from agent.camera.address import allowed_addresses, filled_in
from agent.camera.settings import VideoSettings
from agent.config import Config, load
from agent.files import write_atomic

TEMPLATE = Path("systemd/piazza-sense.service.d/rtsp.conf.in")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("/etc/piazza/node.yaml"), help="the node's configuration")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put it there instead of printing it")


def run(options: argparse.Namespace) -> int:
    addresses = sorted(set(_addresses(load(options.config))))
    if not addresses:
        if options.write:
            options.write.unlink(missing_ok=True)
        print("no network camera: sense keeps no network at all", file=sys.stderr)
        return 0
    drop_in = filled_in(_template().read_text(encoding="utf-8"), addresses)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(options.write, drop_in.encode())
        print(
            f"{options.write}: sense may reach {', '.join(addresses)}; then: systemctl daemon-reload", file=sys.stderr
        )
    else:
        print(drop_in, end="")
    return 0


def _addresses(config: Config) -> Iterator[str]:
    """Numeric addresses only: inside its sandbox sense can resolve no name."""
    for camera in config.cameras:
        if isinstance(camera.input, VideoSettings) and camera.input.source.lower().startswith(("rtsp://", "rtsps://")):
            yield from allowed_addresses(camera.input.source, lambda _name: ())


def _template() -> Path:
    checkout = Path(__file__).resolve().parents[2] / TEMPLATE
    return checkout if checkout.is_file() else Path(sys.prefix) / "share" / "piazza" / TEMPLATE
