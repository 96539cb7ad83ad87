"""The bounded last step: restart the machine when its eyes stay shut and restarting the service did not help.

Pure: how it has been, how it is, and the time in; whether to restart out. The bounds keep a fault that no restart mends
from becoming a loop, and leave the node reachable for whoever comes.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from agent.provision.facts import Finding

ILL_S = 1800.0
"""A camera driver that hangs is often well again after minutes; a person may be at work."""
APART_S = 6 * 3600.0
WEEK_S = 7 * 86_400.0
MOST_A_WEEK = 3
HELPED = ("sense", "cameras")
"""What a restart of the machine may mend; a spoiled document or an absent broker it does not."""


class Course(msgspec.Struct, frozen=True):
    """How it has been: ill since an instant (0 for well), and when the machine was restarted for it."""

    since: float = 0.0
    restarts: tuple[float, ...] = ()


def hopeless(found: Sequence[Finding]) -> bool:
    """Whether the node is ill in a way that a restart may mend."""
    wrong = {finding.what for finding in found if not finding.ok}
    return "configuration" not in wrong and bool(wrong & set(HELPED))


def judged(course: Course, *, ill: bool, at: float) -> tuple[Course, bool]:
    """The course from now on, and whether to restart the machine now.

    A clock that was set back begins the illness anew: too late is better than in vain.
    """
    restarts = tuple(when for when in course.restarts if when <= at < when + WEEK_S)
    if not ill:
        return Course(0.0, restarts), False
    since = course.since if 0.0 < course.since <= at else at
    apart = all(at - when >= APART_S for when in restarts)
    if at - since < ILL_S or not apart or len(restarts) >= MOST_A_WEEK:
        return Course(since, restarts), False
    return Course(0.0, (*restarts, at)), True
