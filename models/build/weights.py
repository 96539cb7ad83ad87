"""Read the convolutions of a TensorFlow.js graph model, in the order of the graph. Needs only numpy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Convolution(NamedTuple):
    """`kernel` is (height, width, in, out), `bias` (out,), both float32."""

    kernel: np.ndarray
    bias: np.ndarray


def convolutions(model: Path) -> Iterator[Convolution]:
    """Those of `model`, a model.json with its .bin beside it; each is followed by the addition of its bias."""
    document = json.loads(model.read_text())
    arrays = dict(_arrays(document["weightsManifest"], model.parent))
    nodes = document["modelTopology"]["node"]
    bias_of = {node["input"][0]: node["input"][1] for node in nodes if node["op"] in {"Add", "AddV2"}}
    ordered = sorted((node for node in nodes if node["op"] == "Conv2D"), key=lambda node: _number(node["name"]))
    for node in ordered:
        yield Convolution(arrays[node["input"][1]], arrays[bias_of[node["name"]]])


def _number(name: str) -> int:
    """`scope/convolution` is 0, `scope/convolution_7` is 7."""
    tail = name.rpartition("_")[2]
    return int(tail) if tail.isdigit() else 0


def _arrays(manifest: list[Mapping[str, Any]], folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    for group in manifest:
        stored = b"".join((folder / path).read_bytes() for path in group["paths"])
        place = 0
        for weight in group["weights"]:
            array = np.frombuffer(stored, _stored_as(weight), int(np.prod(weight["shape"])), place)
            place += array.nbytes
            yield weight["name"], array.astype(weight["dtype"]).reshape(weight["shape"])
        if place != len(stored):
            raise ValueError(f"{len(stored) - place} bytes of {group['paths']} belong to no weight")


def _stored_as(weight: Mapping[str, Any]) -> np.dtype:
    quantised = weight.get("quantization", {})
    if quantised and quantised["dtype"] != "float16":
        raise ValueError(f"{weight['name']} is stored as {quantised['dtype']}, which nobody has needed so far")
    return np.dtype(quantised.get("dtype", weight["dtype"]))
