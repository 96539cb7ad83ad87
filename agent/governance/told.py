"""Protected counts as the messages of the class `pub`: one for each place, with the last day's hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from agent.contract.times import instant
from agent.contract.types import PublicData, PublicHour
from agent.governance.counts import HOUR_S, Hour, Protection

DAY_S = 24 * HOUR_S


def told(hours: Sequence[Hour], protection: Protection, *, at: float) -> Iterator[PublicData]:
    """What to say of each place that has hours within the day before `at`."""
    places: dict[tuple[str, str], list[Hour]] = defaultdict(list)
    for hour in hours:
        if at - DAY_S <= hour.since < at:
            places[(hour.node, hour.place)].append(hour)
    for (node, place), some in places.items():
        yield PublicData(
            node=node,
            place=place,
            hours=tuple(PublicHour(since=instant(one.since), count=one.count, coverage=one.coverage) for one in some),
            k=protection.k,
            epsilon=protection.epsilon,
            mean_error=round(protection.mean_error, 4),
        )
