"""The record of processing and the impact assessment: every number of them stands in a document, on the line that is named."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
import yaml

from agent import cli
from agent.documents import lines
from agent.governance.sheet_words import WORDS
from tests.governance.unions import POLICE, folder

NODE = """\
version: 1
node: {union: romagna, comune: faenza, id: n-1}
uplink:
  broker: {host: broker.example}
  outbox: {max_mb: 48}
  budget:
    evt_kb: 777
cameras:
  - id: square
    input: {driver: video, source: x.avi}
    view:
      masks:
        - [[0.0, 0.0], [0.3, 0.0], [0.3, 0.4]]
        - [[0.5, 0.0], [0.6, 0.0], [0.6, 0.1]]
      zones:
        - {id: gate, polygon: [[0.4, 0.5], [0.9, 0.5], [0.9, 1.0]]}
rules:
  - {kind: loitering, id: too-long, quantity: gate/person/stay_s, stay_s: 120}
"""
AT = ["--at", "2026-06-01T12:00:00Z"]
TRANSLATED = ("id", "purpose", "events", "role")
"""Options that a record tells in its own words."""
CITED = re.compile(r"([\w./-]+\.yaml):(\d+)")


@pytest.fixture
def record(tmp_path, capsys):
    place = folder(tmp_path / "union", POLICE, keep_days={"evt": 21}, dpo="rpd@romagna.example")
    (tmp_path / "n-1.yaml").write_text(NODE)

    def made(act, *options):
        code = cli.main(["patto", act, str(place), "--config", str(tmp_path / "n-1.yaml"), *AT, *options])
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    return made


def rows(text):
    """Title, content and source of every line."""
    return [tuple(cell.strip() for cell in line.split(" | ")) for line in text.splitlines() if line.startswith("| ")]


def source_line(folder, name, number):
    path = folder / "union" / name
    return (path if path.exists() else folder / name).read_text().splitlines()[int(number) - 1]


@pytest.mark.parametrize("act", ["register", "dpia"])
@pytest.mark.parametrize("language", ["it", "en"])
def test_every_source_names_a_line_that_says_it(record, tmp_path, act, language):
    """Checked for each number of the record: it stands on the line, or the line opens the list that was counted."""
    found = 0
    for title, text, source in rows(record(act, "--language", language)):
        for name, number in CITED.findall(source):
            line = source_line(tmp_path, name, number)
            key = line.strip(" -{").partition(":")[0]
            value = line.partition(":")[2].strip().strip("'")
            counted = value == "" or value.startswith(("[", "{"))
            assert counted or key in TRANSLATED or value.partition(" ")[0].strip(",") in text, (title, text, line)
            found += 1
    assert found > 10


@pytest.mark.parametrize(
    ("title", "text", "option"),
    [
        ("faenza/n-1: cameras", "1", "cameras"),
        ("faenza/n-1: masked areas, camera square", "2", "cameras[0].view.masks"),
        ("faenza/n-1: zones and lines counted, camera square", "gate", "cameras[0].view.zones"),
        ("faenza/n-1: spool, MB", "48", "uplink.outbox.max_mb"),
        ("faenza/n-1: kB an hour outwards, class evt", "777", "uplink.budget.evt_kb"),
        ("faenza/n-1: types of events", "loitering", "rules"),
    ],
)
def test_the_record_says_what_a_node_runs(record, tmp_path, title, text, option):
    number = lines(tmp_path / "n-1.yaml")[option] if (tmp_path / "n-1.yaml").exists() else 0
    said = {row[0].lstrip("| "): row for row in rows(record("register", "--language", "en"))}
    assert said[title][1:] == (text, f"n-1.yaml:{number} |") or said[title][1] == text
    assert f"n-1.yaml:{number}" in said[title][2]


def test_an_italian_record_says_things_in_italian_and_names_the_comuni(record):
    """An officer reads it who knows no configuration."""
    said = record("register")
    assert "| faenza/n-1: tipi di eventi | soste prolungate |" in said
    assert "persone, biciclette, auto" in said
    assert "| Commissariato | eventi: attraversamenti; manomissioni; comuni: Faenza; dal 2026-01-01" in said


def test_who_looks_and_who_reports_are_data_subjects_too(record):
    said = record("register", "--language", "en")
    assert "Data subjects: who looks and who judges | Name of the party, question and time of every look" in said
    assert "kept 365 days | contract" in said
    assert "no field for names, faces, plates, text | contract" in said


def test_what_is_left_to_its_default_says_so(record):
    said = record("register", "--language", "en")
    assert "| faenza/n-1: kB an hour outwards, class stat | 1024 | n-1.yaml (default uplink.budget.stat_kb) |" in said


def test_the_record_follows_the_agreements_that_hold(record):
    said = record("register", "--language", "en")
    assert "Commissariato, events received | 5 days" in said
    assert "Broker, waiting events | 5 days" in said
    assert "Store of the union, class evt | 21 days" in said
    later = record("register", "--language", "en", "--at", "2027-06-01T12:00:00Z")
    assert "Commissariato" not in later
    assert "Broker, waiting events | 7 days" in later


ARTICLE_30 = {
    "a": ("Union", "Contact", "Data protection officer", "Municipalities, joint controllers", "Contacts of the joint controllers"),
    "b": ("Legal basis of the union", "Commissariato"),
    "c": ("Data subjects", "Categories of data"),
    "d": ("Commissariato", "Processors (art. 28)"),
    "e": ("Where the broker and the store stand", "Third country or international organisation"),
    "f": ("Store of the union, class evt", "Commissariato, events received", "Broker, waiting events"),
    "g": ("Signature and chain", "Published counts"),
}  # fmt: skip
"""What paragraph 1 of the article asks for, letter by letter, and the lines that answer it."""


@pytest.mark.parametrize("language", ["it", "en"])
def test_the_record_has_every_letter_of_the_article(record, language):
    said = record("register", "--language", language)
    assert re.findall(r"^## (\w)\) ", said, re.MULTILINE) == list(ARTICLE_30)


@pytest.mark.parametrize(("letter", "titles"), ARTICLE_30.items())
def test_a_letter_of_the_article_has_its_lines(record, letter, titles):
    said = record("register", "--language", "en")
    own = re.split(r"^## ", said, flags=re.MULTILINE)[" abcdefg".index(letter)]
    assert [title for title in titles if f"\n| {title}" not in own] == []


def test_a_police_partner_keeps_a_record_of_its_own(record):
    """Under another law, which asks for more."""
    assert "| Commissariato | Titolare autonomo" in record("register")
    assert "Titolare autonomo" not in record("register", "--at", "2027-06-01T12:00:00Z")


def test_what_nobody_wrote_down_is_left_to_a_person(record):
    said = record("register")
    assert "| Responsabile della protezione dei dati | rpd@romagna.example | union.yaml:" in said
    assert "| Base giuridica dell'Unione | ☐ da completare dal titolare |  |" in said


def test_the_assessment_sets_every_risk_against_what_is_in_force(record):
    said = record("dpia", "--language", "en")
    assert said.count("☐ likelihood") == 7
    assert "2 masked areas before anything looks" in said
    assert "the longest limit for events is 21 days" in said
    assert "on 2026-12-31 at the latest" in said


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("it", ("rischio residuo", "artt. 11-22", "privacy@romagna.example", "EDPB 3/2019", "8 aprile 2010", "D.Lgs. 51/2018")),
        ("en", ("residual risk", "art. 11-22", "privacy@romagna.example", "EDPB Guidelines 3/2019", "8 April 2010", "decree 51/2018")),
    ],
)  # fmt: skip
def test_the_assessment_names_the_rights_and_the_rules_beside_the_regulation(record, language, words):
    said = record("dpia", "--language", language)
    assert [word for word in words if word not in said] == []
    later = record("dpia", "--language", language, "--at", "2027-06-01T12:00:00Z")
    assert "51/2018" not in later


def test_a_record_is_also_a_page_of_its_own(record):
    page = record("dpia", "--format", "html")
    assert page.startswith('<!doctype html><html lang="it">')
    assert "http" not in page
    assert page.count("<table>") == 5


def test_a_record_cannot_be_made_to_carry_markup(record, tmp_path):
    path = tmp_path / "union" / "union.yaml"
    path.write_text(path.read_text().replace("Unione di prova", "'<img src=x> | pipe'"))
    assert "<img" not in record("register")
    assert "<img" not in record("register", "--format", "html")


def test_both_languages_say_the_same_things():
    def places(text):
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)

    for italian, english in WORDS.values():
        assert places(italian) == places(english)


def test_the_lines_of_a_document_are_those_of_its_options(tmp_path):
    path: Path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb:\n  - {c: 2}\n  - c: 3\n    d: [4,\n      5]\n")
    assert lines(path) == {"a": 1, "b": 2, "b[0]": 3, "b[0].c": 3, "b[1]": 4, "b[1].c": 4, "b[1].d": 5,
                           "b[1].d[0]": 5, "b[1].d[1]": 6}  # fmt: skip
    assert yaml.safe_load(path.read_text())["b"][1]["d"] == [4, 5]
