"""`piazza verify FILE`: whether every envelope of a file is genuine and every stream in it whole.

Ends with 0 when all is well, 1 when something is wrong, 2 when there is nothing to read.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.contract.audit import NodeReport, Report, judge
from agent.contract.chain import Range
from agent.errors import UserError
from agent.provision.keys import load_ring


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="one envelope a line, or topic and envelope; - reads standard input")
    parser.add_argument("--keys", type=Path, default=Path("ring.json"), help="the key ring (default: ring.json)")
    parser.add_argument("--from-first", action="store_true", help="every stream must begin at number 1")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


def run(options: argparse.Namespace) -> int:
    report = judge(_lines(options.file), load_ring(options.keys), from_first=options.from_first)
    if not report.nodes and not report.refused:
        raise UserError(
            f"{options.file}: no envelope in it", hint="record some: mosquitto_sub -v -t 'piazza/v1/#' >FILE"
        )
    print(json.dumps(_document(report)) if options.json else _text(report))
    return 0 if report.whole else 1


def _lines(path: Path) -> list[bytes]:
    try:
        return (sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()).split(b"\n")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", hint="give a file that can be read") from error


def _document(report: Report) -> dict[str, Any]:
    return {
        "whole": report.whole,
        "nodes": {
            name: {
                "envelopes": node.envelopes,
                "statements": node.statements,
                "last": node.check.last,
                "wrong": node.wrong(),
                "noted": node.noted(),
            }
            for name, node in sorted(report.nodes.items())
        },
        "refused": [{"line": line, "why": why} for line, why in report.refused],
    }


def _text(report: Report) -> str:
    rows = [_row(name, node) for name, node in sorted(report.nodes.items())]
    rows += [f"line {line}: refused, {why}" for line, why in report.refused]
    return "\n".join((*rows, "all is well" if report.whole else "something is wrong"))


def _row(name: str, node: NodeReport) -> str:
    said = _ranges(node.wrong()) or ["whole"]
    return f"{name}  {node.envelopes} in the chain up to {node.check.last}, {node.statements} beside it: " + "; ".join(
        (*said, *_ranges(node.noted()))
    )


def _ranges(words: Mapping[str, tuple[Range, ...]]) -> list[str]:
    return [f"{word} {', '.join(_range(*span) for span in spans)}" for word, spans in words.items()]


def _range(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
