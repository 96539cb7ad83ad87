"""The words of one language for the sentences of events: tables, and what depends on how many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Tongue:
    """A language. The defaults are English; a test compares every other with it."""

    tests: Mapping[str, str]
    """Test of a reason -> what it says."""
    states: Mapping[str, str]
    """Measures that are 1 or 0 -> what 1 means."""
    faults: Mapping[str, str]
    """Measures of a camera's health -> what is wrong."""
    stays: Mapping[str, str]
    """Measures of how long something is so -> what it is."""
    stay: str
    """The same for all others."""
    ends: Mapping[str, str]
    """What closed an event -> what to add."""
    spans: tuple[str, str, str, str]
    """Day, hour, minute, second."""
    scene: Mapping[str, str]
    """Measure of what does not fit a scene -> what it says."""
    plurals: Mapping[str, str] = field(default_factory=dict)
    """Labels whose plural does not simply end in s."""
    singulars: Mapping[str, str] = field(default_factory=dict)
    ones: Mapping[str, str] = field(default_factory=dict)
    """Labels with their article."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Any other word of a quantity or a unit of evidence."""
    present: str = "present"
    pictures: str = "pictures"
    unwell: str = "the camera is not well"
    over: str = "over"
    after: str = "after"
    still: str = "still"
    above: str = "over"
    below: str = "under"
    against: str = "against"
    at_most: str = "at most"
    learned: str = "learned from"
    times: str = "times"
    heights: str = "body heights a second"
    point: str = "."

    def figure(self, value: float, *, digits: int = 4) -> str:
        """So many significant digits, without an exponent where a person would write none."""
        return f"{float(f'{value:.{digits}g}'):g}".replace(".", self.point)

    def labelled(self, label: str) -> str:
        return self.singulars.get(label, label)

    def counted(self, label: str, count: float) -> str:
        """What there is so many of; `present` where it has no name."""
        if not label:
            return self.present
        return self.labelled(label) if count == 1.0 else self.plurals.get(label, f"{label}s")

    def one(self, label: str) -> str:
        return self.ones.get(label, f"{'an' if label[0] in 'aeiou' else 'a'} {label}")
