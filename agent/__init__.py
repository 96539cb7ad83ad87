"""Piazza: a node that watches a public space and tells what is unusual, never who."""

__version__ = "0.1.0"
