"""The map of a union: read strictly, and only of what the union has."""

from __future__ import annotations

import pytest

from agent.errors import ConfigError
from agent.governance import places
from agent.simulation import stage


@pytest.fixture
def town(tmp_path):
    return stage.write(tmp_path, nodes=12, seed=1, at=1_780_000_000.0, broken_at=0.0)


def test_every_node_of_the_simulated_union_stands_in_its_comune(town):
    ground = places.load(town.folder, town.union)
    assert len(ground.nodes) == 12
    for name, node in ground.nodes.items():
        assert inside(node.at, ground.outlines[name.partition("/")[0]]), name
        assert node.views


def test_a_union_without_a_map_has_an_empty_one(town):
    (town.folder / "map.yaml").unlink()
    assert places.load(town.folder, town.union) == places.Ground(version=1)


def test_all_that_is_wrong_is_told_at_once(town):
    (town.folder / "map.yaml").write_text(
        "version: 1\n"
        "nodes: {faenza/n-9999: {at: [44.3, 11.9]}, n-0001: {at: [44.3, 11.9]}}\n"
        "outlines: {imola: [[44.3, 11.7], [44.4, 11.7], [44.4, 11.8]]}\n"
    )
    with pytest.raises(ConfigError) as told:
        places.load(town.folder, town.union)
    assert [problem.partition(":")[0] for problem in told.value.problems] == [
        "nodes.faenza/n-9999",
        "nodes.n-0001",
        "outlines.imola",
    ]


@pytest.mark.parametrize(
    "wrong", ["at: [91, 11]", "at: [44.3]", "at: [44, 11], views: [{looks: 360}]", "at: [1, 2], lat: 3"]
)
def test_a_place_that_is_none_is_refused(town, wrong):
    (town.folder / "map.yaml").write_text(f"version: 1\nnodes: {{faenza/n-0001: {{{wrong}}}}}\n")
    with pytest.raises(ConfigError, match=r"map\.yaml"):
        places.load(town.folder, town.union)


def inside(point, outline) -> bool:
    """Whether a ray to the east leaves the outline an odd number of times."""
    north, east = point
    crossed = False
    for (north_a, east_a), (north_b, east_b) in zip(outline, [*outline[1:], outline[0]], strict=True):
        if (north_a > north) != (north_b > north):
            crossed ^= east < east_a + (north - north_a) / (north_b - north_a) * (east_b - east_a)
    return crossed
