"""What all tests share: where the real data is, and a clear word when it is not there."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("piazza", deadline=None, max_examples=50)  # a busy machine is no failure
hypothesis.settings.load_profile("piazza")

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real videos and series; tests that need it skip where it is absent."""
    named = os.environ.get("PIAZZA_DATA")
    folder = Path(named) if named else CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}: set PIAZZA_DATA to the data folder")
    return folder
