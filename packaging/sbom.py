"""The bill of materials of a node's package, in CycloneDX 1.6 on standard output: `sbom.py VERSION SITE MODELS`.

SITE is the folder into which the package's wheels were unpacked, MODELS the one with `manifest.yaml`. The
invariant: the same folders and SOURCE_DATE_EPOCH give the same bytes, and every wheel and model is named.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name

Component = dict[str, Any]


def bill(version: str, site: Path, models: Path, *, at: float) -> Component:
    """The whole document; `at` is the instant that it is said to be of."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": "piazza",
                "name": "piazza",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            },
        },
        "components": [*libraries(site), *learned(models)],
    }


def libraries(site: Path) -> list[Component]:
    """Every Python package that lies in a folder."""
    found = (_library(one) for one in distributions(path=[str(site)]) if one.name != "piazza")
    return sorted(found, key=lambda one: str(one["name"]))


def _library(package: Distribution) -> Component:
    name = canonicalize_name(package.name)
    purl = f"pkg:pypi/{name}@{package.version}"
    said = {"type": "library", "bom-ref": purl, "name": name, "version": package.version, "purl": purl}
    return said | ({"licenses": licences} if (licences := _licences(package)) else {})


def _licences(package: Distribution) -> list[Component]:
    """What the package says of itself: an SPDX expression, else its classifiers, else the first line of its text."""
    said = package.metadata
    if expressions := said.get_all("License-Expression"):
        return [{"expression": expressions[0]}]
    listed = [one for one in said.get_all("Classifier") or [] if one.startswith("License ::")]
    names = [one.rpartition(" :: ")[2] for one in listed] or "".join(
        said.get_all("License") or []
    ).strip().splitlines()[:1]
    return [{"license": {"name": name}} for name in names]


def learned(models: Path) -> Iterator[Component]:
    """Every model of the manifest, with its digest."""
    for name, model in yaml.safe_load((models / "manifest.yaml").read_text(encoding="utf-8"))["models"].items():
        yield {
            "type": "machine-learning-model",
            "bom-ref": f"model:{name}",
            "name": name,
            "version": str(model["source"]["version"]),
            "hashes": [{"alg": "SHA-256", "content": model["sha256"]}],
            "licenses": [{"expression": model["licence"]}],
            "externalReferences": [{"type": "vcs", "url": model["source"]["project"]}],
        }


if __name__ == "__main__":
    instant = float(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    json.dump(bill(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), at=instant), sys.stdout, indent=1)
    print()
