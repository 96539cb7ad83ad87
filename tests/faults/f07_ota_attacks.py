"""F7: a table of attacks on updates; each ends with its own refusal, and the node runs what it ran.

    python -m tests.faults.f07_ota_attacks [--count N] [--seed N] [--json] [--table]

`--count` is how often the table is gone through; `--table` prints each attack with the word it ended with.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from agent.ota.update import TRIAL_S
from tests.faults import row
from tests.ota.attacks import ATTACKS, Scene, copied, stage

BAD = ("another_refusal", "something_else_runs")


def run(*, count: int, seed: int) -> Counter[str]:
    """The whole table, `count` times; the seed changes nothing, for nothing is left to chance."""
    del seed
    counts: Counter[str] = Counter(attacks=len(ATTACKS) * count, refused_as_expected=0, **dict.fromkeys(BAD, 0))
    for _ in range(count):
        for _title, expected, found, kept in ended():
            counts["refused_as_expected" if found == expected else "another_refusal"] += 1
            counts["something_else_runs"] += not kept
    return counts


def ended() -> Iterator[tuple[str, str, str, bool]]:
    """Each attack: what it is, how it should end, how it does, and whether the node still runs what it ran."""
    with tempfile.TemporaryDirectory(dir=row.MEMORY) as place:
        scene = stage(Path(place) / "first")
        for number, (title, (expected, attack)) in enumerate(ATTACKS.items()):
            spoiled = copied(scene, Path(place) / str(number))
            attack(spoiled)
            yield title, expected, *_judged(spoiled)


def _judged(scene: Scene) -> tuple[str, bool]:
    """The word with which the newest update or offer ended, and whether anything but right orders runs."""
    before = scene.node.runs()
    attempt = scene.node.steps()
    scene.node.at += TRIAL_S
    scene.node.steps()
    return attempt.why, scene.node.runs() == before


def table() -> int:
    wrong = 0
    for title, expected, found, kept in ended():
        good = found == expected and kept
        wrong += not good
        print(
            f"{'ok ' if good else 'BAD'} {title:76} {found or 'stays as it is'}" + ("" if good else f" != {expected}")
        )
    return wrong


if __name__ == "__main__":
    if "--table" in sys.argv:
        raise SystemExit(1 if table() else 0)
    raise SystemExit(row.main("F7 OTA attacks", run, count=1, targets=BAD))
