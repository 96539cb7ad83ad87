"""Lets `python -m agent` stand for the `piazza` command."""

from agent.cli import command

command()
