"""F5, the part of carrying: link is killed (-9) at every chunk of a model of 5 MB, and goes on with the next one.

    python -m tests.faults.f05_chunk_kills [--count N] [--seed N] [--json]

A real link fetches the model's chunks from mosquitto over TLS, through a proxy that lets one chunk take a fifth of
a second. Once so many chunks lie on the shelf it is killed, at a random moment of the next one, and started again;
`--count` indices are gone through, all of them where it is not less. What the broker has sent is read from its log:
a chunk that lay on the shelf at a kill must not be sent once more after it (`fetched_twice`). At the end the node's
own update process must find the model whole and the order in order (`not_verified`). An index at which no kill fell
is `missed`, a chunk of which the log knows nothing `unseen`: then nothing would have been looked at.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.commands.places import CLOCK, wait
from tests.faults import row
from tests.faults.tools.proxy import Proxy, Weather
from tests.ota.place import WIDER, Whole, whole

BAD = ("fetched_twice", "not_verified", "missed", "unseen")
MODEL_BYTES = 5_000_000
CHUNKS = 40
"""Of the model, which are 39, and the configuration itself."""

CHUNK_S = 0.2
LINE = Weather(bytes_per_s=131_072 / CHUNK_S)
TRANSFERS = 8
"""A machine that is busy elsewhere may see two chunks come at once; the index between is then met in another transfer."""

_SENT = re.compile(r"Sending PUBLISH to \S+ \(.*/all/ota/([0-9a-f]{32})'")


@dataclass
class Carrying:
    """One node's link, its broker and the line between."""

    made: Whole
    config: Path
    wished: frozenset[str]
    randomness: random.Random
    kills: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    """For each kill, how long the broker's log was by then, and the chunks that lay on the shelf."""

    @property
    def shelf(self) -> Path:
        return self.made.place.state / "shelf"

    def stored(self) -> frozenset[str]:
        return self.wished & {path.name for path in self.shelf.iterdir()}

    def carry(self, indices: set[int]) -> set[int]:
        """Fetch everything once, killed when so many chunks lie there; how many did at each kill."""
        for name in self.stored():
            (self.shelf / name).unlink()
        self.kills.clear()
        for index in sorted(indices):
            if len(self.stored()) >= index:
                continue  # one more came before the kill before this
            link = self.start()
            wait(lambda: len(self.stored()) >= index, at_most_s=120.0)  # noqa: B023 -- waited for at once
            CLOCK.sleep(self.randomness.uniform(0.0, CHUNK_S / 2))
            link.kill()
            link.wait()
            self.kills.append((len(self.made.broker.log), self.stored()))
        return {len(stored) for _, stored in self.kills}

    def complete(self) -> None:
        """Let link fetch what is left."""
        link = self.start()
        wait(lambda: self.stored() == self.wished, at_most_s=120.0)
        link.kill()
        link.wait()

    def start(self) -> subprocess.Popen[bytes]:
        return self.made.place.start("link", "--config", str(self.config))

    def twice(self) -> int:
        """Chunks that the broker sent although they lay on the shelf when link was killed."""
        return sum(name in stored for at, stored in self.kills for name in sent(self.made.broker.log[at:]))


def sent(log: list[str]) -> Iterator[str]:
    """The chunks that a broker's log says it has sent."""
    yield from (found[1] for line in log if (found := _SENT.search(line)))


def run(*, count: int, seed: int) -> Counter[str]:
    """`count` indices of the transfer, spread evenly over it."""
    counts: Counter[str] = Counter(indices=0, kills=0, transfers=0, **dict.fromkeys(BAD, 0))
    count = min(count, CHUNKS)
    indices = {round((number + 1) * CHUNKS / count) for number in range(count)}
    counts["indices"] = len(indices)
    with tempfile.TemporaryDirectory() as place, whole(Path(place) / "node") as made, Proxy(made.broker.port) as proxy:
        proxy.weather = LINE
        carrying = prepared(made, proxy.port, random.Random(seed))
        while indices and counts["transfers"] < TRANSFERS:
            counts["transfers"] += 1
            indices -= carrying.carry(indices)
            counts["kills"] += len(carrying.kills)
            carrying.complete()
            counts["fetched_twice"] += carrying.twice()
        counts["missed"] = len(indices)
        counts["unseen"] = len(carrying.wished - set(sent(made.broker.log)))
        checked = made.piazza("ota", "check", "--config", str(made.folder / "node.yaml"))
        counts["not_verified"] += checked.stdout != "order 1: verified\n"
    return counts


def prepared(made: Whole, port: int, randomness: random.Random) -> Carrying:
    """An order with a model published, its chunks wished for, none of them fetched."""
    made.broker.stop()
    made.broker.more = "log_type debug"
    made.broker.start()
    made.order(made.config(mask=WIDER), files={"model.tflite": random.Random(1).randbytes(MODEL_BYTES)})
    published = made.publish()
    assert published.returncode == 0, published.stderr
    document = json.loads((made.folder / "node.yaml").read_text())
    document["uplink"]["broker"]["port"] = port
    config = made.folder / "link.yaml"
    config.write_text(json.dumps(document))
    link = made.place.start("link", "--config", str(config))
    wait((made.place.state / "shelf" / "bundle").is_file, at_most_s=60.0)
    link.kill()
    link.wait()
    checked = made.piazza("ota", "check", "--config", str(made.folder / "node.yaml"))
    assert checked.stdout == "order 1: fetching\n", checked.stderr
    wished = frozenset((made.ota / "wishes").read_text().split())
    assert len(wished) == CHUNKS, len(wished)
    return Carrying(made, config, wished, randomness)


if __name__ == "__main__":
    raise SystemExit(row.main("F5 chunk kills", run, count=CHUNKS, targets=BAD))
