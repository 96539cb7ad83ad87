"""The report form as one static page, Italian with English beside it: no script, no cookie, nothing from elsewhere.

Whoever hosts it names where it is sent to; `piazza form` serves the same page itself.
"""

from __future__ import annotations

from html import escape

from agent.console.settings import FormSettings

CHOICES = {
    "help": ("Qualcuno ha bisogno di aiuto", "Somebody needs help"),
    "crowd": ("Una folla troppo fitta", "A crowd that is too dense"),
    "noise": ("Rumore", "Noise"),
    "damage": ("Qualcosa è danneggiato", "Something is damaged"),
    "dark": ("Un lampione è spento", "A street lamp is out"),
    "water": ("Acqua dove non dovrebbe essere", "Water where none should be"),
    "smoke": ("Fumo o fuoco", "Smoke or fire"),
    "obstacle": ("Il passaggio è bloccato", "The way is blocked"),
}
_STYLE = (
    ":root{color-scheme:light dark;--ink:#1b1b1f;--paper:#fff;--line:#767a82;--dim:#55585f;--accent:#0b57a4;--on:#fff}"
    "@media(prefers-color-scheme:dark){:root{--ink:#ececf0;--paper:#131417;--line:#8b909a;--dim:#b0b4bd;"
    "--accent:#8ec2ff;--on:#0c1a2b}}"
    "*{box-sizing:border-box}body{font:18px/1.5 system-ui,sans-serif;margin:0 auto;max-width:36rem;padding:1rem;"
    "color:var(--ink);background:var(--paper)}h1{font-size:1.4rem}small{color:var(--dim);display:block;font-size:.9rem}"
    "fieldset{border:1px solid var(--line);border-radius:.5rem;margin:0 0 1.2rem;padding:.4rem 1rem}"
    "legend{font-weight:600;padding:0 .4rem}label{display:flex;gap:.8rem;align-items:center;min-height:3rem}"
    "input{width:1.3rem;height:1.3rem;flex:none}select,button{font:inherit;width:100%;min-height:3rem;"
    "border:1px solid var(--line);border-radius:.5rem;padding:.4rem .8rem;color:var(--ink);background:var(--paper)}"
    "button{background:var(--accent);color:var(--on);border-color:var(--accent);font-weight:600}"
    ".call{border-left:.4rem solid var(--accent);padding:.2rem 0 .2rem .8rem}"
)


def form(settings: FormSettings, *, to: str) -> str:
    """The page; `to` is the address that it is sent to."""
    places = "".join(f'<option value="{one.id}">{escape(one.name)}</option>' for one in settings.areas)
    choices = "".join(
        f'<label><input type="radio" name="what" value="{one}" required><span>{CHOICES[one][0]}'
        f'<small lang="en">{CHOICES[one][1]}</small></span></label>'
        for one in settings.choices
    )
    return _page(
        settings,
        '<p class="call">Pericolo adesso? Chiama il <a href="tel:112">112</a>.'
        '<small lang="en">Danger now? Call 112.</small></p>'
        f'<form method="post" action="{escape(to)}"><fieldset><legend>Che cosa succede? <small lang="en">What is the '
        f"matter?</small></legend>{choices}</fieldset>"
        '<p><label for="area">Dove?&nbsp;<small lang="en">Where?</small></label>'
        f'<select id="area" name="area" required><option value="">–</option>{places}</select></p>'
        '<p><button type="submit">Invia · <span lang="en">Send</span></button></p></form>'
        "<p>Non chiediamo chi sei. Non conserviamo il tuo indirizzo di rete né l'ora esatta, e nessuno può scriverti. "
        "Chi lo riceve sa soltanto che cosa, dove e in quale minuto, e che nessuno lo ha ancora verificato."
        '<small lang="en">We do not ask who you are. We keep neither your network address nor the exact time, and nobody '
        "can write to you. Whoever receives this knows only what, where and in which minute, and that nobody has checked "
        "it yet.</small></p>",
        sends_to=to,
    )


def answer(settings: FormSettings, italian: str, english: str) -> str:
    """What is shown after sending."""
    return _page(settings, f'<p role="status">{italian}<small lang="en">{english}</small></p>', sends_to="")


def _page(settings: FormSettings, body: str, *, sends_to: str) -> str:
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action {_origin(sends_to)}"
    return (
        '<!doctype html><html lang="it"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><link rel="icon" href="data:,">'
        f"<title>{escape(settings.title)}: segnala</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{escape(settings.title)}: segnala <small lang="en">Report something</small></h1>{body}</main></body></html>\n'
    )


def _origin(address: str) -> str:
    """What a policy names: the page's own site, or scheme and host of another one."""
    scheme, _, rest = address.partition("://")
    return escape(f"{scheme}://{rest.partition('/')[0]}") if rest else "'self'"
