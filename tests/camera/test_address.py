"""What a source text means."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.camera.address import Kind, allowed_addresses, host_and_port, source, source_settings
from agent.errors import CameraError


def nobody(_host: str) -> list[str]:
    return []


@pytest.mark.parametrize(
    ("text", "kind", "loops"),
    [
        ("clips/vtest.avi", Kind.FILE, True),
        ("/srv/video.mp4", Kind.FILE, True),
        ("/dev/video0", Kind.DEVICE, False),
        ("rtsp://192.0.2.7/live", Kind.RTSP, False),
        ("RTSPS://cam:pw@host.example:8554/a/b?c=1", Kind.RTSP, False),
    ],
)
def test_a_text_names_a_file_a_device_or_an_address(text: str, kind: Kind, *, loops: bool):
    assert source(text).kind is kind
    assert source_settings(text).loop is loops


@pytest.mark.parametrize("text", ["http://host/x", "rtsp://", "rtsp://a b/x", "rtmp://host/x", "rtsp://host:port/x"])
def test_another_kind_of_address_is_refused_with_a_hint(text: str):
    with pytest.raises(CameraError) as caught:
        source(text)
    assert "rtsp://host/path" in caught.value.hint


def test_a_video_file_in_memory_is_a_file_although_it_lies_with_the_devices(tmp_path_factory: pytest.TempPathFactory):
    """Clips are often put into /dev/shm; a device that is not plugged in must still be asked for as one."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        pytest.skip("no writable /dev/shm here")
    clip = shared / f"{tmp_path_factory.getbasetemp().name}-{os.getpid()}.avi"
    assert source(str(clip)).kind is Kind.DEVICE
    clip.touch()
    try:
        assert source(str(clip)).kind is Kind.FILE
    finally:
        clip.unlink()


def test_a_password_is_never_shown():
    shown = str(source("rtsp://admin:hunter2@192.0.2.7/live"))
    assert shown == "rtsp://192.0.2.7/live"


@pytest.mark.parametrize("text", ["rtsp://admin:hunter2@host:port/x", "http://admin:hunter2@host/x"])
def test_not_even_in_an_error(text: str):
    with pytest.raises(CameraError) as caught:
        source(text)
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("rtsp://192.0.2.7/live", "192.0.2.7", 554),
        ("rtsps://cam.example/live", "cam.example", 322),
        ("rtsp://me:pw@[2001:db8::7]:8554/live", "2001:db8::7", 8554),
        ("rtsp://cam", "cam", 554),
    ],
)
def test_host_and_port_are_read_from_the_address(text: str, host: str, port: int):
    assert host_and_port(text) == (host, port)


def test_a_numeric_address_needs_no_name_server():
    assert allowed_addresses("rtsp://192.0.2.7/live", nobody) == ("192.0.2.7",)
    assert allowed_addresses("rtsp://[2001:DB8::7]/live", nobody) == ("2001:db8::7",)


def test_a_name_allows_every_address_that_it_has():
    known = {"cam.example": ["192.0.2.9", "192.0.2.8", "192.0.2.9"]}
    assert allowed_addresses("rtsp://cam.example/live", known.__getitem__) == ("192.0.2.8", "192.0.2.9")


def test_an_unknown_name_allows_nothing():
    with pytest.raises(CameraError, match=r"no address is known for cam\.example"):
        allowed_addresses("rtsp://cam.example/live", nobody)


@pytest.mark.parametrize("answer", ["0.0.0.0", "::", "224.0.0.1", "any", "0.0.0.0/0", "192.0.2.7\nIPAddressAllow=any"])
def test_an_answer_that_would_open_more_than_the_camera_is_refused(answer: str):
    with pytest.raises(CameraError):
        allowed_addresses("rtsp://cam.example/live", lambda _host: [answer])


@given(st.from_regex(r"[a-z]{0,5}(://)?[ -~]{0,30}", fullmatch=True))
def test_any_text_is_a_source_or_refused_with_a_hint(text: str):
    kind = refused = None
    try:
        kind = source(text).kind
    except CameraError as error:
        refused = error.hint
    assert kind or refused
