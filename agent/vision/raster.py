"""Small pieces of image work for the rest of `vision/`: the only import of OpenCV in this room.

Pictures are uint8 arrays of shape (height, width, 3), RGB; nothing here keeps one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Polygon = Sequence[tuple[float, float]]

_SUBPIXEL_BITS = 4
_REFINEMENTS = 5
_BORDER_PX = 2
"""Room around the picture while polygons are drawn: OpenCV is exact only away from its edges."""


class Blob(NamedTuple):
    """A connected patch: whole pixels, right and bottom exclusive, and how many pixels it has."""

    left: int
    top: int
    right: int
    bottom: int
    pixels: int


def stretch(picture: Picture, out: Picture) -> None:
    """Fill `out`, shape (height, width, 3), with the whole picture, bilinear, its shape not kept."""
    height, width = out.shape[:2]
    if cv2.resize(picture, (width, height), dst=out, interpolation=cv2.INTER_LINEAR) is not out:
        raise ValueError("the picture was not written where it should go: dtype or channels differ")


def small_grey(picture: Picture, *, width: int) -> Picture:
    """A grey picture `width` wide, uint8 (height, width), each pixel the mean of four samples.

    Sampling first keeps the cost the same for every frame size; a still texture aliases the same way
    in every frame, so nothing that does not move appears to.
    """
    height = max(1, round(width * picture.shape[0] / picture.shape[1]))
    samples = cv2.resize(picture, (2 * width, 2 * height), interpolation=cv2.INTER_NEAREST)
    grey = cv2.cvtColor(samples, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA))


def covered(polygons: Sequence[Polygon], *, height: int, width: int) -> NDArray[np.bool_]:
    """Where any polygon lies, bool (height, width), generous by up to two pixels and without holes.

    Points are fractions of the frame. A polygon that crosses itself covers what it encloses.
    """
    plate = np.zeros((height + 2 * _BORDER_PX, width + 2 * _BORDER_PX), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(plate, [_in_pixels(polygon, height=height, width=width)], 255, shift=_SUBPIXEL_BITS)
    grown = cv2.dilate(plate, np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(grown, outlines, -1, 255, thickness=cv2.FILLED)
    return np.asarray(grown[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] > 0)


def look_up(picture: Picture, table: Picture) -> Picture:
    """What `table`, uint8 (32 * 32 * 32,), says of each pixel by the upper five bits of R, G and B."""
    red, green, blue = (np.asarray(channel, np.uint8) for channel in cv2.split(picture))
    place = (red >> 3).astype(np.uint16)
    for channel in (green, blue):
        place <<= 5
        place |= channel >> 3
    return np.asarray(table.take(place))


def blobs(plate: Picture, *, least: int) -> Iterator[Blob]:
    """The 8-connected patches of a 0/255 plate that have at least `least` pixels, from the top down."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(plate, connectivity=8)
    for left, top, width, height, pixels in stats[1:].tolist():
        if pixels >= least:
            yield Blob(left, top, left + width, top + height, pixels)


def closed(plate: NDArray[np.bool_]) -> Picture:
    """A 0/255 plate of `plate` without single pixels and without gaps of one."""
    grown = cv2.morphologyEx(plate.astype(np.uint8) * 255, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return np.asarray(cv2.morphologyEx(grown, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)))


def without_doubles(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], families: NDArray[np.intp], *, overlap: float
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: the rows of (n, 4) boxes that stay, best score first.

    Boxes are left, top, right, bottom within 0 to 1. A box goes when a better one of its family
    shares more than `overlap` of their union.
    """
    apart = boxes[:, :2] + 2.0 * families[:, None]
    rectangles = np.concatenate([apart, boxes[:, 2:] - boxes[:, :2]], axis=1)
    return np.asarray(cv2.dnn.NMSBoxes(rectangles.tolist(), scores.tolist(), 0.0, overlap), np.intp).ravel()


def _in_pixels(polygon: Polygon, *, height: int, width: int) -> NDArray[np.int32]:
    """Fixed-point pixel centres: the fraction 0 is the outer edge of the first pixel within the border."""
    points = np.asarray(polygon, np.float64) * (width, height) + (_BORDER_PX - 0.5)
    return np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)


def small(picture: Picture, *, width: int) -> Picture:
    """The picture `width` wide, each pixel the mean of what it covers."""
    height = max(1, round(width * picture.shape[0] / picture.shape[1]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def as_png(picture: Picture) -> bytes:
    """The picture as a PNG file."""
    done, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError("the picture could not be encoded")
    return encoded.tobytes()


class DenseFlow:
    """Where each pixel went since the picture before, by DIS (Kroeger et al., ECCV 2016).

    The finest scale is half the picture and a few rounds of refinement follow: people of 30 pixels
    need both. Pictures are uint8 (height, width), of one size.
    """

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(1)
        self._dis.setVariationalRefinementIterations(_REFINEMENTS)

    def between(self, before: Picture, now: Picture) -> NDArray[np.float32]:
        """Pixels (x, y) by which what is at a pixel of `before` has moved, float32 (height, width, 2)."""
        flow = self._dis.calc(before, now, None)  # type: ignore[call-overload]
        return np.asarray(flow, np.float32)


def grey_of(picture: Picture, *, width: int) -> Picture:
    """A grey picture `width` wide, uint8 (height, width)."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if picture.shape[1] == width:
        return np.ascontiguousarray(grey)
    height = max(1, round(width * picture.shape[0] / picture.shape[1]))
    how = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, (width, height), interpolation=how))


def grey_at_most(picture: Picture, *, width: int) -> Picture:
    """A grey picture, `width` wide or as it is where it is smaller, uint8 (height, width)."""
    return grey_of(picture, width=min(width, picture.shape[1]))
