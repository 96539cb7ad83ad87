"""Quantise NanoDet-g to 8-bit integers at the sizes that ship, and compare with the manifest.

    python convert.py --weights FOLDER --pictures FOLDER --out FOLDER [--manifest manifest.yaml]

`--weights` holds nanodet.json and nanodet.bin; the first 100 JPEG pictures of `--pictures`, by name,
set the ranges of the integers. Exit code 1 when a file differs from the one in the manifest.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import tensorflow as tf
from nanodet import network
from weights import convolutions

SIZES = ((320, 320), (416, 416), (640, 480))
CALIBRATION = 100


def pictures(folder: Path, *, width: int, height: int) -> Iterator[list[np.ndarray]]:
    found = sorted(folder.rglob("*.jpg"))[:CALIBRATION]
    if len(found) < CALIBRATION:
        raise SystemExit(f"{folder}: {len(found)} pictures, {CALIBRATION} are needed")
    for path in found:
        rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        yield [cv2.resize(rgb, (width, height)).astype(np.float32)[None]]


def converted(weights: Path, folder: Path, *, width: int, height: int) -> bytes:
    signature = [tf.TensorSpec([1, height, width, 3], tf.float32)]
    net = network(convolutions(weights / "nanodet.json"), width=width, height=height)
    concrete = tf.function(net, input_signature=signature).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: pictures(folder, width=width, height=height)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.int8
    return converter.convert()


def approved(manifest: Path, name: str) -> str:
    """The digest that the manifest has for a file, which stands on the line after its name."""
    found = re.search(rf"file: {re.escape(name)}\s+sha256: (\w+)", manifest.read_text())
    return found[1] if found else "none"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("weights", "pictures", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, default=Path(__file__).parents[1] / "manifest.yaml")
    options = parser.parse_args()
    differing = 0
    for width, height in SIZES:
        name = f"nanodet_g_{width}x{height}_int8.tflite"
        made = converted(options.weights, options.pictures, width=width, height=height)
        (options.out / name).write_bytes(made)
        digest = hashlib.sha256(made).hexdigest()
        same = digest == approved(options.manifest, name)
        differing += not same
        print(
            f"{name}  {len(made)} bytes  {digest}  {'identical' if same else 'DIFFERS from the manifest'}", flush=True
        )
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
