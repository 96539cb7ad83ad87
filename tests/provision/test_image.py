"""A card: what Raspberry Pi OS wrote stays, what is ours is there whole, and no key is on it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from dataclasses import replace

import cv2
import msgspec
import numpy as np
import pytest
import yaml

from agent.cli import main
from agent.contract.topics import NodeName
from agent.errors import UserError
from agent.provision import image_label
from agent.provision.bench import Bench
from agent.provision.enrol import Word
from agent.provision.enrol_desk import Desk
from agent.provision.enrol_node import Place, petition
from agent.provision.identity import Code, Lock, Ticket
from agent.provision.image import (
    CAMERAS,
    Order,
    Wifi,
    contents,
    firmware_folder,
    prepare,
    release_of,
    with_include,
    with_instance,
    with_words,
)
from agent.provision.image_target import FatImage, Folder, open_target
from agent.provision.keys import load_ring, load_signer

NAME = NodeName("romagna-faentina", "brisighella", "n-0017")
AT = 1_777_624_200.0
BOOT = firmware_folder() / "boot"
STOCK = {
    "config.txt": "camera_auto_detect=1\ndisplay_auto_detect=1\n[cm4]\notg_mode=1\n",
    "cmdline.txt": "console=tty1 root=PARTUUID=aa-02 rootfstype=ext4 fsck.repair=yes rootwait cfg80211.ieee80211_regdom=GB\n",
}

LOCK = Code().lock()


def an_order(**changes):
    order = Order(
        name=NAME,
        ticket=Ticket.new(NAME, "broker.example.org:8884", at=AT),
        lock=LOCK,
        config=b"version: 1\n",
        ca=b"-----BEGIN CERTIFICATE-----\n",
        ring=b'{"keys": []}\n',
        written=AT,
    )
    return replace(order, **changes)


@pytest.fixture(params=["bookworm", "trixie"])
def card(request, tmp_path):
    """A freshly flashed boot partition, mounted."""
    folder = tmp_path / "bootfs"
    folder.mkdir()
    for name, text in STOCK.items():
        (folder / name).write_text(text)
    if request.param == "trixie":
        (folder / "user-data").write_text("#cloud-config\n")
    return folder


@pytest.fixture
def disk(program, tmp_path):
    """An image file with a partition table and a FAT boot partition, as Raspberry Pi OS comes."""
    path, start, sectors = tmp_path / "os.img", 8192, 65536
    with path.open("wb") as file:
        file.truncate((start + sectors) * 512)
        file.seek(446)
        file.write(struct.pack("<B3xB3xII", 0, 0x0C, start, sectors))
        file.seek(510)
        file.write(b"\x55\xaa")
    drive = f"{path}@@{start * 512}"
    subprocess.run([program("mformat"), "-i", drive, "-T", str(sectors), "::"], check=True)
    for name, text in STOCK.items():
        (tmp_path / name).write_text(text)
        subprocess.run([program("mcopy"), "-i", drive, str(tmp_path / name), "::"], check=True)
    return path


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_stock_configuration_is_kept_and_ours_is_read_for_every_board(card):
    prepare(Folder(card), an_order(), boot=BOOT)
    text = (card / "config.txt").read_text()
    assert text.startswith(STOCK["config.txt"])
    assert text.splitlines()[-2:] == ["[all]", "include piazza.txt"]


def test_preparing_a_card_twice_changes_only_what_is_new(card):
    order = an_order()
    prepare(Folder(card), order, boot=BOOT)
    once = files(card)
    prepare(Folder(card), order, boot=BOOT)
    assert files(card) == once


@pytest.mark.slow
def test_a_fat_image_gets_the_same_files_as_a_mounted_card(disk, tmp_path):
    order, folder = an_order(), tmp_path / "mounted"
    folder.mkdir()
    for name, text in STOCK.items():
        (folder / name).write_text(text)
    image = open_target(disk)
    assert isinstance(image, FatImage)
    written = prepare(image, order, boot=BOOT)
    assert written == prepare(Folder(folder), order, boot=BOOT)
    assert {path: image.read(path) for path in written} == {path: (folder / path).read_bytes() for path in written}


def test_what_is_no_boot_partition_is_refused(tmp_path):
    with pytest.raises(UserError, match="no boot partition of Raspberry Pi OS"):
        prepare(Folder(tmp_path), an_order(), boot=BOOT)


def test_a_file_without_a_fat_partition_is_refused(tmp_path):
    (tmp_path / "os.img").write_bytes(bytes(4096))
    with pytest.raises(UserError, match="no FAT boot partition"):
        open_target(tmp_path / "os.img")


@pytest.mark.slow
def test_a_full_partition_is_told(disk):
    big = disk.with_name("big.deb")
    big.write_bytes(os.urandom(40_000_000))
    with pytest.raises(UserError, match=r"big\.deb"):
        prepare(open_target(disk), an_order(debs=(big,)), boot=BOOT)


def test_a_private_key_never_gets_onto_a_card(card):
    spoiled = an_order(ring=b"-----BEGIN " + b"PRIVATE KEY-----\n")
    with pytest.raises(UserError, match="private key"):
        prepare(Folder(card), spoiled, boot=BOOT)
    assert not (card / "piazza").exists()


def test_the_kernel_s_line_stays_one_line_with_each_of_our_words_once(card):
    for _ in range(2):
        prepare(Folder(card), an_order(country="IT"), boot=BOOT)
    (line,) = (card / "cmdline.txt").read_text().splitlines()
    words = line.split()
    assert words.count("cgroup_enable=memory") == 1
    assert [word for word in words if word.startswith("cfg80211.")] == ["cfg80211.ieee80211_regdom=IT"]
    assert "root=PARTUUID=aa-02" in words


def test_a_line_that_the_firmware_would_cut_is_refused():
    with pytest.raises(UserError, match="1024"):
        with_words("x" * 1010, ["cgroup_enable=memory"])


def test_bookworm_is_called_by_the_kernel_s_line_and_trixie_by_cloud_init(card):
    target = Folder(card)
    release = release_of(target)
    prepare(target, an_order(), boot=BOOT)
    called = "systemd.run=/boot/firmware/firstrun.sh" in (card / "cmdline.txt").read_text()
    assert called == (release == "bookworm")
    if release == "trixie":
        assert yaml.safe_load((card / "user-data").read_text())["runcmd"] == [["sh", "/boot/firmware/piazza/firstboot"]]
    else:
        assert "echo 'n-0017' >/etc/hostname" in (card / "firstrun.sh").read_text()


GROWS = {"bookworm": "init=/usr/lib/raspberrypi-sys-mods/firstboot", "trixie": "resize"}
"""The words by which each release lets the root take the whole card."""


@pytest.mark.parametrize("data_mb", [0, 512])
def test_the_release_grows_the_root_by_itself_only_where_no_data_partition_is_wanted(card, data_mb):
    release, line = release_of(Folder(card)), (card / "cmdline.txt").read_text().strip()
    (card / "cmdline.txt").write_text(f"{line} {GROWS[release]}\n")
    prepare(Folder(card), an_order(data_mb=data_mb), boot=BOOT)
    assert (GROWS[release] in (card / "cmdline.txt").read_text().split()) == (data_mb == 0)
    assert files(card).get("piazza/data", b"") == (b"512\n" if data_mb else b"")
    assert ("piazza/partition" in files(card)) == bool(data_mb)
    if release == "trixie":
        document = yaml.safe_load((card / "user-data").read_text())
        assert document["growpart"] == {"mode": "off" if data_mb else "auto"}
        assert document["resize_rootfs"] is (data_mb == 0)


def test_a_root_that_nothing_changes_wants_a_data_partition(card, authority, capsys):
    assert prepared(card, authority, NAME, "--read-only", "--data", "0") == 2
    assert "wants a data partition" in capsys.readouterr().err
    assert prepared(card, authority, NAME, "--read-only") == 0
    assert (card / "piazza/read-only").exists()


@pytest.mark.parametrize("megabytes", ["1", "255", "-1"])
def test_a_data_partition_that_an_outbox_would_fill_is_refused(card, authority, capsys, megabytes):
    assert prepared(card, authority, NAME, "--data", megabytes) == 2
    assert "at least 256 MB" in capsys.readouterr().err


@pytest.mark.parametrize("zone", ["Europe/Rome; reboot", "'$(id)'", ""])
def test_a_time_zone_that_is_none_never_gets_into_a_script(card, zone):
    with pytest.raises(UserError, match="no name of a time zone"):
        prepare(Folder(card), an_order(timezone=zone), boot=BOOT)


def test_cloud_init_reads_a_card_anew_each_time_that_it_is_prepared(tmp_path):
    """It remembers an instance by `instance-id`; the spelling with an underscore means nothing to it."""
    seen = []
    for _ in range(2):
        made = contents(an_order(), release="trixie", boot=BOOT)
        seen.append(yaml.safe_load(made["meta-data"]))
    assert [sorted(one) for one in seen] == [["dsmode", "instance-id"]] * 2
    assert seen[0]["instance-id"] != seen[1]["instance-id"]


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("ds=nocloud;i=imager-1759", "ds=nocloud;i=piazza-1"),
        ("ds=nocloud;h=pi;instance-id=other;x=y", "ds=nocloud;h=pi;i=piazza-1;x=y"),
        ("ds=nocloud", "ds=nocloud"),
        ("rootwait", "rootwait"),
    ],
)
def test_an_instance_that_the_kernel_s_line_names_is_ours_from_then_on(word, ours):
    assert with_instance(f"console=tty1 {word} quiet\n", "piazza-1") == f"console=tty1 {ours} quiet\n"


def test_the_token_is_in_one_file_only_so_that_wiping_it_wipes_it(card):
    order = an_order()
    prepare(Folder(card), order, boot=BOOT)
    holding = [path for path, content in files(card).items() if order.ticket.token.encode() in content]
    assert holding == ["piazza/enrol.json"]


@pytest.mark.parametrize("camera", [*CAMERAS, "imx708,cam0", "imx477,cam1"])
def test_every_camera_has_its_overlay_or_is_looked_for(camera):
    text = contents(an_order(camera=camera), release="trixie", boot=BOOT)["piazza-camera.txt"].decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    auto = camera == "auto"
    assert lines == (["camera_auto_detect=1"] if auto else ["camera_auto_detect=0", f"dtoverlay={camera}"])


@pytest.mark.parametrize("camera", ["imx999", "imx708,cam7", "auto\n[pi4]", "imx708,rotation=0"])
def test_a_camera_that_nobody_knows_is_refused(camera):
    with pytest.raises(UserError, match="not known"):
        contents(an_order(camera=camera), release="trixie", boot=BOOT)


def test_wifi_and_modem_come_as_files_of_networkmanager():
    order = an_order(wifi=Wifi("Comune di Faenza", "korrekt-pferd"), apn="internet.example")
    made = contents(order, release="trixie", boot=BOOT)
    wifi = made["piazza/network/piazza-wifi.nmconnection"].decode()
    assert "ssid=Comune di Faenza\n" in wifi
    assert "psk=korrekt-pferd\n" in wifi
    assert "apn=internet.example\n" in made["piazza/network/piazza-lte.nmconnection"].decode()


def test_an_open_wifi_has_no_section_of_security():
    made = contents(an_order(wifi=Wifi("Piazza")), release="trixie", boot=BOOT)
    assert "wifi-security" not in made["piazza/network/piazza-wifi.nmconnection"].decode()


def test_a_passphrase_cannot_smuggle_in_a_second_line():
    with pytest.raises(UserError, match="character"):
        contents(an_order(wifi=Wifi("a", "b\n[user]")), release="trixie", boot=BOOT)


def test_an_include_that_is_there_is_not_repeated():
    assert with_include("a=1\n[all]\ninclude piazza.txt\n") == "a=1\n[all]\ninclude piazza.txt\n"


def test_the_code_of_the_label_opens_and_no_other_does():
    code = Code()
    lock = code.lock()
    assert lock.opens(code.text.lower().replace("-", ""))
    assert not lock.opens(Code().text)
    assert code.text not in json.dumps([lock.salt, lock.digest])


def test_a_phone_reads_the_label():
    """The path of the SVG is drawn as a phone would see it, and OpenCV's own reader reads it."""
    address = Code().address(NAME)
    assert len(image_label.terminal(address).splitlines()) > 10
    assert read_back(image_label.svg(NAME, address)) == address


def read_back(svg):
    """What a QR reader finds in the modules of the drawing: a path of relative horizontal strokes."""
    inner = svg[svg.index('class="segno"') :]
    side = int(svg.split('viewBox="0 0 ')[2].split()[0])
    picture = np.full((side, side), 255, np.uint8)
    x = y = 0.0
    path = inner.split(' d="')[1].split('"')[0]
    for stroke, numbers in _strokes(path):
        if stroke == "M":
            x, y = numbers
        elif stroke == "m":
            x, y = x + numbers[0], y + numbers[1]
        else:
            picture[int(y), int(x) : int(x + numbers[0])] = 0
            x += numbers[0]
    large = cv2.resize(picture, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    return cv2.QRCodeDetector().detectAndDecode(large)[0]


def _strokes(path):
    import re

    for stroke, numbers in re.findall(r"([Mmh])([-0-9. ]+)", path):
        yield stroke, [float(number) for number in numbers.split()]


@pytest.fixture
def authority(tmp_path):
    return Bench.make(tmp_path / "keys", at=AT)


def test_the_command_prepares_a_card_and_the_authority_expects_the_node(card, authority, capsys, tmp_path):
    label = tmp_path / "label.svg"
    arguments = ["image", str(card), "--node", str(NAME), "--keys", str(authority.folder)]
    code = main([*arguments, "--broker", "broker.example.org", "--camera", "imx708", "--label", str(label)])
    said = capsys.readouterr().out
    assert code == 0
    assert f"ready for {NAME}" in said
    assert f"piazza enrol approve --keys {authority.folder} {NAME}" in said
    assert label.read_text().startswith("<svg")
    (entry,) = Desk(authority).entries()
    assert (entry.name, entry.state, entry.approved) == (str(NAME), "expected", False)
    assert (card / "piazza/etc/tls/ca.pem").read_bytes() == authority.ca.read_bytes()


def test_the_first_document_masks_the_whole_camera(card, authority):
    from agent.config import load

    main(["image", str(card), "--node", str(NAME), "--keys", str(authority.folder), "--broker", "broker.example.org"])
    config = load(card / "piazza/etc/node.yaml")
    assert config.cameras[0].view.masks == (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),)


def test_a_document_of_another_node_is_refused(card, authority, capsys, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text("version: 1\nnode: {union: u, comune: c, id: n}\nuplink: {broker: {host: localhost}}\n")
    arguments = ["image", str(card), "--node", str(NAME), "--keys", str(authority.folder), "--broker", "b"]
    assert main([*arguments, "--config", str(other)]) == 2
    assert "is for u/c/n" in capsys.readouterr().err
    assert not (card / "piazza").exists()


@pytest.mark.parametrize("updates", [b"", b'{"signed": "root 1"}'])
def test_the_root_of_updates_is_on_the_card_where_it_was_given(card, updates):
    prepare(Folder(card), an_order(updates=updates), boot=BOOT)
    assert files(card).get("piazza/etc/updates.json", b"") == updates


@pytest.mark.slow
def test_a_first_boot_that_goes_on_leaves_the_document_that_came_by_update(card, tmp_path):
    """Once updates are believed it is a link into the release that runs."""
    root = tmp_path / "root"
    (root / "etc/piazza").mkdir(parents=True)
    (root / "etc/piazza/node.yaml").symlink_to("/var/lib/piazza/ota/current/node.yaml")
    prepare(Folder(card), an_order(), boot=BOOT)
    command = ["sh", str(card / "piazza/firstboot"), str(root)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert (root / "etc/piazza/node.yaml").is_symlink()


@pytest.mark.slow
def test_first_boot_takes_everything_from_the_card_and_wipes_the_token(card, tmp_path):
    """`firstboot` with a folder for its root: what it installs, with which rights, and what is gone afterwards."""
    order = an_order(wifi=Wifi("Piazza", "korrekt-pferd"))
    prepare(Folder(card), order, boot=BOOT)
    root = tmp_path / "root"
    for _ in range(2):
        done = subprocess.run(
            ["sh", str(card / "piazza/firstboot"), str(root)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((root / "etc/piazza/enrol.json").read_text())["token"] == order.ticket.token
    assert (root / "etc/piazza/enrol.json").stat().st_mode & 0o777 == 0o600
    wifi = root / "etc/NetworkManager/system-connections/piazza-wifi.nmconnection"
    assert wifi.stat().st_mode & 0o777 == 0o600
    left = b"".join(files(card).values())
    assert order.ticket.token.encode() not in left
    assert b"korrekt-pferd" not in left


# A card that is somebody's already, and a node in another's place

OTHER = NodeName("romagna-faentina", "brisighella", "n-0016")


def prepared(card, authority, name, *more):
    """The exit code of `piazza image` for this name."""
    arguments = ["--node", str(name), "--keys", str(authority.folder), "--broker", "broker.example.org"]
    return main(["image", str(card), *arguments, *more])


def test_a_card_of_another_node_is_refused_by_that_node_s_name(card, authority, capsys):
    prepared(card, authority, OTHER)
    before = files(card)
    capsys.readouterr()
    assert prepared(card, authority, NAME) == 2
    said = capsys.readouterr().err
    assert f"prepared for {OTHER}" in said
    assert "--replace" in said
    assert files(card) == before
    assert [entry.name for entry in Desk(authority).entries()] == [str(OTHER)]


def test_a_card_that_is_replaced_keeps_nothing_of_the_other_node(card, authority, capsys, tmp_path):
    (passphrase := tmp_path / "passphrase").write_text("korrekt-pferd")
    prepared(card, authority, OTHER, "--wifi", "Piazza", "--wifi-passphrase-file", str(passphrase))
    assert prepared(card, authority, NAME, "--replace") == 0
    assert f"was the card of {OTHER}" in capsys.readouterr().out
    assert not [path for path, content in files(card).items() if b"korrekt-pferd" in content or b"n-0016" in content]


@pytest.mark.slow
def test_an_image_file_that_is_replaced_keeps_nothing_of_the_other_node(disk):
    image = open_target(disk)
    prepare(image, an_order(wifi=Wifi("Piazza", "korrekt-pferd"), ssh_keys="ssh-ed25519 AAAA\n"), boot=BOOT)
    written = prepare(image, an_order(), boot=BOOT)
    assert image.paths("piazza") == [path for path in written if path.startswith("piazza/")]


@pytest.mark.parametrize("more", [(), ("--replace",)])
def test_a_card_that_another_node_booted_from_must_be_flashed_anew(card, authority, capsys, more):
    """Its keys and its outbox are on the other partition, where nobody here can reach them."""
    prepared(card, authority, OTHER)
    (card / "piazza/firstboot.log").write_text("ok    the packages of this card are installed\n")
    assert prepared(card, authority, NAME, *more) == 2
    assert "flash Raspberry Pi OS Lite" in capsys.readouterr().err


def test_the_same_node_s_card_is_prepared_again_without_a_word_though_it_has_booted(card, authority):
    prepared(card, authority, NAME)
    (card / "piazza/firstboot.log").write_text("ok    the packages of this card are installed\n")
    assert prepared(card, authority, NAME) == 0
    assert (card / "piazza/firstboot.log").exists()


def test_a_broken_node_is_replaced_by_a_new_card_a_new_label_and_a_person_s_word(card, authority, capsys, tmp_path):
    """The whole way of the guide: image, first boot, the desk, `--take-over`, and the label that opens from then on."""
    old, old_code = booted(card, authority, tmp_path / "old", capsys)
    main(["enrol", "approve", "--keys", str(authority.folder), str(NAME)])
    assert asked(old, authority) is Word.GRANTED
    fresh_card(card)
    new, new_code = booted(card, authority, tmp_path / "new", capsys)
    assert asked(new, authority) is Word.WAIT
    assert main(["enrol", "approve", "--keys", str(authority.folder), str(NAME)]) == 2
    assert "--take-over" in capsys.readouterr().err
    assert main(["enrol", "approve", "--keys", str(authority.folder), str(NAME), "--take-over"]) == 0
    assert asked(new, authority) is Word.GRANTED
    assert [key.kid for key in load_ring(authority.ring)] == [load_signer(new.signing).kid]
    assert asked(old, authority) is Word.REFUSED
    lock = msgspec.json.decode((new.root / "aim.json").read_bytes(), type=Lock)
    assert (lock.opens(new_code), lock.opens(old_code)) == (True, False)


def booted(card, authority, machine, capsys):
    """A machine after its first boot from the card, and the code of the label that was printed for it."""
    prepared(card, authority, NAME)
    code = capsys.readouterr().out.strip().rpartition("#")[2]
    subprocess.run(["sh", str(card / "piazza/firstboot"), str(machine)], check=True, capture_output=True)
    return Place(machine / "etc/piazza"), code


def asked(place, authority):
    """What the desk answers to a machine that asks with its card's ticket."""
    ticket = Ticket.read(place.ticket.read_bytes())
    return Desk(authority).take(petition(place, ticket), at=AT).word


def fresh_card(card):
    for path in sorted(card.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    for name, text in STOCK.items():
        (card / name).write_text(text)
