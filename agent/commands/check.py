"""`piazza check FILE`: everything that is wrong with a configuration, at once."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.config import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a node's configuration")


def run(options: argparse.Namespace) -> int:
    config = load(options.file)
    print(
        f"{options.file}: good; node {config.node.union}/{config.node.comune}/{config.node.id} with "
        f"{_count(len(config.cameras), 'camera')}, {_count(len(config.sensors), 'sensor')} and "
        f"{_count(len(config.rules), 'rule')}"
    )
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
