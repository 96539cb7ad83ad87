"""The union of the simulation on disk: its document, two agreements, and keys for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.contract.topics import NodeName
from agent.governance import agreement, union
from agent.governance.agreement import Agreement
from agent.governance.union import Union
from agent.simulation import ground
from agent.simulation.script import Spot, Story

UNION = "romagna-faentina"
COMUNI = {
    "faenza": "Faenza",
    "brisighella": "Brisighella",
    "casola": "Casola Valsenio",
    "castel-bolognese": "Castel Bolognese",
    "riolo": "Riolo Terme",
    "solarolo": "Solarolo",
}
SEAT = f"{UNION}/centre"
STORE, ROOM, POLICE, SQUARE = f"{SEAT}/store-1", f"{SEAT}/room", f"{SEAT}/police-faenza", f"{SEAT}/square"
FORM = f"{UNION}/faenza/form"
SIGNERS = {STORE: "store", ROOM: "operator", POLICE: "police", SQUARE: "publisher", FORM: "node"}

_UNION = """\
version: 1
id: {union}
name: Unione della Romagna Faentina
contact: privacy@romagna-faentina.example
comuni:
{comuni}
parties:
  - {{ id: store-1, role: store }}
  - {{ id: room, role: operator }}
  - {{ id: fleet, role: maintainer }}
  - {{ id: dpo, role: auditor }}
  - {{ id: square, role: publisher }}
  - {{ id: anybody, role: public }}
"""
_POLICE = """\
version: 1
id: police
partner:
  id: police-faenza
  name: Polizia di Stato, Commissariato di Faenza
  role: police
  contact: dpo@police.example
comuni: [faenza, brisighella]
events: [crossing, tamper, report, anomaly]
purpose: public-security
legal_basis: Accordo quadro 12/2026
since: "{since}"
until: "{until}"
retention_days: 7
"""
_REGION = """\
version: 1
id: region
partner:
  id: region
  name: Regione, servizio statistica
  role: statistics
  contact: statistica@region.example
comuni: [{comuni}]
purpose: planning
legal_basis: Convenzione 7/2026
since: "{since}"
until: "{until}"
retention_days: 30
"""


@dataclass(frozen=True, slots=True)
class Town:
    """Everything of the simulation that lies on disk."""

    folder: Path
    union: Union
    agreements: Sequence[Agreement]
    spots: Sequence[Spot]
    story: Story


def write(folder: Path, *, nodes: int, seed: int, at: float, broken_at: float, events_a_day: float = 2.0) -> Town:
    """The documents of a union with so many nodes, spread over its comuni; agreements hold for a year around `at`."""
    (folder / "agreements").mkdir(parents=True, exist_ok=True)
    names = spread(nodes)
    (folder / "union.yaml").write_text(_UNION.format(union=UNION, comuni=_comuni(names)), encoding="utf-8")
    day = datetime.fromtimestamp(at, UTC).date()
    terms = {"since": day - timedelta(days=182), "until": day + timedelta(days=182), "comuni": ", ".join(COMUNI)}
    (folder / "agreements" / "police.yaml").write_text(_POLICE.format(**terms), encoding="utf-8")
    (folder / "agreements" / "region.yaml").write_text(_REGION.format(**terms), encoding="utf-8")
    ground.write(folder, names)
    whole = union.load(folder / "union.yaml")
    spots = [Spot(name, 0.4 + (number * 7 % 10) / 6) for number, name in enumerate(names)]
    story = Story(seed, "faenza", "castel-bolognese", str(names[-1]), broken_at, events_a_day)
    return Town(folder, whole, agreement.load_all(folder / "agreements", whole), spots, story)


def spread(nodes: int) -> list[NodeName]:
    """Nodes by turns: the first comune has as many as any other or one more."""
    comuni = list(COMUNI)
    return [NodeName(UNION, comuni[number % len(comuni)], f"n-{number + 1:04}") for number in range(nodes)]


def _comuni(names: Sequence[NodeName]) -> str:
    """Each comune with its nodes; the report form is one of them."""
    names = [*names, NodeName.parse(FORM)]
    return "\n".join(
        f"  - {{ id: {comune}, name: {title}, nodes: [{', '.join(name.node for name in names if name.comune == comune)}] }}"
        for comune, title in COMUNI.items()
    )
