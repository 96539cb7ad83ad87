"""Who we are at a broker, from the folder of keys."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from agent.commands import party
from agent.errors import UserError
from agent.provision.bench import Bench

AT = 1_777_000_000.0


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    bench = Bench.make(tmp_path / "keys", at=AT)
    bench.add_signer("store", "u/centre/store-1", at=AT)
    bench.add_reader("watcher", at=AT)
    return bench.folder


def asked(keys: Path, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    party.add_broker_arguments(parser)
    return parser.parse_args(["--keys", str(keys), *words])


def test_the_only_one_who_fits_needs_no_name(keys: Path):
    assert str(party.signer_name(asked(keys), "store")) == "u/centre/store-1"
    assert party.reader_name(asked(keys)) == "watcher"


def test_several_who_fit_must_be_chosen_from(keys: Path):
    Bench(keys).add_signer("store", "u/centre/store-2", at=AT)
    Bench(keys).add_reader("another", at=AT)
    with pytest.raises(UserError, match="found: u/centre/store-1, u/centre/store-2"):
        party.signer_name(asked(keys), "store")
    with pytest.raises(UserError, match="found: another, watcher"):
        party.reader_name(asked(keys))
    assert str(party.signer_name(asked(keys, "--name", "u/centre/store-2"), "store")) == "u/centre/store-2"


def test_nobody_who_fits_is_told_how_to_be_made(keys: Path):
    with pytest.raises(UserError) as caught:
        party.signer_name(asked(keys), "witness")
    assert "piazza keys witness" in caught.value.hint


@pytest.mark.parametrize(
    ("words", "host", "port"),
    [
        ([], "localhost", 8883),
        (["--broker", "b.example"], "b.example", 8883),
        (["--broker", "b.example:18883"], "b.example", 18883),
        (["--plain"], "localhost", 1883),
    ],
)
def test_the_broker_is_found_where_it_is_said_to_be(keys: Path, words: list[str], host: str, port: int):
    found = party.address(asked(keys, *words), "watcher")
    assert (found.host, found.port) == (host, port)
    assert bool(found.ca) is ("--plain" not in words)


def test_a_port_that_is_none_is_the_users_to_mend(keys: Path):
    with pytest.raises(UserError, match="'tls' is no port"):
        party.address(asked(keys, "--broker", "b.example:tls"), "watcher")
