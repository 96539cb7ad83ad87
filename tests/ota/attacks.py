"""What somebody with a broker, a stick, a stolen key or a place in a committee can put before a node.

Each attack changes what lies on the shelf of a node that runs order 1, and says what must come of it:
the word of refusal, and that the node still runs what it ran.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from agent.ota import bundle, drafts, keys, metadata, publish
from agent.ota.approval import Consent
from agent.ota.authority import DAY_S
from agent.ota.bundle import Bundle
from agent.ota.metadata import Committee, Target
from tests.ota.town import AT, GOOD, LISTENING, MASK, NAME, NARROWER, PATTO, WIDER, Health, Node, Union, config

FIRST = config(mask=WIDER)
NEXT = config(mask=[[0.0, 0.0], [0.7, 0.0], [0.7, 0.4], [0.0, 0.4]])
MINE = ("brisighella-comune", "brisighella-maintainer")
EXPIRES = AT + 300 * DAY_S


@dataclass
class Scene:
    """A node that runs order 1, order 2 rightly signed and published, and whatever an attacker makes of it."""

    union: Union
    node: Node
    old: bytes
    """The bundle of order 1."""

    @property
    def shelf(self) -> Path:
        return self.node.shelf.folder

    @property
    def offered(self) -> Bundle:
        return bundle.read((self.shelf / bundle.BUNDLE).read_bytes())

    def offer(self, documents: dict[str, bytes | None] | None = None, **changed: Any) -> None:
        """Put another bundle there: some documents replaced, added, or (None) left out."""
        now = self.offered
        texts = dict(now.documents)
        for name, text in (documents or {}).items():
            texts.pop(name, None)
            if text is not None:
                texts[name] = text.decode()
        put(self, msgspec.json.encode(msgspec.structs.replace(now, documents=texts, **changed)))

    def document(self, name: str) -> bytes:
        return self.offered.documents[name].encode()

    def name(self, role: str) -> str:
        """`3.targets.json` of what is offered."""
        return next(name for name in self.offered.documents if name.split(".", 1)[-1] == f"{role}.json")

    def signed(self, document: bytes, *names: str) -> bytes:
        """Signed by these people; `online` is the stolen online key."""
        for name in names:
            online = self.union.authority.folder / "online" / "online.pem"
            pen = keys.pen(online) if name == "online" else self.union.pen(name)
            document = metadata.with_signature(document, pen.id, pen.sign(metadata.facts(document).body))
        return document

    def sealed(self, documents: dict[str, bytes], *, expires: float = EXPIRES, ahead: int = 1, **versions: int) -> None:
        """Offer documents under a snapshot and timestamp that the stolen online key has signed."""
        authority = self.union.authority
        before = {role: authority.version(role) for role in ("targets", *authority.delegations())}
        number = self.union.authority.version("snapshot") + ahead
        snapshot = metadata.snapshot(version=number, expires=EXPIRES, versions=before | versions)
        snapshot = self.signed(snapshot, "online")
        newest = metadata.timestamp(
            version=self.union.authority.version("timestamp") + ahead,
            expires=expires,
            of=snapshot,
            snapshot_version=number,
        )
        gone = {self.name("snapshot"): None}
        self.offer(
            {**gone, f"{number}.snapshot.json": snapshot, "timestamp.json": self.signed(newest, "online"), **documents}
        )

    def order(self, *targets: Target, by: tuple[str, ...] = MINE, expires: float = EXPIRES) -> None:
        """Offer another document of the comune's role, with these signatures, sealed online."""
        number = self.union.authority.version("brisighella") + 1
        made = metadata.targets(version=number, expires=expires, offered=targets)
        self.sealed({f"{number}.brisighella.json": self.signed(made, *by)}, brisighella=number)

    def target(self, content: bytes, path: str = "brisighella/n-0017/node.yaml", **custom: Any) -> Target:
        """A file on the shelf and in the bundle's list, and its entry."""
        parts = [*bundle.cut(content)]
        for part in parts:
            (self.shelf / bundle.chunk_name(bundle.digest(part))).write_bytes(part)
        self.offer(chunks=self.offered.chunks | {bundle.digest(content): tuple(map(bundle.digest, parts))})
        return Target(path, len(content), bundle.digest(content), custom)

    def release(self, content: bytes) -> None:
        """Rightly signed by everybody whose turn it is, and published."""
        self.union.release(content)
        self.union.publish(self.shelf.parent)

    def chunks(self) -> list[Path]:
        return [path for path in self.shelf.iterdir() if path.name != bundle.BUNDLE]


def put(scene: Scene, content: bytes) -> None:
    (scene.shelf / bundle.BUNDLE).write_bytes(content)


def stage(folder: Path) -> Scene:
    """Order 1 committed, order 2 on the shelf."""
    union = Union(folder, comuni=("brisighella", "casola"))
    union.release(FIRST)
    node = Node(folder / "node", union.authority.signed("root", 1) or b"", union.publish(folder / "stick"))
    node.gate = Health(GOOD)
    node.steps()
    old = (node.shelf.folder / bundle.BUNDLE).read_bytes()
    union.release(NEXT)
    union.publish(folder / "stick")
    return Scene(union, node, old)


def copied(scene: Scene, folder: Path) -> Scene:
    """The same in another folder, to be spoiled."""
    before = scene.union.folder
    shutil.copytree(before, folder, symlinks=True, dirs_exist_ok=True)
    union = object.__new__(Union)
    union.folder, union.at, union.comuni = folder, scene.union.at, scene.union.comuni
    union.authority = type(scene.union.authority)(folder / "authority")
    shelf = type(scene.node.shelf)(folder / "stick" / "brisighella")
    node = Node(folder / "node", scene.node.bootstrap, shelf, gate=Health(GOOD))
    return Scene(union, node, scene.old)


Attack = Callable[[Scene], None]
ATTACKS: dict[str, tuple[str, Attack]] = {}


def attack(title: str, refusal: str) -> Callable[[Attack], Attack]:
    """An attack under its title, and the word with which it ends; empty where the node just stays as it is."""

    def keep(made: Attack) -> Attack:
        ATTACKS[title] = (refusal, made)
        return made

    return keep


def lose_cache(scene: Scene) -> None:
    shutil.rmtree(scene.node.folder / "metadata")


# Old things again


@attack("rollback: the bundle before this one", "offer-version")
def _(scene: Scene) -> None:
    scene.node.steps()
    put(scene, scene.old)


@attack("rollback after the cache is lost", "offer-version")
def _(scene: Scene) -> None:
    scene.node.steps()
    lose_cache(scene)
    put(scene, scene.old)


@attack("rollback after cache and ledger are lost", "offer-seq")
def _(scene: Scene) -> None:
    scene.node.steps()
    lose_cache(scene)
    (scene.node.folder / "ota.sqlite").unlink()
    put(scene, scene.old)


@attack("freeze: nothing new until it has expired", "offer-expired")
def _(scene: Scene) -> None:
    scene.node.at = AT + 31 * DAY_S


@attack("freeze with the clock set back to 1970", "offer-expired")
def _(scene: Scene) -> None:
    scene.sealed({}, expires=AT + 40 * DAY_S, ahead=5)
    scene.node.at = AT + 35 * DAY_S
    scene.node.steps()
    scene.node.at = 0.0
    scene.sealed({}, expires=AT + 30 * DAY_S, ahead=6)


@attack("an order with a lower number, signed by all", "offer-seq")
def _(scene: Scene) -> None:
    scene.order(scene.target(NEXT, seq=1))


@attack("an order with the same number and another content, signed by all", "offer-seq")
def _(scene: Scene) -> None:
    scene.node.steps()
    scene.order(scene.target(config(mask=[[0, 0], [0.9, 0], [0.9, 0.4], [0, 0.4]]), seq=2))


@attack("an older document of the comune under a new number", "offer-version")
def _(scene: Scene) -> None:
    number = scene.union.authority.version("brisighella")
    old = bundle.read(scene.old).documents[f"{number - 1}.brisighella.json"].encode()
    scene.sealed({f"{number + 1}.brisighella.json": old}, brisighella=number + 1)


@attack("an older targets document under a new number", "offer-version")
def _(scene: Scene) -> None:
    scene.sealed({"9.targets.json": scene.document(scene.name("targets"))}, targets=9)


# Mixed things


@attack("new timestamp, old snapshot", "offer-mismatch")
def _(scene: Scene) -> None:
    old = bundle.read(scene.old)
    (name,) = [name for name in old.documents if name.endswith("snapshot.json")]
    scene.offer({scene.name("snapshot"): old.documents[name].encode()})


@attack("no snapshot", "offer-absent")
def _(scene: Scene) -> None:
    scene.offer({scene.name("snapshot"): None})


@attack("no timestamp", "offer-absent")
def _(scene: Scene) -> None:
    scene.offer({"timestamp.json": None})


@attack("no document of the comune", "offer-absent")
def _(scene: Scene) -> None:
    scene.offer({scene.name("brisighella"): None})


@attack("a snapshot that leaves the comune out", "offer-malformed")
def _(scene: Scene) -> None:
    number = scene.union.authority.version("snapshot") + 1
    made = scene.signed(
        metadata.snapshot(
            version=number, expires=EXPIRES, versions={"targets": scene.union.authority.version("targets")}
        ),
        "online",
    )
    newest = metadata.timestamp(version=number + 1, expires=EXPIRES, of=made, snapshot_version=number)
    lose_cache(scene)
    scene.offer({f"{number}.snapshot.json": made, "timestamp.json": scene.signed(newest, "online")})


@attack("a snapshot that leaves out what an earlier one named", "offer-malformed")
def _(scene: Scene) -> None:
    number = scene.union.authority.version("snapshot") + 1
    made = scene.signed(
        metadata.snapshot(
            version=number, expires=EXPIRES, versions={"targets": scene.union.authority.version("targets")}
        ),
        "online",
    )
    newest = metadata.timestamp(version=number + 1, expires=EXPIRES, of=made, snapshot_version=number)
    scene.offer({f"{number}.snapshot.json": made, "timestamp.json": scene.signed(newest, "online")})


@attack("a snapshot in place of the timestamp", "offer-malformed")
def _(scene: Scene) -> None:
    scene.offer({"timestamp.json": scene.document(scene.name("snapshot"))})


# Stolen keys


@attack("the stolen online key signs an order", "offer-threshold")
def _(scene: Scene) -> None:
    scene.order(scene.target(FIRST, seq=9), by=("online",))


@attack("the stolen online key promises a document that nobody has signed", "offer-absent")
def _(scene: Scene) -> None:
    scene.sealed({}, brisighella=99)


@attack("the maintainer's key alone", "offer-threshold")
def _(scene: Scene) -> None:
    scene.order(scene.target(FIRST, seq=9), by=("brisighella-maintainer",))


@attack("the comune's key alone", "offer-threshold")
def _(scene: Scene) -> None:
    scene.order(scene.target(FIRST, seq=9), by=("brisighella-comune",))


@attack("one key under two ids", "offer-threshold")
def _(scene: Scene) -> None:
    number = scene.union.authority.version("brisighella") + 1
    pen = scene.union.pen("brisighella-comune")
    made = metadata.targets(version=number, expires=EXPIRES, offered=[scene.target(FIRST, seq=9)])
    signature = pen.sign(metadata.facts(made).body)
    for keyid in (pen.id, scene.union.pen("brisighella-maintainer").id):
        made = metadata.with_signature(made, keyid, signature)
    scene.sealed({f"{number}.brisighella.json": made}, brisighella=number)


@attack("the committee of another comune", "offer-threshold")
def _(scene: Scene) -> None:
    scene.order(scene.target(FIRST, seq=9), by=("casola-comune", "casola-maintainer"))


@attack("another comune vouches for a file of this one", "")
def _(scene: Scene) -> None:
    scene.node.steps()
    number = scene.union.authority.version("casola") + 1
    made = metadata.targets(version=number, expires=EXPIRES, offered=[scene.target(FIRST, seq=9)])
    made = scene.signed(made, "casola-comune", "casola-maintainer")
    scene.sealed({f"{number}.casola.json": made}, casola=number)


@attack("an order that takes a file of another comune", "offer-absent")
def _(scene: Scene) -> None:
    scene.order(scene.target(FIRST, seq=9, files=["casola/files/model.tflite"]))


@attack("two of the top targets' people sign in the comune's place", "offer-threshold")
def _(scene: Scene) -> None:
    scene.order(scene.target(FIRST, seq=9), by=("targets-a", "targets-b"))


@attack("a key that was taken out of the committee", "offer-threshold")
def _(scene: Scene) -> None:
    fresh = keys.make(scene.union.folder / "people" / "brisighella-new.pem")
    drafts.rotate(scene.union.authority, "brisighella", leave="brisighella-comune", join=fresh, at=AT)
    scene.union.sign()
    scene.union.publish(scene.shelf.parent)
    scene.order(scene.target(FIRST, seq=9))


# Roots


def next_root(scene: Scene, *names: str, version: int = 2) -> bytes:
    """A root whose own committee are the attacker's keys, beside the people who sign it."""
    root = metadata.committees(scene.document("1.root.json"))
    mine = tuple(scene.union.pen(name).public for name in MINE)
    made = metadata.root(version=version, expires=EXPIRES, committees=root | {"root": Committee(mine, 2)})
    return scene.signed(made, *MINE, *names)


@attack("a root that only its own new committee has signed", "offer-threshold")
def _(scene: Scene) -> None:
    scene.offer({"2.root.json": next_root(scene)})


@attack("a root that one of the old committee has signed", "offer-threshold")
def _(scene: Scene) -> None:
    scene.offer({"2.root.json": next_root(scene, "root-a")})


@attack("a root whose number is not that of its name", "offer-version")
def _(scene: Scene) -> None:
    scene.offer({"2.root.json": next_root(scene, "root-a", "root-b", version=5)})


@attack("a root with a gap before it does nothing, and who it appoints signs in vain", "offer-threshold")
def _(scene: Scene) -> None:
    scene.offer({"3.root.json": next_root(scene, "root-a", "root-b", version=3)})
    scene.order(scene.target(FIRST, seq=9), by=("root-a", "root-b"))


@attack("a root that is no root", "offer-malformed")
def _(scene: Scene) -> None:
    scene.offer({"2.root.json": scene.document(scene.name("targets"))})


@attack("a root that has expired", "offer-expired")
def _(scene: Scene) -> None:
    scene.node.at = AT + 731 * DAY_S


# Too late, too much, not at all


@attack("an order that has expired, freshly sealed", "offer-expired")
def _(scene: Scene) -> None:
    scene.order(scene.target(FIRST, seq=9), expires=AT - DAY_S)


@attack("a snapshot sealed for yesterday", "offer-expired")
def _(scene: Scene) -> None:
    scene.sealed({}, expires=AT - DAY_S)


@attack("a bundle without end", "offer-too-big")
def _(scene: Scene) -> None:
    with (scene.shelf / bundle.BUNDLE).open("r+b") as file:
        file.truncate(10**10)


@attack("a timestamp that is too long", "offer-too-long")
def _(scene: Scene) -> None:
    scene.offer({"timestamp.json": scene.document("timestamp.json") + b" " * 5000})


@attack("a document of the comune that is too long", "offer-too-long")
def _(scene: Scene) -> None:
    name = scene.name("brisighella")
    scene.offer({name: scene.document(name) + b" " * 200_000})


@attack("half a bundle", "offer-malformed")
def _(scene: Scene) -> None:
    content = (scene.shelf / bundle.BUNDLE).read_bytes()
    put(scene, content[: len(content) // 2])


@attack("a bundle with a member that nobody knows", "offer-malformed")
def _(scene: Scene) -> None:
    put(scene, json.dumps(json.loads((scene.shelf / bundle.BUNDLE).read_bytes()) | {"run": "sh"}).encode())


@attack("a bundle nested a hundred thousand deep", "offer-malformed")
def _(scene: Scene) -> None:
    put(scene, b'{"documents":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


@attack("a timestamp nested twenty thousand deep", "offer-too-long")
def _(scene: Scene) -> None:
    scene.offer({"timestamp.json": b"[" * 20_000 + b"]" * 20_000})


@attack("a timestamp that is no JSON", "offer-malformed")
def _(scene: Scene) -> None:
    scene.offer({"timestamp.json": b"{"})


@attack("a link in place of the bundle", "")
def _(scene: Scene) -> None:
    (scene.shelf / bundle.BUNDLE).rename(scene.shelf / "elsewhere")
    (scene.shelf / bundle.BUNDLE).symlink_to("elsewhere")


@attack("a pipe in place of the bundle", "")
def _(scene: Scene) -> None:
    (scene.shelf / bundle.BUNDLE).unlink()
    os.mkfifo(scene.shelf / bundle.BUNDLE)


# Files


@attack("a chunk with one bit turned is as good as missing", "")
def _(scene: Scene) -> None:
    for path in scene.chunks():
        content = bytearray(path.read_bytes())
        content[0] ^= 1
        path.write_bytes(content)


@attack("chunks that make another file", "mismatch")
def _(scene: Scene) -> None:
    wanted = scene.target(NEXT, seq=2)
    other = scene.target(NEXT[::-1])
    scene.offer(chunks={wanted.sha256: scene.offered.chunks[other.sha256]})


@attack("more chunks than the file has", "too-long")
def _(scene: Scene) -> None:
    wanted = scene.target(NEXT, seq=2)
    scene.offer(chunks={wanted.sha256: scene.offered.chunks[wanted.sha256] * 3})


@attack("no chunk for a file", "absent")
def _(scene: Scene) -> None:
    wanted = scene.target(NEXT, seq=2)
    scene.offer(chunks={wanted.sha256: ()})


@attack("a bundle that does not say what makes the file", "offer-absent")
def _(scene: Scene) -> None:
    scene.offer(chunks={})


@attack("a file whose name leads elsewhere", "offer-malformed")
def _(scene: Scene) -> None:
    model = scene.target(b"model", "brisighella/0123/..")
    scene.order(scene.target(FIRST, seq=9, files=[model.path]), model)


@attack("a file that would be the configuration", "offer-malformed")
def _(scene: Scene) -> None:
    model = scene.target(b"model", "brisighella/0123/node.yaml")
    scene.order(scene.target(FIRST, seq=9, files=[model.path]), model)


@attack("more than a node can hold", "offer-too-long")
def _(scene: Scene) -> None:
    model = scene.target(b"model", "brisighella/0123/model.tflite")
    huge = Target(model.path, 10**9, model.sha256)
    scene.order(scene.target(FIRST, seq=9, files=[model.path]), huge)


@attack("an order without a number", "offer-malformed")
def _(scene: Scene) -> None:
    scene.order(scene.target(FIRST))


@attack("an order with a negative number", "offer-malformed")
def _(scene: Scene) -> None:
    scene.order(scene.target(FIRST, seq=-1))


# What a whole committee may not do


@attack("the configuration of another node", "node")
def _(scene: Scene) -> None:
    other = json.loads(NEXT)
    other["node"]["id"] = "n-0018"
    scene.order(scene.target(json.dumps(other).encode(), seq=9))


@attack("a state folder elsewhere", "node")
def _(scene: Scene) -> None:
    scene.release(config(mask=WIDER, state_dir="/elsewhere"))


@attack("a configuration that is wrong", "config")
def _(scene: Scene) -> None:
    scene.order(scene.target(b"version: 1\n", seq=9))


@attack("a configuration that is no text", "config")
def _(scene: Scene) -> None:
    scene.order(scene.target(b"\xff\xfe\x00", seq=9))


@attack("a mask that shrinks", "cameras-view-masks")
def _(scene: Scene) -> None:
    scene.release(config(mask=NARROWER))


@attack("a mask that moves by a hundredth of a pixel", "cameras-view-masks")
def _(scene: Scene) -> None:
    scene.release(config(mask=[[0.00001, 0.0], [0.7, 0.0], [0.7, 0.4], [0.00001, 0.4]]))


@attack("another camera", "cameras")
def _(scene: Scene) -> None:
    camera = json.loads(FIRST)["cameras"][0]
    scene.release(config(cameras=[camera, camera | {"id": "yard-cam"}]))


@attack("a camera turned under its masks", "cameras-input-rotation")
def _(scene: Scene) -> None:
    camera = json.loads(FIRST)["cameras"][0]
    scene.release(config(cameras=[camera | {"input": {"driver": "synthetic", "rotation": 180}}]))


@attack("another kind of event", "rules-event")
def _(scene: Scene) -> None:
    rule = {"id": "crosses", "kind": "crossing", "quantity": "kerb/person/in", "event": "crossing", "source": "gate"}
    camera = json.loads(FIRST)["cameras"][0]
    camera["view"]["lines"] = [{"id": "kerb", "start": [0, 0.5], "end": [1, 0.5]}]
    scene.release(config(cameras=[camera], rules=[*json.loads(FIRST)["rules"], rule]))


@attack("another label looked for", "vision-labels")
def _(scene: Scene) -> None:
    scene.release(
        config(mask=WIDER, vision={"labels": ["person", "bicycle", "car", "motorcycle", "bus", "truck", "dog"]})
    )


@attack("a larger budget", "uplink-budget-evt-kb")
def _(scene: Scene) -> None:
    scene.release(
        config(mask=WIDER, uplink={"broker": {"host": "localhost", "port": 8883}, "budget": {"evt_kb": 9000}})
    )


@attack("a longer memory", "uplink-outbox-max-mb")
def _(scene: Scene) -> None:
    scene.release(config(mask=WIDER, uplink={"broker": {"host": "localhost", "port": 8883}, "outbox": {"max_mb": 65}}))


@attack("another broker", "uplink-broker-host")
def _(scene: Scene) -> None:
    scene.release(config(mask=WIDER, uplink={"broker": {"host": "elsewhere", "port": 8883}}))


@attack("a partner to whom nobody agreed", "agreements")
def _(scene: Scene) -> None:
    scene.release(config(mask=WIDER, agreements=[PATTO]))


@attack("a microphone switched on, with an agreement that allows it", "sound")
def _(scene: Scene) -> None:
    scene.release(config(mask=WIDER, sound=True, agreements=[LISTENING]))


@attack("consent by the comune's first key", "offer-threshold")
def _(scene: Scene) -> None:
    loosen(scene, Consent(str(NAME), bundle.digest(config(mask=NARROWER)), LINES), by=("brisighella-comune",))


@attack("consent to another configuration", "cameras-view-masks")
def _(scene: Scene) -> None:
    loosen(scene, Consent(str(NAME), bundle.digest(config(mask=MASK)), LINES))


@attack("consent to another node's configuration", "cameras-view-masks")
def _(scene: Scene) -> None:
    loosen(scene, Consent(str(NAME)[:-1] + "8", bundle.digest(config(mask=NARROWER)), LINES))


@attack("consent to another line", "cameras-view-masks")
def _(scene: Scene) -> None:
    loosen(scene, Consent(str(NAME), bundle.digest(config(mask=NARROWER)), ("uplink.budget.evt_kb: 9 kB",)))


@attack("consent that is no consent", "consent")
def _(scene: Scene) -> None:
    loosen(scene, {"everything": True})


LINES = ("cameras[gate].view.masks: 8.00% of the picture would no longer be hidden",)


def loosen(scene: Scene, said: Any, by: tuple[str, ...] = ("brisighella-second",)) -> None:
    """A mask that shrinks, signed by all, with this consent."""
    scene.release(config(mask=NARROWER))
    agreed = scene.target(msgspec.json.encode(said), "consent/brisighella/n-0017.json")
    number = scene.union.authority.version("brisighella.consent") + 1
    made = metadata.targets(version=number, expires=EXPIRES, offered=[agreed])
    scene.sealed({f"{number}.brisighella.consent.json": scene.signed(made, *by)}, **{"brisighella.consent": number})


@attack("it is another node's turn", "")
def _(scene: Scene) -> None:
    scene.offer(turn=("n-0001",))


def parcel(scene: Scene) -> publish.Parcel:
    return publish.parcel(scene.union.authority, "brisighella")
