"""What the `source` of a video camera means: a file, a V4L2 device or an RTSP address.

Nothing is opened and no name is looked up here. A password in an address is never
shown again.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from agent.camera.settings import VideoSettings
from agent.errors import CameraError

RTSP_PORTS = {"rtsp": 554, "rtsps": 322}
"""Scheme -> the port where an address names none (RFC 7826, sections 4.2 and 22.14)."""

_ADDRESS = re.compile(
    r"(?P<scheme>rtsps?)://(?:(?P<login>[^@/]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:/@\[\]\s]+)(?::(?P<port>\d{1,5}))?(?P<path>/\S*)?",
    re.IGNORECASE,
)


class Kind(Enum):
    """What stands behind a source."""

    FILE = auto()
    DEVICE = auto()
    RTSP = auto()


@dataclass(frozen=True, slots=True)
class Source:
    """A source whose kind is known; `str()` of it is fit for a log."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return re.sub(r"(?<=://)[^@/]*@", "", self.text)

    @property
    def live(self) -> bool:
        """Whether pictures come as they happen and cannot be asked for again."""
        return self.kind is not Kind.FILE


def source(text: str) -> Source:
    """The source that `text` names; CameraError for an address of another kind."""
    if "://" in text:
        if not _ADDRESS.fullmatch(text):
            raise CameraError(
                f"{Source(Kind.RTSP, text)}: not a camera's address",
                hint="give rtsp://host/path, a device such as /dev/video0, or a video file",
            )
        return Source(Kind.RTSP, text)
    return Source(Kind.DEVICE if text.startswith("/dev/") and not Path(text).is_file() else Kind.FILE, text)


def source_settings(text: str) -> VideoSettings:
    """The settings of whatever somebody typed after `CAMERA=`: a file is played in a loop."""
    return VideoSettings(source=text, loop=not source(text).live)


def host_and_port(text: str) -> tuple[str, int]:
    """The host and the TCP port that an RTSP address names; CameraError for anything else."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise CameraError(f"{source(text)}: not an RTSP address", hint="give rtsp://host/path")
    host, port = match["host"].strip("[]"), match["port"]
    return host, int(port) if port else RTSP_PORTS[match["scheme"].lower()]


def allowed_addresses(text: str, resolve: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """The IP addresses of the camera behind an RTSP address, for `IPAddressAllow=`.

    `resolve` is asked only for a name; CameraError when it knows none, or when one of its answers is
    no single host (a wildcard or group address would open more than the camera).
    """
    host, _ = host_and_port(text)
    found = sorted(set(_literal(host) or resolve(host)))
    if not found or any(_literal(one) is None for one in found):
        raise CameraError(f"{source(text)}: no address is known for {host}", hint="give the camera's IP address")
    for one in found:
        if (address := ipaddress.ip_address(one)).is_unspecified or address.is_multicast:
            raise CameraError(f"{source(text)}: {one} is not one camera", hint="give the camera's own IP address")
    return tuple(found)


def _literal(host: str) -> tuple[str] | None:
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return None


def filled_in(template: str, addresses: Iterable[str]) -> str:
    """The unit's drop-in for RTSP with the cameras' addresses; CameraError for what is no address.

    With no address at all nothing may be installed, since an empty list would read as "no change".
    """
    listed = sorted(set(addresses))
    if not listed or any(_literal(one) is None for one in listed):
        raise CameraError("the cameras' IP addresses are not known", hint="give each camera's IP address")
    return template.replace("@CAMERAS@", " ".join(listed))
