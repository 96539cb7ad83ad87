"""The parts of scene normality: tails, prototypes, the ruler, places, and what is one thing in the picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agent.anomaly.engine import Engine, ids
from agent.anomaly.normal import Normal
from agent.anomaly.settings import NormalityRule
from agent.pixels import Box, Detection
from agent.records import Observation, Phase, Reason
from agent.vision.attributes import Sight, Trail
from agent.vision.calibration import LEAST, LEVELS, Tail
from agent.vision.hourly import Hourly
from agent.vision.learned import ATTRIBUTES, Learned
from agent.vision.memory import SceneFile
from agent.vision.perspective import Perspective
from agent.vision.places import COLUMNS, ROWS, Cell, Places, cell
from agent.vision.prototypes import Codebook
from agent.vision.scene import STREAM
from agent.vision.things import Things


def tail(values: np.ndarray) -> Tail:
    made = Tail(grain=0.01)
    for value in values:
        made.add(float(value))
    return made


def test_a_score_is_the_rate_at_which_usual_things_reach_it():
    known = tail(np.random.default_rng(1).exponential(1.0, 4000) + 1.0)
    assert known.score(1.0 + np.log(10.0)) == pytest.approx(1.0, abs=0.1)
    assert known.score(1.0 + np.log(1000.0)) == pytest.approx(3.0, abs=0.4), "and beyond what was seen it goes on"


def test_a_tail_says_nothing_of_few():
    assert tail(np.ones(LEAST - 1)).score(100.0) == 0.0


def test_few_things_tell_less_surely_how_rare_something_is():
    values = np.quantile(np.random.default_rng(1).exponential(1.0, 4000) + 1.0, np.linspace(0.001, 0.999, 4000))
    assert tail(values[::20]).score(8.0) < tail(values).score(8.0) - 0.1


def test_a_kept_tail_rests_on_enough_things_in_each_of_its_levels():
    known = tail(np.random.default_rng(2).exponential(1.0, 300))
    kept = known.state()
    assert min(kept["reached"]) >= LEAST
    again = Tail(grain=0.01)
    again.restore(kept)
    for value in (0.5, 2.0, 6.0):
        assert again.score(value) == pytest.approx(known.score(value), rel=0.15)


def test_a_value_that_is_always_the_same_makes_no_alarm_of_a_tremble():
    known = tail(np.full(200, 2.0))
    assert known.score(2.05) < 1.0


def looks(book: Codebook, centre: tuple[float, float], tracks: range) -> None:
    rng = np.random.default_rng(tracks.start + 1)
    for track in tracks:
        book.gather(track, (np.array(centre) + rng.normal(0, 0.1, 2)).astype(np.float32))


def test_two_kinds_of_usual_things_have_prototypes_of_their_own():
    book = Codebook(2)
    looks(book, (0, 0), range(200))
    looks(book, (5, 5), range(200, 400))
    assert book.fold()
    assert book.distance(np.array([[0, 0], [5, 5]], np.float32)).max() < 0.3
    assert book.distance(np.array([[2.5, 2.5]], np.float32)).min() > 2.0
    assert book.tracks.min() >= LEAST


def test_a_kind_of_nineteen_is_taken_into_the_next():
    book = Codebook(2)
    looks(book, (0, 0), range(200))
    looks(book, (5, 5), range(200, 200 + LEAST - 1))
    book.fold()
    assert book.distance(np.array([[5, 5]], np.float32)).min() > 2.0
    assert min(one["tracks"] for one in book.state()) >= LEAST


def test_one_track_that_is_seen_often_is_still_one():
    book = Codebook(2)
    looks(book, (0, 0), range(100))
    for _ in range(60):
        book.gather(100, np.array([5.0, 5.0], np.float32))
    book.fold()
    assert book.distance(np.array([[5, 5]], np.float32)).min() > 1.0


def test_what_was_kept_of_looks_comes_back():
    book, again = Codebook(2), Codebook(2)
    looks(book, (1, 2), range(50))
    again.restore([*book.state()])
    assert again.distance(np.array([[1, 2]], np.float32)).max() < 0.2
    assert book._waiting, "and what waits goes on waiting"


def test_a_kept_prototype_of_too_few_is_refused():
    with pytest.raises(ValueError, match="too few"):
        Codebook(2).restore([{"tracks": LEAST - 1, "weight": 3.0, "mean": [0.0, 0.0]}])


def test_people_are_as_tall_as_those_who_stood_there():
    ruler = Perspective()
    rng = np.random.default_rng(3)
    for _ in range(300):
        foot = 0.4 + 0.5 * rng.random()
        ruler.see(foot, 0.05 + 0.2 * foot + rng.normal(0, 0.01), fresh=True)
    assert ruler.at(np.array([0.5, 0.9], np.float32)) == pytest.approx([0.15, 0.23], abs=0.01)


def test_who_sits_does_not_shorten_the_ruler():
    ruler = Perspective()
    for number in range(300):
        ruler.see(0.8, 0.1 if number > 100 and number % 3 else 0.25, fresh=True)
    assert ruler.at(np.array([0.8], np.float32))[0] == pytest.approx(0.25, abs=0.01)


def crossed(places: Places, row: float, motion: tuple[float, float]) -> None:
    places.begin()
    visited: set[Cell] = set()
    for column in range(COLUMNS):
        places.visit(cell((column + 0.5) / COLUMNS, row, motion), 0.8, visited)


def test_a_place_where_nobody_goes_and_a_way_that_nobody_takes_are_rare():
    places = Places()
    for _ in range(100):
        crossed(places, 0.8, (1.0, 0.0))
    usual_place, usual_way = places.rarity(cell(0.5, 0.8, (1.0, 0.0)))
    rare_place, _ = places.rarity(cell(0.5, 0.2, (1.0, 0.0)))
    _, rare_way = places.rarity(cell(0.5, 0.8, (-1.0, 0.0)))
    assert rare_place > usual_place + 2.0
    assert rare_way > usual_way + 2.0


def test_who_goes_against_a_stream_is_rare_also_where_nobody_has_been():
    places = Places()
    for _ in range(100):
        crossed(places, 0.8, (1.0, 0.0))
    _, along = places.rarity(cell(0.5, 0.2, (1.0, 0.0)))
    _, against = places.rarity(cell(0.5, 0.2, (-1.0, 0.0)))
    assert against > STREAM > along


def test_a_few_who_went_one_way_make_no_stream():
    places = Places()
    for number in range(100):
        crossed(places, 0.8, (1.0 if number % 2 else -1.0, 0.0))
    for _ in range(5):
        crossed(places, 0.2, (1.0, 0.0))
    _, back = places.rarity(cell(0.5, 0.2, (-1.0, 0.0)))
    assert back < STREAM


def going(x: float) -> Sight:
    """Somebody of a tenth of the picture at x, in whose box the flow points against the stream."""
    values = np.array([0.3, 1.0, 0.0, 1.0, 3.5, 0.0])
    return Sight(1, values, np.zeros(2, np.float32), cell(x, 0.5, (-1.0, 0.0)), 0.3, 0.1, 0.1, (x, 0.5))


def followed(places: list[float]) -> float:
    """The most unusual way that was found of somebody who was in these places, ten a second."""
    trail = Trail.begin(going(places[0]), 0.0)
    for number, x in enumerate(places):
        trail.follow(going(x), number / 10.0, aspect=1.0)
    return float(trail.largest[ATTRIBUTES.index("way")])


def test_who_sways_on_the_spot_goes_no_way_and_who_has_gone_half_a_body_height_does():
    assert followed([0.5, 0.52, 0.49, 0.5, 0.48]) == 0.0
    assert followed([0.5 - 0.02 * step for step in range(12)]) > 3.0


def test_scores_that_too_many_usual_things_reached_are_told_lower():
    learned = Learned(3)
    assert learned.excess == 0.0
    for number in range(600):
        learned.judge(1.5 if number % 5 == 0 else 0.2, may_drift=True)
    assert learned.excess == pytest.approx(np.log10(2.0), abs=0.15), "one in five where one in ten was stated"
    assert not learned.drifted


def test_a_scene_does_not_drift_while_it_is_learned():
    learned = Learned(3)
    for _ in range(600):
        learned.judge(5.0, may_drift=False)
    assert not learned.drifted


def test_cells_that_few_have_crossed_are_kept_only_together():
    places = Places()
    for number in range(100):
        crossed(places, 0.8 if number < 90 else 0.2, (1.0, 0.0))
    kept = places.state()
    assert all(patch["tracks"] >= LEAST for patch in kept["passed"])
    again = Places()
    again.restore(kept)
    assert again.passed[int(0.8 * ROWS), 3] == 90
    assert len({round(float(one), 2) for one in again.passed[int(0.2 * ROWS)]}) == 1


SCORES = np.array([0.6, 0.1], np.float32)


def sight(left: float, score: float = 0.6) -> Detection:
    return Detection("person", score, Box(left, 0.3, left + 0.1, 0.6), SCORES)


def test_hours_are_kept_where_enough_passed_and_come_back():
    """Forty at noon, nineteen at night; one cell that all crossed and one that few did."""
    hourly, other = Hourly(), Hourly()
    for number in range(40):
        hourly.begin(12)
        hourly.visit(12, cell(0.5, 0.5, None), 1.0)
        if number < 25:
            hourly.visit(12, cell(0.1 + number / 50, 0.9, None), 9.0)
        if number < 19:
            hourly.begin(3)
            hourly.visit(3, cell(0.5, 0.5, None), 1.0)
    state = json.loads(json.dumps(hourly.state()))
    assert list(state) == ["12"]
    assert all(patch["tracks"] >= LEAST for patch in state["12"]["passed"])
    assert len(state["12"]["speeds"]) == 1, "of cells that few have crossed no speed is kept"
    other.restore(state)
    assert other.state() == state
    with pytest.raises(ValueError, match="no hour"):
        other.restore({"24": state["12"]})


def test_an_hour_of_years_is_bounded():
    hourly = Hourly()
    for _ in range(12_000):
        hourly.begin(12)
    assert hourly.hours[12].tracks < 5_001


def test_a_thing_keeps_its_number_where_the_flow_has_brought_it():
    things = Things.none(2)
    things.look((sight(0.2),), least=0.1)
    things.carry(np.array([[0.2, 0.0]], np.float32))
    things.look((sight(0.41),), least=0.1)
    assert things.numbers.tolist() == [0]


def test_the_weaker_of_two_sights_of_one_thing_goes():
    things = Things.none(2)
    things.look((sight(0.2), sight(0.21, 0.3), sight(0.6)), least=0.1)
    assert sorted(things.boxes[:, 0].tolist()) == pytest.approx([0.2, 0.6])


def test_what_is_not_found_again_is_not_judged():
    things = Things.none(2)
    things.look((sight(0.2),), least=0.1)
    things.look((), least=0.1)
    assert not len(things.present)
    things.look((sight(0.2),), least=0.1)
    assert things.numbers.tolist() == [0], "but its number waits for one look"


def test_a_scene_is_kept_in_one_file_and_read_again(tmp_path: Path):
    file = SceneFile(tmp_path, "gate-cam")
    learned = Learned(3, seconds=12.0)
    for number in range(60):
        learned.looks.gather(number, np.zeros(3, np.float32))
    learned.tracks = 60
    file.keep(learned)
    assert file.load(classes=3).tracks == 60
    assert file.load(classes=80).tracks == 0, "another detector sees other things"
    assert [path.name for path in tmp_path.iterdir()] == ["scene-gate-cam.json"]


def test_what_is_kept_rests_on_as_many_things_as_are_asked_for(tmp_path: Path):
    """A node that asks for more than what was learned rests on learns anew."""
    file = SceneFile(tmp_path, "gate-cam")
    learned = Learned(3, least=50)
    for number in range(49):
        learned.looks.gather(number, np.zeros(3, np.float32))
    assert learned.state()["looks"] == []
    learned.looks.gather(49, np.zeros(3, np.float32))
    learned.tracks = 50
    file.keep(learned)
    assert file.load(classes=3, least=50).tracks == 50
    assert file.load(classes=3, least=51).tracks == 0


def test_a_spoilt_file_costs_the_learning_and_not_the_node(tmp_path: Path):
    file = SceneFile(tmp_path, "gate-cam")
    for content in (b"", b"{", b'{"version": 1, "classes": 3}', b"[]"):
        file.path.write_bytes(content)
        assert file.load(classes=3).tracks == 0


def test_forgetting_is_asked_for_once(tmp_path: Path):
    file = SceneFile(tmp_path, "gate-cam")
    assert not file.forgotten()
    file.ask()
    assert file.forgotten()
    assert not file.forgotten()


def test_levels_are_fine_enough_for_a_score():
    assert (LEVELS[1:] / LEVELS[:-1]).max() < 1.06


SPEED = Reason("scene/speed", "normality", 2.4, expected=0.8, evidence=340.0, evidence_unit="tracks")
LIKENESS = Reason("scene/bicycle/likeness", "normality", 0.6, expected=0.02, evidence=40.0, evidence_unit="tracks")


def test_an_event_names_the_attribute_and_what_is_usual():
    engine = Engine([NormalityRule(id="unusual")], new_id=ids("test"))
    told = []
    for at, score in ((0.0, 1.5), (0.2, 4.0), (0.4, 5.0), (0.6, 4.5)):
        told += engine.update(Observation("cam", "scene/unusual", score, at, (SPEED, LIKENESS)))
    (event,) = told
    assert event.reason == SPEED
    assert event.also == (LIKENESS,)


def test_what_rises_in_steps_is_told_as_soon_as_it_is_unusual_enough():
    """The dwell counts from the first score that was told, and the event's own time from when it was high enough."""
    engine = Engine([NormalityRule(id="unusual")], new_id=ids("test"))
    told = []
    for at, score in ((0.0, 1.1), (0.1, 2.6), (0.2, 3.2), (0.3, 3.4), (0.4, 0.0), (9.0, 0.0)):
        told += engine.update(Observation("cam", "scene/unusual", score, at, (SPEED,)))
    assert [(event.phase, event.at) for event in told] == [(Phase.OPENED, 0.2), (Phase.CLOSED, 5.4)]
    assert told[-1].duration_s == pytest.approx(0.2)


def test_a_score_that_is_over_ends_the_event_of_every_rule():
    """Also where the rule takes any score, so that none is below it by the hysteresis."""
    engine = Engine([NormalityRule(id="unusual", score=1.0)], new_id=ids("test"))
    told = []
    for at, score in ((0.0, 1.5), (1.0, 1.5), (2.0, 0.0), (9.0, 0.0)):
        told += engine.update(Observation("cam", "scene/unusual", score, at, (SPEED,)))
    assert [event.phase for event in told] == [Phase.OPENED, Phase.CLOSED]


def test_what_was_unusual_and_is_no_more_begins_anew():
    engine = Engine([NormalityRule(id="unusual")], new_id=ids("test"))
    told = []
    for at, score in ((0.0, 2.1), (0.1, 0.0), (0.2, 3.2), (0.3, 3.4), (0.4, 3.4)):
        told += engine.update(Observation("cam", "scene/unusual", score, at, (SPEED,)))
    assert [event.at for event in told] == [0.4]


def test_what_was_unusual_before_the_hours_of_a_rule_is_new_in_them():
    judge = Normal(NormalityRule(id="unusual"), "scene/unusual")
    judge.observe(2.5, 0.0)
    judge.restart(10.0)
    assert judge.observe(3.5, 10.1).held == 10.0


def test_one_flicker_is_no_event():
    engine = Engine([NormalityRule(id="unusual")], new_id=ids("test"))
    told = engine.update(Observation("cam", "scene/unusual", 6.0, 0.0, (SPEED,)))
    told += engine.update(Observation("cam", "scene/unusual", 0.0, 0.1))
    assert told + engine.advance(1.0) == []
