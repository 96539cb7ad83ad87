"""A union of two comuni and its agreements, as a folder on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from agent.contract.times import seconds
from agent.governance import agreement, union
from agent.governance.agreement import Agreement
from agent.governance.union import Union

JUNE = seconds("2026-06-01T12:00:00.000Z")

UNION: dict[str, Any] = {
    "version": 1,
    "id": "romagna",
    "name": "Unione di prova",
    "contact": "privacy@romagna.example",
    "comuni": [
        {"id": "faenza", "name": "Faenza", "nodes": ["n-1", "n-2"]},
        {"id": "riolo", "name": "Riolo Terme", "nodes": ["n-3"]},
    ],
    "parties": [
        {"id": "store-1", "role": "store"},
        {"id": "room", "role": "operator"},
        {"id": "desk", "role": "operator", "comuni": ["riolo"]},
        {"id": "fleet", "role": "maintainer"},
        {"id": "counts", "role": "statistics"},
        {"id": "square", "role": "publisher"},
        {"id": "anybody", "role": "public"},
    ],
}
POLICE: dict[str, Any] = {
    "version": 1,
    "id": "police-2026",
    "partner": {"id": "police", "name": "Commissariato", "role": "police", "contact": "dpo@police.example"},
    "comuni": ["faenza"],
    "events": ["crossing", "tamper"],
    "purpose": "public-security",
    "legal_basis": "Accordo quadro",
    "since": "2026-01-01",
    "until": "2026-12-31",
    "retention_days": 5,
}


def folder(path: Path, *agreements: dict[str, Any], **changes: Any) -> Path:
    """`union.yaml` with `changes`, and one file for each agreement."""
    (path / "agreements").mkdir(parents=True, exist_ok=True)
    (path / "union.yaml").write_text(yaml.safe_dump(UNION | changes))
    for number, one in enumerate(agreements):
        (path / "agreements" / f"{number}.yaml").write_text(yaml.safe_dump(one))
    return path


def loaded(path: Path) -> tuple[Union, tuple[Agreement, ...]]:
    whole = union.load(path / "union.yaml")
    return whole, agreement.load_all(path / "agreements", whole)


def police(**changes: Any) -> dict[str, Any]:
    return POLICE | changes
