"""The citizens' page: yesterday's rhythm of every place, what changed, and how many events went to whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from agent.governance.counts import Hour, Protection
from agent.governance.union import Union

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1f;--paper:#fff;--bar:#0b57a4;--line:#c9ccd3;--dim:#55585f}
@media(prefers-color-scheme:dark){:root{--ink:#ececf0;--paper:#131417;--bar:#8ec2ff;--line:#42464f;--dim:#b0b4bd}}
body{font:17px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem;color:var(--ink);background:var(--paper)}
svg{width:100%;height:5.5rem;display:block}rect{fill:var(--bar)}rect.less{fill:var(--line)}
figure{margin:0 0 1.2rem}figcaption,.dim{color:var(--dim);font-size:.92rem}table{border-collapse:collapse}td,th{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid var(--line)}
"""
FEED = "changes.xml"
ROME = ZoneInfo("Europe/Rome")
_DAY = 24
_HIGH = 80
ACTS = {
    "config-applied": ("nuova configurazione", "new configuration"),
    "mask-changed": ("zone oscurate cambiate", "masks changed"),
    "mode-changed": ("modo cambiato", "mode changed"),
    "model-applied": ("nuovo modello", "new model"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """An act of a node that its neighbours are told of."""

    at: float
    node: str
    action: str
    digest: str


@dataclass(frozen=True, slots=True)
class Story:
    """What the site tells."""

    union: Union
    hours: Sequence[Hour]
    protection: Protection
    changes: Sequence[Change]
    received: Mapping[str, int]
    at: float
    notices: Sequence[str] = ()
    """The files of the public notices, one for each comune of the union and in its order."""
    zone: ZoneInfo = ROME


def html(story: Story) -> str:
    """The page, in Italian with an English line under each title."""
    return (
        '<!doctype html><html lang="it"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(story.union.name)}: i numeri delle piazze</title><style>{_STYLE}</style>"
        f'<link rel="icon" href="data:,"><link rel="alternate" type="application/atom+xml" href="{FEED}"></head><body>'
        f"<main><h1>{escape(story.union.name)}: i numeri delle piazze</h1>"
        f'<p lang="en" class="dim">The numbers of the squares.</p>{_told_by(story)}{_places(story)}{_received(story)}'
        f"{_changed(story)}{_method(story)}</main></body></html>\n"
    )


def _told_by(story: Story) -> str:
    """When it was made, and where the notices are."""
    when = datetime.fromtimestamp(story.at, story.zone).strftime("%d/%m/%Y, %H:%M")
    links = ", ".join(
        f'<a href="{file}">{escape(comune.name)}</a>'
        for comune, file in zip(story.union.comuni, story.notices, strict=False)
    )
    told = f'Che cosa osserva ogni comune, e perché <span lang="en" class="dim">(what is observed, and why)</span>: {links}.'
    return f"<p>Aggiornato il {when}. {told if links else ''}</p>"


def _places(story: Story) -> str:
    places: dict[tuple[str, str], list[Hour]] = defaultdict(list)
    for hour in story.hours:
        places[(hour.node, hour.place)].append(hour)
    figures = "".join(_figure(node, place, some[-_DAY:], story.zone) for (node, place), some in sorted(places.items()))
    return f'<h2>Passaggi nelle ultime 24 ore</h2><p lang="en" class="dim">Passages in the last 24 hours.</p>{figures}'


def _figure(node: str, place: str, some: Sequence[Hour], zone: ZoneInfo) -> str:
    most = max([1, *(hour.count or 0 for hour in some)])
    bars = "".join(_bar(number, hour, most, zone) for number, hour in enumerate(some))
    told = sum(hour.count or 0 for hour in some)
    where = f"{node.partition('/')[2]}, {place}"
    return (
        f'<figure><svg viewBox="0 0 {_DAY * 10} {_HIGH}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(where)}: {told}">{bars}</svg><figcaption>{escape(where)}: {told}</figcaption></figure>'
    )


def _bar(number: int, hour: Hour, most: int, zone: ZoneInfo) -> str:
    """A grey stub where the number is withheld."""
    high = 4.0 if hour.count is None else max(1.0, _HIGH * hour.count / most)
    kind = ' class="less"' if hour.count is None else ""
    when = datetime.fromtimestamp(hour.since, zone).strftime("%H:%M")
    said = "meno della soglia" if hour.count is None else str(hour.count)
    return (
        f'<rect{kind} x="{number * 10}" y="{_HIGH - high:.1f}" width="8" height="{high:.1f}">'
        f"<title>{when}: {said}</title></rect>"
    )


def _received(story: Story) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{number}</td></tr>" for name, number in sorted(story.received.items())
    )
    return (
        '<h2>Chi ha ricevuto eventi in 30 giorni</h2><p lang="en" class="dim">Who received events in 30 days.</p>'
        f"<table><tr><th>Destinatario</th><th>Eventi</th></tr>{rows}</table>"
    )


def _changed(story: Story) -> str:
    items = "".join(
        f"<li>{datetime.fromtimestamp(one.at, story.zone).strftime('%d/%m/%Y')} {escape(one.node.partition('/')[2])}: {ACTS[one.action][0]} "
        f'<span lang="en" class="dim">({ACTS[one.action][1]})</span> {one.digest}</li>'
        for one in story.changes
    )
    return f'<h2>Che cosa è cambiato</h2><p lang="en" class="dim">What changed in 30 days (<a href="{FEED}">feed</a>).</p>{_list(items)}'


def _list(items: str) -> str:
    nothing = '<p>Niente in 30 giorni. <span lang="en" class="dim">Nothing.</span></p>'
    return f"<ul>{items}</ul>" if items else nothing


def _method(story: Story) -> str:
    guard = story.protection
    return (
        f"<h2>Come proteggiamo i numeri</h2><p>Le ore con meno di {guard.k} passaggi non sono pubblicate. Agli altri "
        f"numeri è aggiunto un rumore (ε = {guard.epsilon:g} per passaggio) che li cambia in media di "
        f"{guard.mean_error:.2f}; ogni ora è pubblicata sempre con lo stesso numero. Chi passa m volte al giorno "
        f'spende m·ε.</p><p lang="en" class="dim">Hours with fewer than {guard.k} passages are withheld; noise '
        f"(ε = {guard.epsilon:g} for one passage) changes a count by {guard.mean_error:.2f} on average and is always the "
        "same for an hour; whoever passes m times a day spends m·ε.</p>"
    )
