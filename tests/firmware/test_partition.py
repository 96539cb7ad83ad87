"""The card gets its data partition at the first boot, whenever the supply fails while it is made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.provision.image import firmware_folder

SCRIPT = firmware_folder() / "boot/partition"
CARD_MB, DATA_MB, ROOT = 160, 32, 2
BOOT_SECTORS, ROOT_BEGIN, ROOT_SECTORS = 32768, 40960, 65536
STEPS = ("sync", "sfdisk", "mkfs.ext4", "rm")
"""Programs that change the card or wait until it is changed."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card as it is after flashing: FAT, and a root that is small; `tools` holds programs that fail when they are told to."""

    image: Path
    script: Path
    tools: Path

    def boots(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """The first boot's call; with FAILS=PROGRAM the supply goes as that program begins, with AFTER=1 as it ends."""
        path = f"{self.tools}:{os.environ['PATH']}:/usr/sbin:/sbin"
        return subprocess.run(
            ["sh", str(self.script), str(DATA_MB), str(self.image), str(ROOT)],
            env={**os.environ, "PATH": path, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def partitions(self) -> list[tuple[int, int]]:
        """Begin and size of each, in sectors."""
        said = subprocess.check_output([found("sfdisk"), "--dump", str(self.image)], text=True)
        return [(int(one[1]), int(one[2])) for one in re.finditer(r"start= *(\d+), size= *(\d+)", said)]

    def label(self, number: int) -> str:
        begin, _ = self.partitions()[number - 1]
        command = [found("blkid"), "--probe", "--offset", str(begin * 512), "--output", "value", "--match-tag", "LABEL"]
        return subprocess.run([*command, str(self.image)], capture_output=True, text=True, check=False).stdout.strip()

    def is_whole(self) -> bool:
        """PIAZZA fills the end of the card, and the root reaches up to it."""
        _, root, data = self.partitions()
        return root[0] + root[1] == data[0] and data[1] == DATA_MB * 2048 and self.label(3) == "PIAZZA"


ON_A_DISK = """set -e
disk=$(losetup --find --show "$1")
trap 'umount "$3/root" "$3/data" 2>/dev/null || true; partx --delete "$disk"; losetup --detach "$disk"' EXIT
partx --add "$disk"
mkdir "$3/root" "$3/data"
echo here >"$3/root/file"
mkfs.ext4 -q -d "$3/root" "${disk}p2"
sh "$2" 32 "$disk" 2
sh "$2" 32 "$disk" 2
mount "${disk}p2" "$3/root"
mount "${disk}p3" "$3/data"
stat --file-system --format "%S %b" "$3/root" "$3/data"
cat "$3/root/file"
"""
"""The same on a disk of the kernel, in a name space of its own. A root in use grows in `tests/vm/ready.py`, which may do that."""


def found(program: str) -> str:
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert path, f"{program} is not here: see requirements/apt.txt"
    return path


@pytest.fixture
def card(tmp_path: Path) -> Card:
    image, boot, tools = tmp_path / "card.img", tmp_path / "boot", tmp_path / "tools"
    with image.open("wb") as file:
        file.truncate(CARD_MB << 20)
    table = f"label: dos\nstart=8192, size={BOOT_SECTORS}, type=c\nstart={ROOT_BEGIN}, size={ROOT_SECTORS}, type=83\n"
    subprocess.run([found("sfdisk"), "--quiet", str(image)], input=table, text=True, check=True)
    boot.mkdir()
    tools.mkdir()
    shutil.copy(SCRIPT, boot / "partition")
    for name in STEPS:
        tool = tools / name
        tool.write_text(
            f'#!/bin/sh\n[ "$FAILS" != {name} ] || [ -n "$AFTER" ] || kill -9 $PPID\n{found(name)} "$@"\ncode=$?\n'
            f'[ "$FAILS" != {name} ] || kill -9 $PPID\nexit $code\n'
        )
        tool.chmod(0o755)
    return Card(image, boot / "partition", tools)


def test_a_card_gets_its_partition_and_the_root_what_is_before_it(card: Card):
    done = card.boots()
    assert done.returncode == 0, done.stderr
    assert card.is_whole()
    assert card.partitions()[:1] == [(8192, BOOT_SECTORS)]


def test_another_boot_changes_nothing(card: Card):
    card.boots()
    before = card.image.read_bytes()
    assert "PIAZZA" in card.boots().stdout
    assert card.image.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("fails", STEPS)
@pytest.mark.parametrize("after", ["", "1"], ids=["before", "after"])
def test_a_supply_that_fails_at_any_step_leaves_what_the_next_boot_ends(card: Card, fails: str, after: str):
    assert card.boots(FAILS=fails, AFTER=after).returncode == -9
    done = card.boots()
    assert done.returncode == 0, done.stderr
    assert card.is_whole()


def test_a_root_that_fills_the_card_stays_as_it_is(card: Card):
    with card.image.open("r+b") as file:
        file.truncate((ROOT_BEGIN + ROOT_SECTORS) * 512)
    before = card.image.read_bytes()
    done = card.boots()
    assert (done.returncode, card.image.read_bytes()) == (0, before)
    assert "the root fills" in done.stdout
    assert "stick" in done.stdout


@pytest.mark.parametrize("label", ["", "HOLIDAYS"])
def test_a_partition_that_is_somebody_else_s_is_never_written_to(card: Card, label: str):
    begin = ROOT_BEGIN + ROOT_SECTORS
    table = f"start={begin}, size=65536, type=83\n"
    subprocess.run([found("sfdisk"), "--quiet", "--append", str(card.image)], input=table, text=True, check=True)
    if label:
        command = [found("mkfs.ext4"), "-q", "-F", "-L", label, "-E", f"offset={begin * 512}", str(card.image), "32M"]
        subprocess.run(command, check=True)
    before = card.image.read_bytes()
    done = card.boots()
    assert (done.returncode, card.image.read_bytes()) == (0, before)
    assert "somebody else's" in done.stdout


@pytest.mark.slow
def test_on_a_disk_the_root_s_own_file_system_grows_too(card: Card, tmp_path: Path):
    if os.geteuid() or subprocess.run(["losetup", "--find"], capture_output=True, check=False).returncode:
        pytest.skip("a loop device wants root, and a kernel that has them")
    run = ["unshare", "--mount", "sh", "-c", ON_A_DISK, "sh", str(card.image), str(card.script), str(tmp_path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    root, data, kept = done.stdout.splitlines()[-3:]
    assert kept == "here"
    block, blocks = map(int, root.split())
    assert block * blocks > (CARD_MB - DATA_MB - 40) << 20
    assert data.split()[0] == "1024"
