"""A real RTSP server with three cameras: /ball moves, /still does not, /locked wants a password.

Run by the system's Python, which has GStreamer's bindings: `python3 rtsp_server.py PORT` prints the
port that it serves (0 picks one) and serves until it is killed.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402 -- the versions come first

USER, PASSWORD = "piazza", "right"
PICTURES = "video/x-raw,format=I420,width=160,height=120,framerate=15/1"


def factory(pattern: str, *, users: tuple[str, ...]) -> GstRtspServer.RTSPMediaFactory:
    made = GstRtspServer.RTSPMediaFactory()
    made.set_launch(f"( videotestsrc is-live=true pattern={pattern} ! {PICTURES} ! jpegenc ! rtpjpegpay name=pay0 )")
    made.set_shared(True)
    allowed = GstRtspServer.RTSPPermissions()
    for role in ("anybody", "keeper"):
        allowed.add_role(role)
        allowed.add_permission_for_role(role, "media.factory.access", True)
        allowed.add_permission_for_role(role, "media.factory.construct", role in users)
    made.set_permissions(allowed)
    return made


def token(role: str) -> GstRtspServer.RTSPToken:
    made = GstRtspServer.RTSPToken()
    made.set_string("media.factory.role", role)
    return made


def main() -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(sys.argv[1])
    auth = GstRtspServer.RTSPAuth()
    auth.set_default_token(token("anybody"))
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(USER, PASSWORD), token("keeper"))
    server.set_auth(auth)
    points = server.get_mount_points()
    points.add_factory("/ball", factory("ball", users=("anybody", "keeper")))
    points.add_factory("/still", factory("smpte75", users=("anybody", "keeper")))
    points.add_factory("/locked", factory("ball", users=("keeper",)))
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


main()
