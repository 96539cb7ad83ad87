"""The whole path on one machine for somebody who sees Piazza for the first time."""
