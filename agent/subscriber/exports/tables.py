"""Events and counts as rows for analysts: one line each, every member a column; CSV, or Parquet where pyarrow is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.contract.envelope import Envelope
from agent.contract.types import EventData, StatData
from agent.errors import UserError

Row = dict[str, str | float | None]

COLUMNS = (
    "node", "seq", "class", "type", "time", "severity", "happening", "phase", "rule", "source", "zone", "label",
    "quantity", "observed", "expected", "since", "until", "coverage",
)  # fmt: skip
_NUMBERS = {"seq", "observed", "expected", "coverage"}


def rows(envelope: Envelope) -> Iterator[Row]:
    """One row for an event, one for each count of an interval; nothing for other classes."""
    common: Row = dict.fromkeys(COLUMNS) | {
        "node": str(envelope.topic.name),
        "seq": envelope.seq,
        "class": str(envelope.klass),
        "type": envelope.topic.type,
        "time": envelope.payload.time,
    }
    match envelope.data:
        case EventData():
            yield common | _of_event(envelope, envelope.data)
        case StatData():
            told = envelope.data
            span: Row = {"source": told.source, "since": told.since, "until": told.until, "coverage": told.coverage}
            for name, value in sorted(told.values.items()):
                yield common | span | {"quantity": name, "observed": value}


def write_csv(some: Iterable[Row]) -> str:
    """With a first line of names."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(some)
    return out.getvalue()


def write_parquet(some: Iterable[Row], path: Path) -> None:
    """UserError where pyarrow is not installed."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UserError("Parquet needs pyarrow", hint="pip install 'piazza[analysis]', or export csv") from error
    schema = pa.schema([(name, pa.float64() if name in _NUMBERS else pa.string()) for name in COLUMNS])
    pq.write_table(pa.Table.from_pylist(list(some), schema=schema), path)


def _of_event(envelope: Envelope, data: EventData) -> Row:
    return {
        "severity": str(envelope.payload.severity or "info"),
        "happening": envelope.payload.correlationid or "",
        "phase": str(data.phase),
        "rule": data.rule,
        "source": data.source,
        "zone": data.zone,
        "label": data.label,
        "quantity": data.reason.quantity,
        "observed": data.reason.observed,
        "expected": data.reason.expected,
    }
