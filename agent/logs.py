"""One JSON object a line on standard error: constant text plus fields.

Give fields with `log.info("camera opened", extra={"camera": "gate"})`. A terminal gets the same
facts as readable text.
"""

from __future__ import annotations

import json
import logging
import sys

from agent.printable import printable

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as one JSON object: at, level, log, text and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "log": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        whole = line | _fields(record) | line  # no field passes for the log's own
        return printable(json.dumps(whole, default=str, ensure_ascii=False))


class TextFormatter(logging.Formatter):
    """The same record for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        text = f"{self.formatTime(record, '%H:%M:%S')} {record.name}: {record.getMessage()} {fields}".rstrip()
        trace = f"\n{printable(self.formatException(record.exc_info), keep_lines=True)}" if record.exc_info else ""
        return printable(text) + trace


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


def start(*, level: str = "info") -> None:
    """Send the whole process's log to standard error, JSON unless that is a terminal."""
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(TextFormatter() if sys.stderr.isatty() else JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[stream], force=True)
