"""One union for all tests of updates, made once and copied: making its keys and signatures takes longer than a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.ota.authority import Authority
from tests.ota.town import AT, Union


@pytest.fixture(scope="session")
def first_union(tmp_path_factory: pytest.TempPathFactory) -> Union:
    return Union(tmp_path_factory.mktemp("union"))


@pytest.fixture
def union(first_union: Union, tmp_path: Path) -> Union:
    """A copy in the test's own folder."""
    shutil.copytree(first_union.folder, tmp_path, dirs_exist_ok=True)
    return copied(first_union, tmp_path)


def copied(before: Union, folder: Path) -> Union:
    made = object.__new__(Union)
    made.folder, made.at, made.comuni = folder, AT, before.comuni
    made.authority = Authority(folder / "authority")
    return made
