"""Everything that a card says: which files stand on a boot partition so that its first boot makes a node.

Templates are the files of `firmware_config/boot`. The invariant: a private key never gets onto a card, and what
Raspberry Pi OS itself wrote there is added to, never replaced. A card is one node's: another takes it only when it is
told to, and never once the first has booted from it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from agent.contract.topics import NodeName
from agent.documents import parse
from agent.errors import ConfigError, UserError
from agent.provision.identity import Lock, Ticket

CAMERAS = ("auto", "imx219", "imx477", "imx708", "imx500")
OURS = "piazza"
"""The folder of the boot partition that is ours."""
INCLUDE = "include piazza.txt"
BOOTED = f"{OURS}/firstboot.log"
"""First boot begins with it, so a card that has it has been a node."""

DATA_MB = 512
"""Of the partition that is written to, at the end of the card; the smallest card that is sold has sixteen times as much."""
GROWING = frozenset({"resize", "init=/usr/lib/raspberrypi-sys-mods/firstboot"})
"""Words by which trixie and bookworm let the root take the whole card at the first boot."""

_CONFIG_LINE = 98
"""Characters of a line of config.txt that the firmware reads."""
_CMDLINE = 1024
"""Raspberry Pi's firmware passes on as many bytes of cmdline.txt."""
_PORT = re.compile(r"cam[01]")
_INSTANCE = re.compile(r"(?<= ds=nocloud)(\S*;)(?:i|instance-id)=[^;\s]*")
"""Who flashed the card may have named it here, and cloud-init would believe that name before our meta-data's."""
_ZONE = re.compile(r"[A-Za-z0-9_+/-]+")
_BAD_TEXT = re.compile(r"[\x00-\x1f\x7f]")


class Target(Protocol):
    """A boot partition: a mounted folder, or the first partition of an image file."""

    def read(self, path: str) -> bytes | None: ...
    def write(self, path: str, content: bytes) -> None: ...
    def paths(self, folder: str) -> list[str]: ...
    def remove(self, path: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Wifi:
    """One network; without a passphrase it is an open one."""

    ssid: str
    passphrase: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the card of one node shall say."""

    name: NodeName
    ticket: Ticket
    lock: Lock
    config: bytes
    ca: bytes
    ring: bytes
    written: float
    camera: str = "auto"
    country: str = "IT"
    timezone: str = "Europe/Rome"
    wifi: Wifi | None = None
    apn: str = ""
    ssh_keys: str = ""
    debs: Sequence[Path] = ()
    updates: bytes = b""
    """The root by which updates are believed; without it the node takes none in until it is given one by hand."""
    data_mb: int = DATA_MB
    """Of the data partition that the first boot makes; with 0 it makes none, and the release's own way of growing the root stays."""
    read_only: bool = False
    """Nothing changes the root while the node runs: what it writes lies on the data partition."""

    @property
    def instance(self) -> str:
        """What this card is to cloud-init: another one each time that it is prepared, so that it is read anew."""
        return f"piazza-{self.ticket.digest()[:12]}"


def firmware_folder() -> Path:
    """The folder `firmware_config` of this checkout, or where the package was installed."""
    checkout = Path(__file__).resolve().parents[2] / "firmware_config"
    return checkout if checkout.is_dir() else Path(sys.prefix) / "share/piazza/firmware_config"


def release_of(target: Target) -> Literal["trixie", "bookworm"]:
    """Which Raspberry Pi OS lies there: cloud-init's file is there from trixie on; UserError for no boot partition."""
    if target.read("config.txt") is None or target.read("cmdline.txt") is None:
        raise UserError(
            "this is no boot partition of Raspberry Pi OS: config.txt or cmdline.txt is missing",
            hint="flash Raspberry Pi OS Lite (64-bit) first, then give its image or its mounted boot partition",
        )
    return "bookworm" if target.read("user-data") is None else "trixie"


def whose(target: Target) -> str:
    """The node that a card was prepared for; empty where it is nobody's yet or does not say."""
    text = (target.read(f"{OURS}/etc/node.yaml") or b"").decode("utf-8", errors="replace")
    try:
        node = parse(text, name="the card's node.yaml")["node"]
        return f"{node['union']}/{node['comune']}/{node['id']}"
    except (ConfigError, KeyError, TypeError):
        return ""


def refuse_taken(target: Target, name: NodeName, *, replace: bool) -> None:
    """UserError where the card is another node's, unless that one is to be replaced and never booted from it."""
    owner = whose(target)
    if owner in ("", str(name)):
        return
    if target.read(BOOTED) is not None:
        raise UserError(
            f"this card has been {owner}: that node's keys and events lie on it",
            hint="flash Raspberry Pi OS Lite (64-bit) onto it anew, or take another card",
        )
    if not replace:
        raise UserError(
            f"this card was prepared for {owner}, and has not booted yet",
            hint=f"take another card, or add --replace and it becomes the card of {name}",
        )


def prepare(target: Target, order: Order, *, boot: Path) -> list[str]:
    """Write the card and read it back; the paths written, in order. UserError where something is not right.

    What an earlier call left and this one does not write is removed: another network's passphrase, an older package.
    """
    release = release_of(target)
    words = _words(boot / "cmdline.txt") + (_words(boot / "bookworm/cmdline.txt") if release == "bookworm" else [])
    files = {
        **contents(order, release=release, boot=boot),
        "config.txt": with_include((target.read("config.txt") or b"").decode("utf-8")).encode(),
        "cmdline.txt": with_instance(
            with_words(
                without_growing((target.read("cmdline.txt") or b"").decode("utf-8"), data_mb=order.data_mb),
                [_filled(word, _values(order)) for word in words],
            ),
            order.instance,
        ).encode(),
    }
    _refuse_keys(files)
    for path in set(target.paths(OURS)) - {*files, BOOTED}:
        target.remove(path)
    for path, content in files.items():
        target.write(path, content)
    spoiled = [path for path, content in files.items() if target.read(path) != content]
    if spoiled:
        raise UserError(f"{', '.join(spoiled)}: read back different", hint="take another card: this one loses data")
    return sorted(files)


def contents(order: Order, *, release: str, boot: Path) -> dict[str, bytes]:
    """Path on the boot partition -> content, for everything that is ours alone."""
    values = _values(order)
    files = {
        "piazza.txt": (boot / "piazza.txt").read_bytes(),
        "piazza-camera.txt": _camera(order.camera, boot).encode(),
        f"{OURS}/firstboot": (boot / "firstboot").read_bytes(),
        **(
            {f"{OURS}/data": f"{order.data_mb}\n".encode(), f"{OURS}/partition": (boot / "partition").read_bytes()}
            if order.data_mb
            else {}
        ),
        f"{OURS}/written": f"{order.written:.0f}\n".encode(),
        f"{OURS}/enrol.json": msgspec.json.encode(order.ticket),
        f"{OURS}/etc/aim.json": msgspec.json.encode(order.lock),
        f"{OURS}/etc/node.yaml": order.config,
        f"{OURS}/etc/tls/ca.pem": order.ca,
        f"{OURS}/etc/keys/ring.json": order.ring,
        **({f"{OURS}/read-only": b"\n"} if order.read_only else {}),
        **{f"{OURS}/network/{name}": content.encode() for name, content in _networks(order, boot)},
        **({f"{OURS}/etc/updates.json": order.updates} if order.updates else {}),
        **{f"{OURS}/debs/{deb.name}": deb.read_bytes() for deb in order.debs},
        **{name: _filled(text, values).encode() for name, text in _templates(boot / release)},
    }
    if order.ssh_keys:
        files[f"{OURS}/authorized_keys"] = order.ssh_keys.encode()
    return files


def with_include(config: str) -> str:
    """config.txt that reads our file too, for every board; unchanged where it does already."""
    if INCLUDE in config.splitlines():
        return config
    return f"{config.rstrip()}\n\n# Piazza\n[all]\n{INCLUDE}\n"


def without_growing(cmdline: str, *, data_mb: int) -> str:
    """The kernel's line without the words by which the root would leave no room, where room is wanted."""
    return " ".join(word for word in cmdline.split() if not (data_mb and word in GROWING))


def with_words(cmdline: str, words: Iterable[str]) -> str:
    """The kernel's one line with our words, each once and in place of another value of the same name.

    Raises:
        UserError: the firmware would cut the line.
    """
    ours = list(words)
    names = {word.partition("=")[0] for word in ours if not word.startswith("cgroup_")}
    kept = [word for word in cmdline.split() if word not in ours and word.partition("=")[0] not in names]
    line = " ".join([*kept, *ours])
    if len(line) >= _CMDLINE:
        raise UserError(f"cmdline.txt: {len(line)} characters, at most {_CMDLINE}", hint="begin with a fresh image")
    return f"{line}\n"


def with_instance(cmdline: str, instance: str) -> str:
    """The kernel's line that names this instance where it named another; unchanged where it names none."""
    return _INSTANCE.sub(rf"\g<1>i={instance}", f" {cmdline}").removeprefix(" ")


def _values(order: Order) -> dict[str, str]:
    if not _ZONE.fullmatch(order.timezone):
        raise UserError(f"--timezone {order.timezone}: no name of a time zone", hint="such as Europe/Rome")
    return {
        "GROWPART": "off" if order.data_mb else "auto",
        "RESIZE": "false" if order.data_mb else "true",
        "HOSTNAME": order.name.node,
        "TIMEZONE": order.timezone,
        "COUNTRY": order.country,
        "INSTANCE": order.instance,
        "APN": order.apn,
        "SSID": order.wifi.ssid if order.wifi else "",
        "PASSPHRASE": order.wifi.passphrase if order.wifi else "",
        "KEY_MGMT": "wpa-psk" if order.wifi and order.wifi.passphrase else "none",
    }


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        if _BAD_TEXT.search(value):
            raise UserError(f"{name.lower()}: a character that no file of a card can hold", hint="write it without")
        text = text.replace(f"@{name}@", value)
    return text


def _words(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


def _camera(camera: str, boot: Path) -> str:
    sensor, _, port = camera.partition(",")
    if sensor not in CAMERAS or (port and not _PORT.fullmatch(port)):
        raise UserError(
            f"--camera {camera}: not known", hint=f"one of {', '.join(CAMERAS)}; with two ports imx708,cam0"
        )
    text = (boot / f"camera/{sensor}.txt").read_text(encoding="utf-8").replace("@PORT@", f",{port}" if port else "")
    if any(len(line) > _CONFIG_LINE for line in text.splitlines() if not line.startswith("#")):
        raise UserError(f"--camera {camera}: too long a line for the firmware", hint="name the sensor and port only")
    return text


def _networks(order: Order, boot: Path) -> Iterable[tuple[str, str]]:
    yield "piazza-ethernet.nmconnection", (boot / "network/ethernet.nmconnection").read_text(encoding="utf-8")
    if order.wifi:
        text = _filled((boot / "network/wifi.nmconnection.in").read_text(encoding="utf-8"), _values(order))
        yield "piazza-wifi.nmconnection", text if order.wifi.passphrase else _open(text)
    if order.apn:
        yield (
            "piazza-lte.nmconnection",
            _filled((boot / "network/lte.nmconnection.in").read_text(encoding="utf-8"), _values(order)),
        )


def _open(wifi: str) -> str:
    """A network without a passphrase has no section of security at all."""
    return re.sub(r"\[wifi-security\]\n(?:.+\n)+\n", "", wifi)


def _templates(folder: Path) -> Iterable[tuple[str, str]]:
    for path in sorted(folder.iterdir()):
        if path.name != "cmdline.txt":
            yield path.name.removesuffix(".in"), path.read_text(encoding="utf-8")


def _refuse_keys(files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        if b"PRIVATE KEY" in content or (b'"d"' in content and path.endswith(".json")):
            raise UserError(f"{path}: a private key must not lie on a card", hint="the node makes its own keys")
