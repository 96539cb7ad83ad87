"""How well a page can be read in the sun and hit with a glove: measured on what the browser has drawn."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

MEASURE = """() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number)
  const channel = value => { const v = value / 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
  const ground = one => {
    for (; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor)
      if (colour.length < 4 || colour[3] > 0) return colour
    }
    return [255, 255, 255]
  }
  const shown = one => one.getClientRects().length > 0
  const named = one => one.id || one.dataset.t || one.dataset.say || one.className || one.tagName
  const targets = [...document.querySelectorAll("button, input, select, summary, a")].filter(shown).map(one => {
    const box = one.getBoundingClientRect()
    return [Math.min(box.width, box.height), named(one)]
  })
  const own = one => [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim())
  const texts = [...document.body.querySelectorAll("*")].filter(one => shown(one) && own(one)).map(one => {
    const [a, b] = [light(parts(getComputedStyle(one).color)), light(ground(one))]
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), named(one)]
  })
  return [targets, texts]
}"""
"""Sides in CSS pixels of all that can be touched; contrast of all text with what lies behind it, as WCAG 2.2 defines it."""


@dataclass(slots=True)
class Legible:
    """The worst so far, and what it was."""

    side_px: float = 1e9
    smallest: str = ""
    contrast: float = 21.0
    faintest: str = ""

    def look(self, page: Page) -> None:
        """Take in what the page shows at this moment."""
        targets, texts = page.evaluate(MEASURE)
        self.side_px, self.smallest = min([(self.side_px, self.smallest), *map(tuple, targets)])
        self.contrast, self.faintest = min([(self.contrast, self.faintest), *map(tuple, texts)])
