"""The sieve of support bundles: canaries of every kind go in, none comes out, and what support needs stays."""

from __future__ import annotations

import base64
import os

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.contract.jws import Signer
from agent.provision.ca import new_request
from agent.provision.sieve import GONE, LONGEST, MOST, sieved

WORD = "korrekt-pferd-batterie"


def a_picture(kind):
    drawn = np.random.default_rng(7).integers(0, 255, (40, 40, 3), np.uint8)
    return cv2.imencode(kind, drawn)[1].tobytes()


SECRETS = {
    "of a Wi-Fi": f"ssid=Piazza\npsk={WORD}\n",
    "in YAML": f"password: {WORD}\n",
    "in quotes": f'wifi_passphrase: "{WORD} and more"\n',
    "in JSON": f'{{"a": 1, "token": "{WORD}", "b": 2}}',
    "of a camera": f"source: rtsp://admin:{WORD}@192.168.7.20/stream\n",
    "in a command line": f"ffmpeg --api-key={WORD} out\n",
    "of a label": f"opened https://n-0017.local:8443/#{WORD}\n",
    "with another name around it": f"MQTT_PASSWORD_OLD={WORD}\n",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=list(SECRETS))
def test_a_secret_is_taken_out_and_its_name_stays(text):
    left = sieved(text.encode())
    assert left is not None
    assert WORD not in left
    assert GONE in left


def test_a_private_key_is_taken_out_even_where_its_end_is_missing(tmp_path):
    new_request(tmp_path / "key.pem", "n")
    key = (tmp_path / "key.pem").read_text()
    assert sieved(f"before\n{key}after\n".encode()) == f"before\n{GONE}\nafter\n"
    assert sieved(f"before\n{key[:90]}".encode()) == f"before\n{GONE}"


def test_a_signed_envelope_is_taken_out():
    token, _ = Signer(bytes(32)).seal(b'{"specversion": "1.0", "type": "evt"}')
    left = sieved(f"refused {token} why\n".encode())
    assert left == f"refused {GONE} why\n"


@pytest.mark.parametrize("kind", [".png", ".jpg", ".bmp"])
def test_a_picture_is_no_text_and_left_out_whole(kind):
    assert sieved(a_picture(kind)) is None


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.b16encode])
def test_an_encoded_picture_is_taken_out(encode):
    left = sieved(b"frame: " + encode(a_picture(".png")) + b"\nnext\n")
    assert left is not None
    assert len(left) < 40
    assert left.endswith("next\n")


def test_a_picture_as_lines_of_hex_or_numbers_is_taken_out():
    pixels = np.random.default_rng(7).integers(0, 255, 30_000)
    left = sieved(" ".join(f"{value:02x}" for value in pixels).encode())
    assert left is not None
    assert len(left) < 100
    rows = "\n".join(" ".join(map(str, pixels[start : start + 20])) for start in range(0, 2000, 20))
    assert len(str(sieved(rows.encode()))) < 100
    left = sieved(("[" + ", ".join(map(str, pixels)) + "]\n").encode())
    assert left is not None
    assert len(left) < 200


def test_what_support_needs_stays():
    text = '{"at": 1767225600.125, "level": "info", "log": "agent.camera.video", "text": "camera opened"}\n'
    config = "cameras:\n  - id: gate\n    input: {driver: picamera2, fps: 5}\n    view: {masks: [[[0.0, 0.0], [1.0, 0.5]]]}\n"
    assert sieved((text + config).encode()) == text + config


@pytest.mark.slow
def test_of_a_long_log_the_end_is_kept():
    left = sieved(b"old line\n" * (MOST // 8) + b"the fault\n")
    assert left is not None
    assert left.endswith("the fault\n")
    assert len(left) <= MOST


@pytest.mark.slow
@settings(max_examples=25)
@given(st.binary(min_size=LONGEST, max_size=4 * LONGEST))
def test_no_long_run_of_random_bytes_passes(content):
    """However it is encoded on the way, what is left of 2,000 random bytes would not make a thumbnail."""
    for encoded in (content, base64.b64encode(content), content.hex().encode()):
        left = sieved(encoded)
        assert left is None or len(left) < len(GONE) * 4 or set(encoded) <= set(b"\n\r\t ")


HOSTILE = ["password", "token ", "http://", "rtsp://a#", "-----BEGIN A", "token='", "1 ", "aa:", "eyJ", "://a"]


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("word", HOSTILE)
def test_words_that_were_chosen_to_hold_us_up_do_not(word):
    """A broker says the topics that stand in a log; patterns that go back and forth would take minutes over these."""
    assert sieved((word * (MOST // len(word))).encode()) is not None


def test_random_keys_of_any_length_are_taken_out():
    for length in (70, 100, 1000):
        key = base64.b64encode(os.urandom(length)).decode()
        assert key not in str(sieved(f"k {key}\n".encode()))
