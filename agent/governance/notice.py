"""The public notice of one comune, from the agreements in force and from what its nodes really run.

It follows the vocabulary of Digital Trust for Places and Routines (DTPR): purpose, technology, data,
process, access, storage, accountability. Italian comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from agent.governance.agreement import Agreement
from agent.governance.union import Union


@dataclass(frozen=True, slots=True)
class Node:
    """What one node runs: numbers of cameras and masks, kinds of sensors, the digest of its configuration."""

    name: str
    cameras: int
    masks: int
    sensors: tuple[str, ...]
    digest: str
    sound: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """The notice in one language."""

    language: str
    title: str
    purpose: str
    technology: str
    data: str
    data_is: str
    process: str
    process_is: str
    access: str
    storage: str
    accountability: str
    nobody: str
    node: str
    until: str
    days: str
    no_picture: str
    purposes: dict[str, str]
    events: dict[str, str]


ITALIAN = Words(
    language="it",
    title="Questo spazio è osservato da sensori",
    purpose="Scopo",
    technology="Tecnologia",
    data="Dati",
    data_is="Conteggi ed eventi anonimi: quanti, dove, quando e perché è insolito. Mai immagini, volti, targhe o voci.",
    process="Trattamento",
    process_is="Le immagini sono esaminate dentro il dispositivo e dimenticate subito; escono solo messaggi firmati.",
    access="Chi riceve i dati",
    storage="Conservazione",
    accountability="Responsabile e contatti",
    nobody="nessuno fuori dall'Unione",
    node="{cameras} telecamere, {masks} zone oscurate, sensori: {sensors}; configurazione {digest}",
    until="fino al {until}; base giuridica: {basis}; contatto: {contact}",
    days="{partner}: al massimo {days} giorni",
    no_picture="Nessuna immagine lascia il dispositivo.",
    purposes={
        "public-security": "sicurezza pubblica",
        "traffic": "traffico",
        "civil-protection": "protezione civile",
        "planning": "pianificazione",
        "oversight": "controllo",
        "research": "ricerca",
    },
    events={
        "anomaly": "anomalie",
        "crossing": "attraversamenti",
        "loitering": "soste prolungate",
        "occupancy": "affollamenti",
        "tamper": "manomissioni",
        "sensor": "guasti dei sensori",
        "help-button": "richieste di aiuto",
        "report": "segnalazioni di persone, non verificate",
    },
)
ENGLISH = Words(
    language="en",
    title="This place is observed by sensors",
    purpose="Purpose",
    technology="Technology",
    data="Data",
    data_is="Anonymous counts and events: how many, where, when and why it is unusual. Never pictures, faces, plates or voices.",
    process="Process",
    process_is="Pictures are looked at inside the device and forgotten at once; only signed messages leave it.",
    access="Who receives data",
    storage="Storage",
    accountability="Accountable, and contact",
    nobody="nobody outside the union",
    node="{cameras} cameras, {masks} masked areas, sensors: {sensors}; configuration {digest}",
    until="until {until}; legal basis: {basis}; contact: {contact}",
    days="{partner}: {days} days at most",
    no_picture="No picture leaves the device.",
    purposes={},
    events={},
)

_STYLE = """
:root{color-scheme:light dark}body{font:18px/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1rem}
h1{font-size:1.6rem}h2{font-size:1.1rem;margin-bottom:.2rem}section{border-left:.4rem solid #0b57a4;padding-left:1rem;margin:1.2rem 0}
li{margin:.2rem 0}footer{font-size:.85rem;opacity:.8}
"""


def html(union: Union, comune: str, agreements: Sequence[Agreement], nodes: Sequence[Node], *, at: float) -> str:
    """One page, Italian and then English, that needs nothing else."""
    partners = [one for one in agreements if one.holds(at) and comune in one.comuni]
    name = next(one.name for one in union.comuni if one.id == comune)
    parts = "".join(_part(words, union, name, partners, nodes) for words in (ITALIAN, ENGLISH))
    day = datetime.fromtimestamp(at, UTC).date()
    return (
        f'<!doctype html><html lang="it"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{escape(name)}: {ITALIAN.title}</title>'
        f"<style>{_STYLE}</style></head><body><main>{parts}</main><footer>{day}</footer></body></html>\n"
    )


def _part(words: Words, union: Union, comune: str, partners: Sequence[Agreement], nodes: Sequence[Node]) -> str:
    sections = (
        (words.purpose, [_purpose(words, one) for one in partners] or [words.purposes.get("planning", "planning")]),
        (words.technology, [f"{node.name}: {_technology(words, node)}" for node in nodes]),
        (words.data, [words.data_is]),
        (words.process, [words.process_is, words.no_picture]),
        (words.access, [_receives(words, one) for one in partners] or [words.nobody]),
        (words.storage, [words.days.format(partner=one.partner.name, days=one.retention_days) for one in partners]),
        (words.accountability, [f"{union.name}: {union.contact}"]),
    )
    inner = "".join(
        f"<section><h2>{escape(title)}</h2><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul></section>"
        for title, lines in sections
        if lines
    )
    return f'<article lang="{words.language}"><h1>{escape(comune)} · {escape(words.title)}</h1>{inner}</article>'


def _purpose(words: Words, one: Agreement) -> str:
    return words.purposes.get(one.purpose, one.purpose.replace("-", " "))


def _technology(words: Words, node: Node) -> str:
    sensors = ", ".join((*node.sensors, *(("sound",) if node.sound else ()))) or "–"
    return words.node.format(cameras=node.cameras, masks=node.masks, sensors=sensors, digest=node.digest)


def _receives(words: Words, one: Agreement) -> str:
    what = ", ".join(words.events.get(kind, kind) for kind in one.events) or _purpose(words, one)
    terms = words.until.format(until=one.until, basis=one.legal_basis, contact=one.partner.contact)
    return f"{one.partner.name}: {what}; {terms}"
