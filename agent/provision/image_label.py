"""The label of a node: a QR code that opens its page, and the words under it for who has no camera at hand."""

from __future__ import annotations

import io
from html import escape

import segno

from agent.contract.topics import NodeName

_ERROR = "q"
"""A quarter of a label may be scratched or faded."""
_SIDE = 300


def svg(name: NodeName, address: str) -> str:
    """A label of 40 x 50 mm to print; black on white, since a phone reads it in the sun."""
    code = segno.make(address, error=_ERROR, micro=False)
    drawn = io.BytesIO()
    code.save(drawn, kind="svg", border=4, xmldecl=False, svgns=False, omitsize=True, unit=None)
    key = address.partition("#")[2]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40mm" height="50mm" viewBox="0 0 300 375">'
        f'<rect width="300" height="375" fill="#fff"/><svg width="{_SIDE}" height="{_SIDE}">{drawn.getvalue().decode()}</svg>'
        '<g font-family="monospace" text-anchor="middle" fill="#000">'
        f'<text x="150" y="318" font-size="24" font-weight="bold">{escape(name.node)}</text>'
        f'<text x="150" y="340" font-size="13">{escape(name.union)}/{escape(name.comune)}</text>'
        f'<text x="150" y="362" font-size="15">{escape(key)}</text></g></svg>\n'
    )


def terminal(address: str) -> str:
    """The same code in half blocks of a terminal."""
    drawn = io.StringIO()
    segno.make(address, error=_ERROR, micro=False).terminal(drawn, compact=True, border=2)
    return drawn.getvalue()
