"""`piazza scene`: show on the node what its cameras have learned of their scenes, or let one learn anew.

It reads the files that `sense` keeps and the empty place that commissioning drew; it sees no frame.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent.config import Config, load
from agent.errors import ConfigError
from agent.vision.chart import Chart
from agent.vision.learned import Learned
from agent.vision.memory import SceneFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("/etc/piazza/node.yaml"), help="the node's configuration")
    parser.add_argument("--html", type=Path, metavar="FOLDER", help="write a page for each camera there")
    parser.add_argument(
        "--backdrops", type=Path, default=Path("/run/piazza-sense"), help="where commissioning draws the empty places"
    )
    parser.add_argument(
        "--hour", type=int, choices=range(24), metavar="HOUR", help="the map of this hour of the day, 0 to 23"
    )
    parser.add_argument("--reset", metavar="CAMERA", help="let this camera learn anew")


def run(options: argparse.Namespace) -> int:
    config = load(options.config)
    if options.reset:
        _file(config, options.reset).ask()
        print(f"{options.reset} begins to learn anew within {config.vision.normality.report_s:g} s of watching")
        return 0
    for chart in charts(config, options.backdrops):
        print(chart.text(options.hour))
        if options.html:
            page = options.html / f"scene-{chart.camera}.html"
            page.write_text(chart.page(), encoding="utf-8")
            print(f"  {page}")
    return 0


def charts(config: Config, backdrops: Path) -> Iterator[Chart]:
    """What each camera has learned; one that has kept nothing yet knows nothing."""
    settings = config.vision.normality
    for section in config.cameras:
        learned = _learned(SceneFile(Path(config.state_dir), section.id))
        progress = learned.progress(learn_s=settings.learn_s, learn_tracks=settings.learn_tracks)
        drawn = backdrops / f"backdrop-{section.id}.png"
        yield Chart(section.id, learned, progress, drawn.read_bytes() if drawn.is_file() else None)


def _file(config: Config, camera: str) -> SceneFile:
    if camera not in (section.id for section in config.cameras):
        raise ConfigError(f"no camera is called {camera}", hint="name one of the section cameras")
    return SceneFile(Path(config.state_dir), camera)


def _learned(file: SceneFile) -> Learned:
    try:
        state = file.read()
        return Learned.of(state, classes=int(state["classes"]), least=int(state["least"]))
    except FileNotFoundError:
        return Learned(1)
    except (msgspec.DecodeError, LookupError, TypeError, ValueError) as error:
        raise ConfigError(f"{file.path} cannot be read", hint="let the camera learn anew with --reset") from error
