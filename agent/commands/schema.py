"""`piazza schema`: the contract's documents, printed, written anew, or compared with what ships."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import agent.schemas
from agent.config import Config
from agent.contract.compatible import narrowed
from agent.contract.schemas import asyncapi, payload_schema, settings_schema
from agent.contract.topics import Class
from agent.contract.types import KINDS
from agent.errors import UserError
from agent.governance import contract_page

FOLDER = Path(agent.schemas.__file__).parent
PAGE = FOLDER.parent.parent / "docs" / "reference" / "asyncapi.html"
"""The contract for people, where a checkout has its documentation."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help=f"one of: {', '.join(sorted(documents()))} (default: list them)")
    act = parser.add_mutually_exclusive_group()
    act.add_argument(
        "--write", action="store_true", help="write all documents where the package and its documentation keep them"
    )
    act.add_argument("--check", action="store_true", help="1 when a document that ships is not what the types say")
    act.add_argument("--html", type=Path, metavar="FILE", help="write the whole contract as a page for people")
    act.add_argument("--against", type=Path, metavar="DIR", help="1 when what an older release said is no longer valid")


def run(options: argparse.Namespace) -> int:
    made = documents()
    if options.write:
        for name, text in made.items():
            (FOLDER / f"{name}.json").write_text(text, encoding="ascii")
        if PAGE.parent.is_dir():
            PAGE.write_text(contract_page.html(asyncapi()), encoding="utf-8")
        return 0
    if options.check:
        stale = stale_documents()
        print("\n".join(f"{name}.json is stale" for name in stale) or "all documents are what the types say")
        return 1 if stale else 0
    if options.html:
        options.html.write_text(contract_page.html(asyncapi()), encoding="utf-8")
        return 0
    if options.against:
        return _against(options.against)
    if options.name is None:
        print("\n".join(sorted(made)))
        return 0
    if options.name not in made:
        raise UserError(f"no document '{options.name}'", hint=f"one of: {', '.join(sorted(made))}")
    print(made[options.name], end="")
    return 0


def _against(folder: Path) -> int:
    """What today's readers would refuse of what was said then, and what readers of then would refuse of today's."""
    old = {
        path.stem: json.loads(path.read_text(encoding="ascii")) for path in folder.glob("*.json") if path.stem in KINDS
    }
    if not old:
        raise UserError(f"{folder}: no schemas", hint="give a folder such as docs/reference/schemas/1.0.0")
    now = {klass: payload_schema(Class(klass)) for klass in KINDS}
    gone = [f"{klass}{what}" for klass in old for what in narrowed(old[klass], now[klass])]
    more = [f"{klass}{what}" for klass in old for what in narrowed(now[klass], old[klass])]
    more = [one.replace("no longer", "newly") for one in more] + [klass for klass in now if klass not in old]
    print(
        "".join(f"no longer valid: {one}\n" for one in gone) + "".join(f"new since then: {one}\n" for one in more),
        end="",
    )
    return 1 if gone else 0


@cache
def documents() -> Mapping[str, str]:
    """Every document by name, as text; made once, as the types are what they are."""
    made = {
        "asyncapi": asyncapi(),
        "config": settings_schema(Config, name="config"),
        **{klass: payload_schema(Class(klass)) for klass in KINDS},
    }
    return {name: json.dumps(document, indent=1) + "\n" for name, document in made.items()}


def stale_documents() -> list[str]:
    """Names of documents that ship and differ from the types, or do not ship at all."""
    return [name for name, text in documents().items() if _shipped(name) != text]


def _shipped(name: str) -> str:
    path = FOLDER / f"{name}.json"
    return path.read_text(encoding="ascii") if path.exists() else ""
