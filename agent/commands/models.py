"""`piazza models list|check`: what a node may run, and whether the files are what they should be."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.errors import ModelError
from agent.inference import manifest
from agent.inference.manifest import Manifest, Model
from agent.inference.selftest import opened, require


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "check"), help="list them, or check each file and its self-test")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="the folder with manifest.yaml")
    parser.add_argument("--threads", type=int, default=1, choices=range(1, 5), help="threads of one inference")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(options: argparse.Namespace) -> int:
    models = options.models or manifest.folder()
    known = manifest.load(models)
    told = _listed(known) if options.action == "list" else _checked(known, models, threads=options.threads)
    problems = []
    for name, facts in told:
        print(json.dumps({"model": name, **facts}) if options.json else _line(name, facts), flush=True)
        problems += [facts["problem"]] if "problem" in facts else []
    if problems:
        raise ModelError("\n  ".join(problems), hint=f"of {len(known.models)} models, {len(problems)} must not be run")
    return 0


def _listed(known: Manifest) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, model in known.models.items():
        source = f"{model.source.registry} {model.source.package} {model.source.version}"
        yield name, {"file": model.file, "input": model.input.size, "licence": model.licence, "source": source}


def _checked(known: Manifest, models: Path, *, threads: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, model in known.models.items():
        try:
            yield name, _facts(model, models, threads=threads)
        except ModelError as error:
            yield name, {"file": model.file, "problem": error.message}


def _facts(model: Model, models: Path, *, threads: int) -> dict[str, Any]:
    interpreter = opened(model, models, threads=threads, timer=SystemClock().monotonic)
    outcome = require(model, interpreter)
    return {
        "file": model.file,
        "sha256": "as approved",
        "self-test": "identical" if outcome.identical else f"within {outcome.off} of {outcome.allowed} levels",
        "XNNPACK": "on" if interpreter.accelerated else "OFF",
    }


def _line(name: str, facts: dict[str, Any]) -> str:
    if "problem" in facts:
        return f"{name:15} {facts['file']}: REFUSED"
    file, *rest = facts.items()
    return f"{name:15} {file[1]}: " + ", ".join(f"{key} {value}" for key, value in rest)
