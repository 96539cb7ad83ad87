"""NanoDet-g as a TensorFlow function: channels last, RGB 0 to 255 in, probabilities and side logits out.

The published graph is channels first for one input size and leaves normalisation to the caller. Here
the same 34 convolutions stand in a graph for any size that is a multiple of 32: a small cross-stage
partial backbone, a neck that adds the three scales to one another up and down, and one head a scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import tensorflow as tf
from weights import Convolution

CLASSES = 80
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
SPREAD = np.array([58.395, 57.12, 57.375], np.float32)
"""Of ImageNet, in the order R, G, B."""


def network(convolutions: Iterable[Convolution], *, width: int, height: int) -> Callable[[tf.Tensor], list[tf.Tensor]]:
    """The function from (1, height, width, 3) float32 to, per stride 8, 16, 32, (1, cells, 80) and (1, cells, 44)."""
    known = [*convolutions]
    known[0] = known[0]._replace(kernel=np.ascontiguousarray(known[0].kernel[:, :, ::-1, :]))  # it was fed BGR

    def net(x: tf.Tensor) -> list[tf.Tensor]:
        rest = iter(known)
        fine, middle, coarse = neck(backbone(x, rest), rest, width=width, height=height)
        return [*head(fine, rest), *head(middle, rest), *head(coarse, rest)]

    return net


def backbone(x: tf.Tensor, rest: Iterator[Convolution]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    x = convolved(x * (1 / SPREAD) + (-MEAN / SPREAD), next(rest), stride=2)
    x = stage(pooled(x), rest, stride=1, blocks=1)
    at_8 = stage(x, rest, stride=2, blocks=2)
    at_16 = stage(at_8, rest, stride=2, blocks=2)
    return at_8, at_16, stage(at_16, rest, stride=2, blocks=3)


def stage(x: tf.Tensor, rest: Iterator[Convolution], *, stride: int, blocks: int) -> tf.Tensor:
    """Part of what comes in goes around the blocks and joins again behind them."""
    around = convolved(x, next(rest), stride=stride)
    through = convolved(around, next(rest))
    for _ in range(blocks):
        grown = convolved(through, next(rest))
        through = convolved(tf.concat([grown, through], -1), next(rest))
    return tf.concat([through, around], -1)


def neck(
    scales: tuple[tf.Tensor, tf.Tensor, tf.Tensor], rest: Iterator[Convolution], *, width: int, height: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    fine, middle, coarse = (convolved(scale, next(rest), active=False) for scale in scales)

    def resized(x: tf.Tensor, stride: int) -> tf.Tensor:
        size = (height // stride, width // stride)
        return tf.compat.v1.image.resize_bilinear(x, size, half_pixel_centers=True)

    middle += resized(coarse, 16)
    fine += resized(middle, 8)
    middle += resized(fine, 16)
    return fine, middle, coarse + resized(middle, 32)


def head(x: tf.Tensor, rest: Iterator[Convolution]) -> tuple[tf.Tensor, tf.Tensor]:
    """Probabilities and side logits, split so that each is quantised in its own range."""
    x = convolved(x, next(rest))
    kernel, bias = next(rest)
    classes = tf.sigmoid(tf.nn.bias_add(tf.nn.conv2d(x, kernel[..., :CLASSES], 1, "VALID"), bias[:CLASSES]))
    sides = tf.nn.bias_add(tf.nn.conv2d(x, kernel[..., CLASSES:], 1, "VALID"), bias[CLASSES:])
    cells = classes.shape[1] * classes.shape[2]
    return tf.reshape(classes, [1, cells, CLASSES]), tf.reshape(sides, [1, cells, sides.shape[3]])


def convolved(x: tf.Tensor, part: Convolution, *, stride: int = 1, active: bool = True) -> tf.Tensor:
    if part.kernel.shape[0] == 1:
        x = tf.nn.conv2d(x, part.kernel, stride, "VALID")
    elif stride == 1:
        x = tf.nn.conv2d(x, part.kernel, 1, "SAME")
    else:  # the original pads on all sides; SAME would pad below and on the right only
        x = tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), part.kernel, stride, "VALID")
    x = tf.nn.bias_add(x, part.bias)
    return tf.nn.leaky_relu(x, 0.1) if active else x


def pooled(x: tf.Tensor) -> tf.Tensor:
    """Maximum over 3 x 3 at stride 2; doubling the first row and column is the original's padding with -inf."""
    x = tf.concat([x[:, :1], x], 1)
    x = tf.concat([x[:, :, :1], x], 2)
    return tf.nn.max_pool2d(x, 3, 2, "VALID")
