"""The units for the machine of a union: systemd accepts them, and each calls a command as it can be called."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import subprocess

import pytest

from tests.conftest import CHECKOUT

UNITS = sorted((CHECKOUT / "deploy" / "centre").glob("piazza-*"))
CALLS = [
    shlex.split(line.partition("=")[2])[1:]
    for unit in UNITS
    for line in unit.read_text().splitlines()
    if re.match(r"ExecStart(Pre)?=/usr/bin/piazza ", line)
]


def test_systemd_finds_nothing_to_say_about_any_unit(program, tmp_path):
    command = program("systemd-analyze")
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/bin/piazza", "/bin/true"))
    units = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run([command, "verify", *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_takes_what_bounds_the_age_of_a_session(program, tmp_path):
    """The broker's own unit with ours over it; without a word from systemd about either."""
    within = tmp_path / "mosquitto.service.d"
    within.mkdir()
    ours = CHECKOUT / "deploy/centre/mosquitto.service.d/piazza-ends.conf"
    (within / ours.name).write_text(ours.read_text())
    unit = tmp_path / "mosquitto.service"
    unit.write_text("[Service]\nType=notify\nExecStart=/bin/true\nRestart=on-failure\n")
    done = subprocess.run(
        [program("systemd-analyze"), "verify", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("words", CALLS, ids=" ".join)
def test_each_unit_calls_a_command_with_options_that_it_has(words):
    verb, *rest = words
    parser = argparse.ArgumentParser()
    importlib.import_module(f"agent.commands.{verb}").add_arguments(parser)
    parser.parse_args(rest)


def test_every_service_that_ends_has_its_timer():
    names = {unit.name for unit in UNITS}
    timed = ("piazza-certificates", "piazza-ends", "piazza-erase", "piazza-parties", "piazza-patto", "piazza-public")
    assert names == {"piazza-authority.service"} | {f"{one}.{kind}" for one in timed for kind in ("service", "timer")}
