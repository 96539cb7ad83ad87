"""What citizens see: protected counts, the notice from agreements and running configurations, who received what."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agent import cli
from agent.clock import SystemClock
from agent.commands.patto import load_union
from agent.commands.public import _envelopes, _received
from agent.contract.envelope import open_envelope
from agent.contract.jws import MAX_BYTES, Signer
from agent.contract.times import instant
from agent.contract.topics import Class, NodeName
from agent.contract.types import PublicHour
from agent.governance import notice
from agent.governance.counts import HOUR_S, SETTLED_S, Hour, Interval, Protection, hours, noise, protected
from agent.governance.told import told
from agent.simulation.stage import SQUARE
from agent.subscriber.holding import Item
from agent.subscriber.speaker import Speaker
from agent.subscriber.store import Store
from agent.uplink.simulated import BIRTH
from tests.console.rooms import place
from tests.governance.unions import JUNE, POLICE, folder, loaded, police
from tests.subscriber.parts import looking

SECRET = bytes(range(32))
PLAIN = Protection(10, 0.0, SECRET)
NOISY = Protection(10, 0.5, SECRET)
LATER = HOUR_S * 200


def quarters(*counted: float, coverage: float = 1.0) -> list[Interval]:
    return [
        Interval("u/c/n", "gate", HOUR_S * 100 + 900.0 * (n + 1), count, coverage) for n, count in enumerate(counted)
    ]


def test_four_quarters_make_an_hour():
    assert hours(quarters(5, 6, 7, 8), PLAIN, at=LATER) == [Hour("u/c/n", "gate", HOUR_S * 100, 26, 1.0)]


def test_a_quarter_that_ends_with_the_hour_belongs_to_it():
    assert [hour.since for hour in hours(quarters(20, 20, 20, 20, 20), PLAIN, at=LATER)] == [HOUR_S * 100, HOUR_S * 101]


def test_an_hour_that_was_half_seen_says_so():
    assert hours(quarters(30, 30), PLAIN, at=LATER)[0].coverage == 0.5


def test_small_counts_are_withheld():
    assert [hour.count for hour in hours(quarters(3, 3, 3, 0), PLAIN, at=LATER)] == [None]


@given(st.integers(0, 500), st.integers(1, 50))
def test_no_number_below_the_threshold_is_ever_told(count, k):
    told = protected(count, Protection(k, 1.0, SECRET), name="an hour")
    assert told is None or told >= k


def test_publishing_an_hour_again_tells_the_same():
    """Else the noise could be averaged away."""
    assert {protected(50, NOISY, name="an hour") for _ in range(20)} == {protected(50, NOISY, name="an hour")}


def test_an_hour_is_told_only_when_its_last_quarter_is_there():
    """A count that grows under the same noise would tell by how much it grew."""
    assert hours(quarters(5, 6, 7), PLAIN, at=HOUR_S * 101) == []
    assert len(hours(quarters(5, 6, 7, 8), PLAIN, at=HOUR_S * 101 + SETTLED_S)) == 1


def test_late_counts_come_with_other_noise():
    """Else the difference of two publications would be exact."""
    noises = {(protected(count, NOISY, name="an hour") or 0) - count for count in range(100, 130)}
    assert len(noises) > 5


def test_a_place_is_told_of_with_its_last_day_and_its_protection():
    some = [Hour("u/c/n", "gate", HOUR_S * n, 20 + n, 1.0) for n in range(100, 130)]
    some += [Hour("u/c/n", "kerb", HOUR_S * 129, None, 0.5)]
    gate, kerb = told(some, NOISY, at=HOUR_S * 131)
    assert [hour.count for hour in gate.hours] == [20 + n for n in range(107, 130)]
    assert kerb.hours == (PublicHour(since=instant(HOUR_S * 129), coverage=0.5),)
    assert (kerb.k, kerb.epsilon, kerb.mean_error) == (10, 0.5, round(NOISY.mean_error, 4))


def test_a_day_of_large_counts_fits_one_message():
    some = [Hour("u/c/n", "gate", HOUR_S * n, 10**9, 0.99) for n in range(24)]
    node = NodeName("u" * 32, "c" * 32, "n" * 32)
    (day,) = told([replace(hour, node=str(node), place="p" * 32) for hour in some], NOISY, at=HOUR_S * 24)
    speaker = Speaker(node, Signer(bytes(32)), clock=SystemClock())
    assert len(speaker.say(Class.PUB, day.place, day).token) <= MAX_BYTES


def test_another_secret_gives_other_noise():
    drawn = [noise(Protection(1, 0.5, bytes([n]) * 32), name="an hour") for n in range(50)]
    assert len(set(drawn)) > 3


@pytest.mark.parametrize("epsilon", [0.2, 0.5, 1.0, 2.0])
def test_the_noise_has_the_stated_error_and_no_drift(epsilon):
    guard = Protection(1, epsilon, SECRET)
    drawn = [noise(guard, name=str(n)) for n in range(20_000)]
    assert abs(statistics.fmean(drawn)) < 4 * guard.mean_error / 100
    assert statistics.fmean(map(abs, drawn)) == pytest.approx(guard.mean_error, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("epsilon", [0.5, 1.0])
def test_one_passage_changes_the_odds_by_at_most_epsilon(epsilon):
    """The definition of differential privacy, on the shares of 200,000 drawn numbers."""
    import math
    from collections import Counter

    guard = Protection(1, epsilon, SECRET)
    shares = Counter(noise(guard, name=str(n)) for n in range(200_000))
    for value in range(-3, 4):
        if min(shares[value], shares[value + 1]) > 2_000:
            assert abs(math.log(shares[value] / shares[value + 1])) < epsilon + 0.1


# The notice


def test_a_notice_says_who_receives_what_until_when(tmp_path):
    whole, agreed = loaded(folder(tmp_path, POLICE))
    node = notice.Node("faenza/n-1", cameras=1, masks=2, sensors=("pir",), digest="0123456789ab")
    page = notice.html(whole, "faenza", agreed, [node], at=JUNE)
    for said in ("sicurezza pubblica", "attraversamenti, manomissioni", "2026-12-31", "0123456789ab", "2 zone oscurate",
                 "privacy@romagna.example", "at most", "public security"):  # fmt: skip
        assert said in page


def test_an_agreement_that_has_ended_is_not_on_the_notice(tmp_path):
    whole, agreed = loaded(folder(tmp_path, POLICE))
    page = notice.html(whole, "faenza", agreed, [], at=agreed[0].ends_at)
    assert "Commissariato" not in page
    assert "nessuno fuori" in page
    assert "Commissariato" not in notice.html(whole, "riolo", agreed, [], at=JUNE)


def test_a_notice_cannot_be_made_to_carry_markup(tmp_path):
    partner = POLICE["partner"] | {"name": "<script>alert(1)</script>"}
    whole, agreed = loaded(folder(tmp_path, police(partner=partner)))
    assert "<script>" not in notice.html(whole, "faenza", agreed, [], at=JUNE)


# The commands


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A simulated union with a day behind it, as files that nobody writes to."""
    folder = tmp_path_factory.mktemp("day")
    return folder, place(folder)


@pytest.fixture
def union(day, tmp_path, monkeypatch):
    """The union of that day in a folder of one's own."""
    told, made = day
    shutil.copytree(told, tmp_path / "union")
    made = replace(made, database=tmp_path / "union/events.sqlite")
    looking(tmp_path, made.ring, "publisher", NodeName.parse(SQUARE))
    monkeypatch.chdir(tmp_path)
    return made


def public(*options):
    signed = ["--signer", "publisher.pem"]
    return cli.main(["public", "union", "--db", "union/events.sqlite", "--days", "100000", *signed, *options])


def test_the_site_has_its_numbers_thrice_and_tells_how_they_are_protected(union, capsys, tmp_path):
    assert public() == 0
    assert "withheld" in capsys.readouterr().out
    told = json.loads((tmp_path / "public/counts.json").read_text())
    assert told["protection"]["k"] == 10
    assert min(hour["count"] for hour in told["hours"] if hour["count"] is not None) >= 10
    lines = (tmp_path / "public/counts.csv").read_text().splitlines()
    assert len(lines) == len(told["hours"]) + 1
    page = (tmp_path / "public/index.html").read_text()
    assert "ε = 1" in page
    assert "Polizia di Stato" in page
    assert "http" not in page


def test_events_are_counted_for_who_might_see_them_when_they_happened(union, tmp_path):
    """An agreement that ended this month still received what came before; one that begins later received nothing."""
    _, agreed = load_union(tmp_path / "union")
    (police,) = [one for one in agreed if one.partner.role == "police"]
    envelopes = list(_envelopes(tmp_path / "union/events.sqlite", union.ring, since=0.0))
    seen = [one for one in envelopes if one.klass is Class.EVT and one.topic.type in police.events
            and one.topic.name.comune in police.comuni]  # fmt: skip
    last = max(one.at for one in seen)
    day = datetime.fromtimestamp(last, UTC).date()
    ended = msgspec.structs.replace(police, since=day - timedelta(days=60), until=day - timedelta(days=1))
    later = msgspec.structs.replace(police, since=day + timedelta(days=2), until=day + timedelta(days=9))
    assert _received([police], envelopes, last)[police.partner.name] == len(seen)
    assert (
        _received([ended], envelopes, last)[police.partner.name] == sum(ended.holds(one.at) for one in seen) < len(seen)
    )
    assert _received([later], envelopes, later.begins_at) == {police.partner.name: 0}


def test_the_secret_is_made_once_and_only_its_owner_reads_it(union, tmp_path):
    public()
    first = (tmp_path / "public/counts.csv").read_text()
    assert (tmp_path / "public.secret").stat().st_mode & 0o077 == 0
    public()
    assert (tmp_path / "public/counts.csv").read_text() == first


@pytest.mark.parametrize("options", [["--k", "0"], ["--epsilon", "-1"], ["--days", "0"], ["--db", "nowhere"]])
def test_what_cannot_be_is_refused(union, options):
    assert public(*options) in (1, 2)


def test_the_site_needs_no_server_and_every_link_of_it_leads_to_a_file(union, tmp_path):
    """It is opened from a folder: no script, nothing from elsewhere, and links only to what lies beside it."""
    assert public() == 0
    page = (tmp_path / "public/index.html").read_text()
    linked = set(re.findall(r'href="([^":]+)"', page))
    assert linked == {"changes.xml", *(f"avviso-{comune.id}.html" for comune in union.town.union.comuni)}
    assert all((tmp_path / "public" / name).is_file() for name in linked)
    assert "<script" not in page
    assert "src=" not in page


def test_what_changed_is_a_feed_that_keeps_the_ids_of_its_entries(union, tmp_path):
    """The first node's masks were changed; the time is the node's, the hour on the page the comune's."""
    feeds = []
    for _ in range(2):
        assert public() == 0
        feeds.append(ET.parse(tmp_path / "public/changes.xml").getroot())
    spaces = {"atom": "http://www.w3.org/2005/Atom"}
    ids = [
        [entry.findtext("atom:id", namespaces=spaces) for entry in one.findall("atom:entry", spaces)] for one in feeds
    ]
    assert ids[0] == ids[1] != []
    assert "faenza/n-0001: zone oscurate cambiate" in (tmp_path / "public/changes.xml").read_text()
    assert "faenza/n-0001: zone oscurate cambiate" in (tmp_path / "public/index.html").read_text()


def test_hours_on_the_page_are_those_of_the_place(union, tmp_path):
    assert public() == 0
    here = (tmp_path / "public/index.html").read_text()
    assert public("--timezone", "UTC") == 0
    assert (tmp_path / "public/index.html").read_text() != here
    assert public("--timezone", "Nowhere/At-all") == 2


def test_a_notice_describes_the_configuration_that_its_node_names_as_its_own(union, tmp_path, capsys):
    """Another one is refused before anything is written."""
    digest = configured(tmp_path)
    running(union, digest)
    assert public("--config", "node.yaml") == 0
    assert digest in (tmp_path / "public/avviso-faenza.html").read_text()
    running(union, "0" * 12)
    before = (tmp_path / "public/index.html").read_bytes()
    assert public("--config", "node.yaml") == 2
    assert "faenza/n-0001 runs 000000000000" in capsys.readouterr().err
    assert (tmp_path / "public/index.html").read_bytes() == before


def configured(folder: Path) -> str:
    """The configuration of the first node in a file of `folder`; its digest, as the node names it."""
    config = {
        "version": 1,
        "node": {"union": "romagna-faentina", "comune": "faenza", "id": "n-0001"},
        "uplink": {"broker": {"host": "localhost"}},
        "cameras": [{"id": "cam", "input": {"driver": "video", "source": "x.avi"}, "view": {"masks": []}}],
    }
    (folder / "node.yaml").write_text(yaml.safe_dump(config))
    return hashlib.sha256((folder / "node.yaml").read_bytes()).hexdigest()[:12]


def running(union, digest: str) -> None:
    """The first node says what it runs, and the store has heard it."""
    node = union.nodes[0]
    node.clock.advance_to(node.clock.now() + 1.0)
    said = node.birth(msgspec.structs.replace(BIRTH, cfg=digest))
    store = Store(union.database)
    store.commit([Item(open_envelope(said.token, union.ring), said.token.decode())], at=node.clock.now())
    store.close()


def test_notice_reads_what_a_node_runs(union, tmp_path, capsys):
    configured(tmp_path)
    assert (
        cli.main(["patto", "notice", "union", "faenza", "--config", "node.yaml", "--at", "2026-06-02T12:00:00Z"]) == 0
    )
    page = capsys.readouterr().out
    assert "faenza/n-0001: 1 telecamere, 0 zone oscurate" in page
    assert cli.main(["patto", "notice", "union", "imola"]) == 2
