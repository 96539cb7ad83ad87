"""Finds pixels of known pictures in bytes: raw, scaled down, encoded, packed, or as an image file.

A trace is twelve bytes in a row (four pixels in colour, twelve in grey) that stand so in one of the
pictures, in any of its layouts and sizes. Bytes are also read as what they may encode: base64, hex,
lists of numbers, zlib and gzip, one within another.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Marks = NDArray[np.uint64]

LENGTH = 12
LEAST_DISTINCT = 5
"""A run of fewer different bytes is no mark: flat paint and padding look like anything."""
WIDTHS = (48, 32, 16)
DEPTH = 3
_MIXER = np.uint64(0x9E3779B97F4A7C15)
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_HEX = re.compile(rb"[0-9a-fA-F]{24,}")
_LIST = re.compile(rb"(?:\d{1,3}[,;\s]+){11,}\d{1,3}")
_PACKED = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_IMAGE = re.compile(rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP", re.DOTALL)


def marks(data: bytes) -> Marks:
    """A number for every run of LENGTH bytes that is peculiar enough."""
    run = np.frombuffer(data, np.uint8)
    if run.size < LENGTH:
        return np.zeros(0, np.uint64)
    rows = np.lib.stride_tricks.sliding_window_view(run, LENGTH)
    ordered = np.sort(rows, axis=1)
    peculiar = (np.diff(ordered, axis=1) != 0).sum(axis=1) + 1 >= LEAST_DISTINCT
    whole = np.ascontiguousarray(rows[peculiar])
    head = np.ascontiguousarray(whole[:, :8]).view("<u8").ravel()
    tail = np.ascontiguousarray(whole[:, 4:]).view("<u8").ravel()
    return np.asarray(head * _MIXER ^ tail, np.uint64)


def known(pictures: Iterable[Picture]) -> Marks:
    """All marks of the pictures, RGB uint8 (height, width, 3), in every layout and size; sorted."""
    found = [np.unique(np.concatenate([marks(one) for one in layouts(picture)])) for picture in pictures]
    return np.unique(np.concatenate(found))


def layouts(picture: Picture) -> Iterator[bytes]:
    """The picture as the bytes that somebody might write: colour orders, planes, grey; whole and smaller."""
    for one in chain([picture], smaller(picture)):
        yield one.tobytes()
        yield one[..., ::-1].tobytes()
        yield np.moveaxis(one, -1, 0).tobytes()
        yield cv2.cvtColor(one, cv2.COLOR_RGB2GRAY).tobytes()


def smaller(picture: Picture) -> Iterator[Picture]:
    """Copies that are scaled down."""
    height, width = picture.shape[:2]
    for wide in (wide for wide in WIDTHS if wide < width):
        for how in (cv2.INTER_AREA, cv2.INTER_NEAREST):
            yield np.asarray(cv2.resize(picture, (wide, round(height * wide / width)), interpolation=how), np.uint8)


def traces(data: bytes, of: Marks) -> int:
    """How many traces of the pictures are in the data, and images of whatever kind."""
    return sum(_runs(one, of) + _images(one) for one in readings(data))


def readings(data: bytes, *, depth: int = DEPTH) -> Iterator[bytes]:
    """The data, and everything that its parts may encode."""
    yield data
    if depth:
        for inner in chain(_spelled(data), _unpacked(data)):
            yield from readings(inner, depth=depth - 1)


def _runs(data: bytes, of: Marks) -> int:
    found = marks(data)
    places = np.minimum(np.searchsorted(of, found), of.size - 1)
    return int(np.count_nonzero(of[places] == found))


def _images(data: bytes) -> int:
    """Image files that can be decoded; three bytes of a beginning alone may be chance."""
    count = 0
    for match in _IMAGE.finditer(data):
        with suppress(cv2.error):
            count += cv2.imdecode(np.frombuffer(data[match.start() :], np.uint8), cv2.IMREAD_COLOR) is not None
    return count


def _spelled(data: bytes) -> Iterator[bytes]:
    """What runs of letters and figures may spell, wherever a group of them begins."""
    for match in _BASE64.finditer(data):
        for start in range(4):
            text = match[0][start:].translate(bytes.maketrans(b"-_", b"+/"))
            yield base64.b64decode(text[: len(text) // 4 * 4])
    for match in _HEX.finditer(data):
        for start in range(2):
            yield bytes.fromhex(match[0][start : start + (len(match[0]) - start) // 2 * 2].decode())
    for match in _LIST.finditer(data):
        yield bytes(number for number in map(int, re.findall(rb"\d+", match[0])) if number < 256)


def _unpacked(data: bytes) -> Iterator[bytes]:
    for match in _PACKED.finditer(data):
        with suppress(zlib.error):
            yield zlib.decompressobj(wbits=47).decompress(data[match.start() :], 1 << 20)
