"""What the page and the report say of each step, in English and Italian; no other module of this room holds a sentence.

A step's numbers are said in parts: a part is left out where a number that it names is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

Said = tuple[str, str]
"""English, Italian."""

TITLES: dict[str, Said] = {
    "power": ("Power under load", "Alimentazione sotto carico"),
    "heat": ("Heat under load", "Temperatura sotto carico"),
    "network": ("Way to the broker", "Collegamento al broker"),
    "clock": ("Clock", "Orologio"),
    "identity": ("Keys and certificate", "Chiavi e certificato"),
    "rights": ("What it must not say is refused", "Ciò che non deve dire viene rifiutato"),
    "camera": ("Camera steady", "Telecamera stabile"),
    "aim": ("Aim: is the picture right?", "Mira: l'inquadratura è giusta?"),
    "focus": ("Focus", "Messa a fuoco"),
    "scale": ("Scale: two known lengths", "Scala: due lunghezze note"),
    "masks": ("Hide windows, doors, gardens", "Coprire finestre, porte, giardini"),
    "zones": ("Zones and lines", "Zone e linee"),
    "sensors": ("Sensors one by one", "Sensori uno per uno"),
    "walk": ("Walk test", "Prova di passaggio"),
    "event": ("Test event acknowledged", "Evento di prova confermato"),
    "night": ("Walk test at night", "Prova di passaggio di notte"),
}
"""Step -> title, in the order of the page."""

FLAGS: dict[str, dict[str, Said]] = {
    "power": {"unmeasured": ("this board does not measure its voltage", "questa scheda non misura la tensione")},
    "clock": {"ntp": ("set by the network", "dalla rete"), "rtc": ("kept by its cell", "dalla pila")},
}
"""What is said where a value that is no number to read is there."""

NUMBERS: dict[str, tuple[Said, ...]] = {
    "power": (
        ("{seconds:.0f} s on {cores:.0f} cores", "{seconds:.0f} s su {cores:.0f} core"),
        ("too low in {low:.0f} of {readings:.0f} readings", "troppo bassa in {low:.0f} letture su {readings:.0f}"),
    ),
    "heat": (
        ("{before_c:.0f} to {most_c:.0f} °C", "da {before_c:.0f} a {most_c:.0f} °C"),
        ("{now_c:.0f} °C now", "ora {now_c:.0f} °C"),
    ),
    "network": (("{waiting:.0f} wait", "{waiting:.0f} in attesa"),),
    "identity": (("valid for {days:.0f} days", "valido {days:.0f} giorni"),),
    "rights": (("{refused:.0f} of {tried:.0f} refused", "{refused:.0f} di {tried:.0f} rifiutati"),),
    "camera": (
        ("{slowest:.1f} to {fastest:.1f} pictures/s", "da {slowest:.1f} a {fastest:.1f} immagini/s"),
        ("{seen:.0f} of {needed:.0f} looks", "{seen:.0f} di {needed:.0f} sguardi"),
    ),
    "aim": (
        ("sky {sky_pct:.0f} %", "cielo {sky_pct:.0f} %"),
        ("leans by {roll_deg:.1f}°", "inclinata di {roll_deg:.1f}°"),
    ),
    "focus": (("{share_pct:.0f} % of the best, {focus:.1f}", "{share_pct:.0f} % del massimo, {focus:.1f}"),),
    "scale": (
        ("{near:.0f} px/m nearest", "{near:.0f} px/m da vicino"),
        ("people from {from_pct:.0f} % down", "persone dal {from_pct:.0f} % in giù"),
        ("camera {camera_m:.1f} m high", "telecamera a {camera_m:.1f} m"),
    ),
    "masks": (("{masks:.0f} masks, {hidden_pct:.0f} % hidden", "{masks:.0f} maschere, {hidden_pct:.0f} % coperto"),),
    "zones": (("{zones:.0f} zones, {lines:.0f} lines", "{zones:.0f} zone, {lines:.0f} linee"),),
    "sensors": (("{moved:.0f} of {all:.0f}", "{moved:.0f} di {all:.0f}"),),
    "walk": (("{found:.0f} of {expected:.0f} found", "{found:.0f} di {expected:.0f} trovate"),),
    "event": (("answered after {after_s:.0f} s", "risposta dopo {after_s:.0f} s"),),
    "night": (
        ("light {light_pct:.0f} %", "luce {light_pct:.0f} %"),
        ("{found:.0f} of {expected:.0f} found", "{found:.0f} di {expected:.0f} trovate"),
    ),
}

WHY: dict[str, Said] = {
    "": ("", ""),
    "load": ("make a load of twenty seconds", "fare un carico di venti secondi"),
    "low": ("a shorter or thicker cable, a 5.1 V supply", "cavo più corto o più spesso, alimentatore da 5,1 V"),
    "hot": ("shade, a heat sink, or air through the box", "ombra, un dissipatore, aria nella scatola"),
    "link": ("does link run? journalctl -u piazza-link", "link è attivo? journalctl -u piazza-link"),
    "outbox": ("is the broker reached? journalctl -u piazza-link", "il broker risponde? journalctl -u piazza-link"),
    "clock": ("timedatectl timesync-status; is UDP 123 let out?", "timedatectl timesync-status; UDP 123 esce?"),
    "keys": ("enrol this node, or make a new card", "registrare il nodo o preparare una nuova scheda"),
    "certificate": ("ask who runs the authority to renew it", "chiedere il rinnovo a chi gestisce l'autorità"),
    "unasked": ("waits for link to try", "in attesa della prova di link"),
    "allowed": ("the broker lets through: {about}; mend its access list", "il broker lascia passare: {about}; correggere i permessi"),
    "unanswered": ("no answer: open commissioning again", "nessuna risposta: riaprire il collaudo"),
    "watching": ("wait some seconds", "attendere qualche secondo"),
    "unsteady": ("cable, light, supply: the rate must not fall", "cavo, luce, alimentazione: la cadenza non deve calare"),
    "look": ("look at the picture, then confirm", "guardare l'immagine, poi confermare"),
    "wrong": ("turn the camera until it is right", "girare la telecamera finché è giusta"),
    "sky": ("much sky: tilt it down", "molto cielo: abbassarla"),
    "bare": ("too bare to notice tampering: bring a kerb, a wall or a mast into view",
             "troppo spoglia per accorgersi di manomissioni: inquadrare un cordolo, un muro o un palo"),
    "leans": ("walls lean: turn it upright", "i muri pendono: raddrizzarla"),
    "turn": ("turn the lens past the sharpest point and back", "girare l'obiettivo oltre il punto più nitido e tornare"),
    "measure": ("draw two known lengths, one far and one near", "tracciare due lunghezze note, una lontana e una vicina"),
    "faces": ("nearest faces can be recognised: mask the lower edge or hang it higher",
              "i volti più vicini sono riconoscibili: coprire il bordo basso o montarla più in alto"),
    "sharp": ("nearest faces would be sharp: mask the lower edge or hang it higher",
              "i volti più vicini sarebbero nitidi: coprire il bordo basso o montarla più in alto"),
    "small": ("people would be too small to be found: nearer, or a larger picture",
              "le persone sarebbero troppo piccole: più vicino, o immagine più grande"),
    "draw": ("draw and save", "tracciare e salvare"),
    "move": ("now open, press or pass: {about}", "ora aprire, premere o passare: {about}"),
    "walk": ("say how many you are, walk through, end it", "dire in quanti si è, attraversare, terminare"),
    "count": ("nearer, higher, more light, or a larger zone; then again",
              "più vicino, più in alto, più luce o una zona più grande; poi di nuovo"),
    "send": ("send the test event", "inviare l'evento di prova"),
    "unheard": ("call the control room: have they seen it?", "chiamare la centrale: lo ha visto?"),
    "later": ("come back when it is dark; the report stays open for it", "tornare con il buio; il verbale resta aperto per questo"),
}  # fmt: skip
"""Why a step has not passed, or what to mind although it has -> what to do."""

STATES: dict[str, Said] = {
    "ok": ("passed", "superato"),
    "fail": ("failed", "non superato"),
    "wait": ("not done", "non fatto"),
    "later": ("open", "aperto"),
}


def numbers(step: str, values: Mapping[str, float]) -> Said:
    """What was measured, in both languages."""
    said = [part for part in NUMBERS.get(step, ()) if _names(part[0]) <= set(values)]
    said += [words for name, words in FLAGS.get(step, {}).items() if name in values]
    english, italian = (", ".join(part[language].format(**values) for part in said) for language in (0, 1))
    return english, italian


def todo(why: str, about: tuple[str, ...]) -> Said:
    """What to do, in both languages."""
    english, italian = WHY[why]
    named = ", ".join(about)
    return english.format(about=named), italian.format(about=named)


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}
