"""Lets `python -m agent` stand for the `piazza` command."""

from agent.cli import main

raise SystemExit(main())
