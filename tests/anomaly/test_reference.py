"""docs/reference/rules.md keeps its word: examples load, sentences come true, no option is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import get_args

import msgspec
import pytest

from agent.anomaly.engine import Engine, ids
from agent.anomaly.kinds import KINDS
from agent.anomaly.settings import Rule, RuleSettings
from agent.contract.sentences import sentence
from agent.documents import convert, parse
from agent.records import Observation, Reason
from tests.anomaly.playing import Reading, series
from tests.pages import CHECKOUT

PAGE = (CHECKOUT / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```\n+> (.*?)$", PAGE, re.MULTILINE | re.DOTALL)
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL))
HOUR = 3600.0


def steady(value: float, *, since: float = 0.0, until: float, every_s: float = 10.0) -> list[Reading]:
    return [(since + n * every_s, value) for n in range(int((until - since) / every_s) + 1)]


SITUATIONS: dict[str, list[Observation]] = {
    "cabinet-hot": series("temperature_c", [(0, 40), (60, 57)], source="cabinet"),
    "yard-at-night": series("yard/person/count", steady(1, until=60)),
    "sensor-fault": series("fault", [(0, 0), (60, 1)], source="air"),
    "door-at-night": series("open", steady(1, until=60), source="cabinet-door"),
    "air-silent": series("temperature_c", [(0, 20), (900, 20)], source="air"),
    "rush": series("kerb/person/in", [(2.0 * n, 1) for n in range(50)]),
    "crowd": series("square/person/count", [(60.0 * n + 30, n * 7 % 5) for n in range(120)] + [(7230, 25), (7290, 25)]),
    "at-the-wrong-hour": series(
        "gate/person/in", [(600.0 * n, 90 if n == 3 * 1008 + 60 else (n % 6 == 0) * 20) for n in range(3 * 1008 + 66)]
    ),
    "air-strange": series(
        "temperature_c", [(60.0 * n, 20 + n % 3 / 2 + 9 * (n == 118)) for n in range(121)], source="air"
    ),
    "wrong-way": series("exit/person/in", [(10, 1)]),
    "lingering": series("gate/person/stay_s", [(float(n), n) for n in range(130)]),
    "full": series("square/all/occupancy", steady(31, until=60)),
    "eye": series("camera/moved_by", [(0, 0.12), (2, 0.12)]),
    "unusual": [
        Observation(
            "gate-cam",
            "scene/unusual",
            4.0,
            at,
            (Reason("scene/speed", "normality", 2.4, expected=0.84, evidence=340.0, evidence_unit="tracks"),),
        )
        for at in (0.0, 0.2, 0.4)
    ],
    "help": series("pressed", [(0, 0), (3, 1)], source="help"),
    "air-together": [
        *series("temperature_c", [(60.0 * n, 20 + n % 7) for n in range(160)], source="air"),
        *series(
            "humidity_pct", [(60.0 * n, 60 - 2 * (n % 7) + n % 2 - 9 * (n > 130)) for n in range(160)], source="air"
        ),
    ],
    "unseen": [
        *series("yard/person/count", steady(0, until=60, every_s=1)),
        *series("motion", [(0, 0), (30, 1)], source="yard-pir"),
    ],
    "pir-stuck": series("motion", steady(1, until=1800), source="square"),
}


def loaded(text: str) -> tuple[Rule, ...]:
    listed: Iterable[Rule] = convert(parse(text, name="example")["rules"], tuple[RuleSettings, ...], name="example")
    return tuple(listed)


@pytest.mark.parametrize(("text", "says"), EXAMPLES, ids=[loaded(text)[0].id for text, _ in EXAMPLES])
def test_an_example_says_what_the_page_says(text: str, says: str):
    rules = loaded(text)
    engine = Engine(rules, new_id=ids("00000000"))
    observations = SITUATIONS[rules[0].id]
    events = [event for observation in observations for event in engine.update(observation)]
    events += engine.advance(max(observation.at for observation in observations) + 0.5)
    assert sentence(events[0]) == says


def test_every_kind_has_an_example():
    assert {type(rule) for text, _ in EXAMPLES for rule in loaded(text)} == KINDS == set(get_args(RuleSettings))


@pytest.mark.parametrize("kind", sorted(KINDS, key=str), ids=lambda kind: kind.__struct_config__.tag)
def test_every_option_of_a_kind_is_named_in_its_section(kind: type[Rule]):
    shared = {field.name for field in msgspec.structs.fields(Rule)}
    own = {field.name for field in msgspec.structs.fields(kind)} - shared
    assert not [name for name in own if f"`{name}" not in SECTIONS[str(kind.__struct_config__.tag)]]


@pytest.mark.parametrize("field", msgspec.structs.fields(Rule), ids=lambda field: field.name)
def test_what_every_rule_takes_is_in_the_table_with_its_default(field: msgspec.structs.FieldInfo):
    (default,) = re.findall(rf"^\| `{field.name}` \| ([^|]*) \|", PAGE.partition("## limit")[0], re.MULTILINE)
    if isinstance(field.default, float | int):
        assert float(default) == field.default
    else:
        assert default in ("-", "any", "by kind", "always", str(field.default))
