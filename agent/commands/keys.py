"""`piazza keys`: keys and certificates for a bench, made anew in every folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.clock import SystemClock
from agent.contract.times import instant
from agent.provision.bench import LOOPBACK, Bench
from agent.provision.keys import load_ring

SIGNERS = ("node", "store", "maintainer", "operator", "police", "publisher", "witness", "auditor", "statistics")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    init = acts.add_parser("init", help="an authority, a broker certificate and an empty key ring")
    init.add_argument("folder", type=Path, metavar="DIR")
    init.add_argument("--host", action="append", help="a name or address of the broker (default: this machine)")
    for role in SIGNERS:
        signer = acts.add_parser(role, help=f"certificate and signing key of a {role}")
        signer.add_argument("folder", type=Path, metavar="DIR")
        signer.add_argument("name", metavar="UNION/COMUNE/ID")
    watcher = acts.add_parser("watcher", help="a certificate for somebody who only reads")
    watcher.add_argument("folder", type=Path, metavar="DIR")
    watcher.add_argument("name")
    show = acts.add_parser("show", help="the keys that are trusted")
    show.add_argument("folder", type=Path, metavar="DIR", help="the folder, or a ring.json")


def run(options: argparse.Namespace) -> int:
    at = SystemClock().now()
    match options.act:
        case "init":
            bench = Bench.make(options.folder, at=at, hosts=options.host or LOOPBACK)
            print(f"{bench.ca}\n{bench.broker.certificate}\n{bench.broker.key}\n{bench.ring}")
        case "show":
            _show(options.folder)
        case "watcher":
            Bench(options.folder).add_reader(options.name, at=at)
            _tell(Bench(options.folder), options.name)
        case role:
            key = Bench(options.folder).add_signer(role, options.name, at=at)
            _tell(Bench(options.folder), options.name)
            print(f"{Bench(options.folder).signing_key(options.name)}\nkid {key.kid}")
    return 0


def _tell(bench: Bench, name: str) -> None:
    print(f"{bench.tls(name).certificate}\n{bench.tls(name).key}")


def _show(path: Path) -> None:
    ring = load_ring(Bench(path).ring if path.is_dir() else path)
    for key in sorted(ring, key=lambda key: (key.role, key.subject)):
        until = "" if key.until is None else f" until {instant(key.until)}"
        print(f"{key.role:10} {key.subject:40} {key.kid}{until}")
