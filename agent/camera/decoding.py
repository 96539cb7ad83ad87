"""Opening and decoding video; the only import of PyAV.

Every failure of the library comes out as a CameraError that says what to do. Sound is never
fetched, and a file can never make the library open anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import (
    ArgumentError,
    ExitError,
    FFmpegError,
    HTTPForbiddenError,
    HTTPNotFoundError,
    HTTPUnauthorizedError,
    InvalidDataError,
)
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from agent.camera.address import Kind, Source
from agent.camera.pictures import Picture
from agent.errors import CameraError

BROKEN_PACKETS = 100
"""So many in a row that cannot be decoded end a stream."""


FILMS = "mov,matroska,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,mjpeg,flv,asf,ogg,ivf,obu,av1,gif,yuv4mpegpipe,nut,mxf,dv"
"""Kinds of files that hold films. The library would draw a text as one, too, so nothing else is tried."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A decoded picture, not yet converted; `t` is seconds since the first one."""

    t: float
    frame: VideoFrame
    converter: VideoReformatter
    most_wide: int | None

    def rgb(self) -> Picture:
        """The picture as (height, width, 3) RGB, scaled down in proportion where it is too wide."""
        width, height = self.frame.width, self.frame.height
        if self.most_wide and self.most_wide < width:
            width, height = self.most_wide, max(2, round(height * self.most_wide / width))
        converted = self.converter.reformat(self.frame, width, height, "rgb24", interpolation="BILINEAR")
        return converted.to_ndarray().astype(np.uint8, copy=False)


class Video:
    """One opened source; CameraError from the constructor when it cannot be opened."""

    def __init__(self, source: Source, *, timeout_s: float, width: int | None = None) -> None:
        self._source, self._width = source, width
        self._converter = VideoReformatter()
        try:
            self._container = _opened(source, timeout_s)
        except FFmpegError as error:
            raise _explained(error, source) from error
        if not self._container.streams.video:
            self._container.close()
            raise CameraError(f"{source}: holds no picture, only sound or data", hint="give a video")
        self._stream: VideoStream = self._container.streams.video[0]
        self._period = 1.0 / float(self._stream.average_rate or 25)

    @property
    def period_s(self) -> float:
        """The usual time between two frames."""
        return self._period

    def shots(self) -> Iterator[Shot]:
        """What can be decoded, in order of time; damaged parts are left out.

        Ends with the stream; CameraError when it breaks off, times out or is nothing but damage.
        """
        first = last = None
        try:
            for frame in self._frames():
                t = _time(frame, after=last, period_s=self._period)
                first = t if first is None else first
                if last is None or t > last:
                    last = t
                    yield Shot(t - first, frame, self._converter, self._width)
        except FFmpegError as error:
            raise _explained(error, self._source) from error
        if first is None:
            raise CameraError(f"{self._source}: not one picture of it can be decoded", hint="give another video")

    def close(self) -> None:
        self._container.close()

    def _frames(self) -> Iterator[VideoFrame]:
        broken = 0
        for packet in self._container.demux(self._stream):
            try:
                frames = packet.decode()
            except InvalidDataError:
                broken += 1
                if broken >= BROKEN_PACKETS:
                    raise
                continue
            broken = 0
            yield from (frame for frame in frames if isinstance(frame, VideoFrame) and not frame.is_corrupt)


def _time(frame: VideoFrame, *, after: float | None, period_s: float) -> float:
    """The frame's own time, or one period after the last where the container gives none."""
    if frame.pts is not None:
        return frame.time
    return 0.0 if after is None else after + period_s


def _opened(source: Source, timeout_s: float) -> InputContainer:
    if source.kind is Kind.RTSP:
        options = {"rtsp_transport": "tcp", "allowed_media_types": "video", "fflags": "nobuffer"}
        return av.open(source.text, options=options, timeout=(timeout_s, timeout_s))
    if source.kind is Kind.DEVICE:
        return av.open(source.text, format="v4l2")
    path = Path(source.text).absolute()
    return av.open(f"file:{path}", options={"protocol_whitelist": "file", "format_whitelist": FILMS})


_Said = tuple[type[Exception], str, str]
_THINGS = {
    Kind.FILE: ("this file", "give the path of a video file"),
    Kind.DEVICE: ("this device", "plug the camera in and look at `ls /dev/video*`"),
    Kind.RTSP: ("this camera", "check that it has power and network, and its address, port and path"),
}
_SAID: tuple[_Said, ...] = (
    (FileNotFoundError, "does not exist", ""),
    (IsADirectoryError, "is a folder", ""),
    (PermissionError, "may not be read", "let its user read it; a device wants the group `video`"),
    (ConnectionRefusedError, "refuses connections", ""),
    (HTTPUnauthorizedError, "asks for another password", "write rtsp://name:password@host/path"),
    (HTTPForbiddenError, "does not let this user in", "write rtsp://name:password@host/path"),
    (HTTPNotFoundError, "has no stream under this path", "look the path up in the camera's manual"),
    (ExitError, "does not answer", ""),
    (TimeoutError, "does not answer", ""),
    (InvalidDataError, "gives no video that can be read", ""),
    (ArgumentError, "gives no video that can be read", ""),
)


def _explained(error: FFmpegError, source: Source) -> CameraError:
    """The library's error in words, by what kind of source it was."""
    thing, usual = _THINGS[source.kind]
    known = ((said, hint) for kind, said, hint in _SAID if isinstance(error, kind))
    said, hint = next(known, (f"cannot be read: {error.strerror}", ""))
    return CameraError(f"{source}: {thing} {said}", hint=hint or usual)
