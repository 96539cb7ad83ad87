"""Draws the pictures of the technician's guide: the page of commissioning on a phone, in Chromium.

    .venv/bin/python -m tests.aim.screens docs/img

The place is a drawing, the numbers are made up, the page is the real one.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import cv2
import numpy as np

from agent.aim.desk import AimDesk
from agent.aim.server import AimServer
from agent.clock import SystemClock
from agent.provision.bench import Bench
from agent.provision.ca import Authority, TlsFiles
from tests.aim.test_aim import CODE, DOCUMENT, LOCK, a_whole_visit, facts

SIZES = {"start": (430, 1500), "done": (430, 1500)}


def a_place(path):
    """Sky, houses, a paved place with a fountain, 96 pixels wide as sense would draw it."""
    picture = np.full((54, 96, 3), (235, 215, 190), np.uint8)
    picture[14:30] = (150, 170, 200)
    for left in (6, 30, 54, 78):
        picture[17:24, left : left + 8] = (90, 90, 110)
    picture[30:] = (150, 155, 160)
    cv2.circle(picture, (60, 42), 6, (200, 180, 120), -1)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def shot(folder, out, name, site):
    keys = Path(folder) / name
    bench = Bench.make(keys, at=SystemClock().now())
    files = TlsFiles(keys / "node.pem", keys / "node.key")
    Authority(bench.folder / "ca").server(files, ["localhost"], at=SystemClock().now(), days=1)
    (keys / "node.yaml").write_text(DOCUMENT)
    a_place(keys / "backdrop-gate.png")
    desk = AimDesk(
        facts=lambda _at: facts(), lock=LOCK, clock=SystemClock(), document=keys / "node.yaml", folder=keys / "run",
        contacts=("lid",), zones=("yard",),
    )  # fmt: skip
    desk.folder.mkdir()
    shutil.copy(keys / "backdrop-gate.png", desk.folder)
    if site:
        desk.site = site
    server = AimServer(("127.0.0.1", 0), files, desk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    width, height = SIZES[name]
    subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--ignore-certificate-errors", "--disable-gpu", "--accept-lang=en",
            f"--user-data-dir={keys}/phone", f"--window-size={width},{height}", "--virtual-time-budget=6000", "--hide-scrollbars",
            f"--screenshot={out / f'aim-{name}.png'}", f"https://localhost:{server.server_port}/#{CODE.text}",
        ], check=True, capture_output=True,
    )  # fmt: skip
    server.shutdown()


def main(out):
    with tempfile.TemporaryDirectory() as folder:
        shot(folder, out, "start", None)
        shot(folder, out, "done", a_whole_visit())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
