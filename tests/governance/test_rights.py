"""Who may do what: agreed types of agreed comuni, for as long as it was agreed, and nothing else."""

from __future__ import annotations

import json
import re

import pytest
from msgspec import structs

from agent.contract.times import instant, seconds
from agent.contract.topics import Class, NodeName, Topic
from agent.errors import ConfigError
from agent.governance import lists, terms
from agent.governance.rights import COMMISSIONING_S, Verb, allowed, rights, roles
from agent.governance.table import topics
from agent.governance.union import Party
from tests.governance.unions import JUNE, POLICE, UNION, folder, loaded, police

OFFICER = "romagna/centre/police"


@pytest.fixture
def agreed(tmp_path):
    return loaded(folder(tmp_path, POLICE))


def may(agreed, party, verb, text, at=JUNE):
    return allowed(rights(*agreed, at=at), party, Verb(verb), Topic.parse(f"piazza/v1/romagna/{text}"))


def test_the_police_read_agreed_types_of_agreed_comuni(agreed):
    assert may(agreed, OFFICER, "read", "faenza/n-1/evt/crossing")
    assert not may(agreed, OFFICER, "read", "faenza/n-1/evt/loitering")
    assert not may(agreed, OFFICER, "read", "riolo/n-3/evt/crossing")
    assert not may(agreed, OFFICER, "read", "faenza/n-1/stat/node")


def test_who_reads_events_reads_state_and_head_of_the_same_nodes(agreed):
    """So that silence is not read as calm."""
    for klass in ("state", "head"):
        assert may(agreed, OFFICER, "read", f"faenza/n-1/{klass}/node")
        assert not may(agreed, OFFICER, "read", f"riolo/n-3/{klass}/node")


def test_an_agreement_ends_by_itself(agreed):
    ends_at = agreed[1][0].ends_at
    assert may(agreed, OFFICER, "read", "faenza/n-1/evt/crossing", ends_at - 0.001)
    assert not [right for right in rights(*agreed, at=ends_at) if right.party == OFFICER]


def test_the_end_of_an_agreement_takes_nothing_from_anybody_else(agreed):
    ends_at = agreed[1][0].ends_at
    before = {right for right in rights(*agreed, at=JUNE) if right.party != OFFICER}
    assert set(rights(*agreed, at=ends_at)) == before


def test_a_node_speaks_for_itself_only(agreed):
    assert may(agreed, "romagna/faenza/n-1", "write", "faenza/n-1/evt/crossing")
    assert not may(agreed, "romagna/faenza/n-1", "write", "faenza/n-2/evt/crossing")
    assert not may(agreed, "romagna/faenza/n-1", "read", "faenza/n-1/evt/crossing")


def test_an_operator_of_one_comune_stays_in_it(agreed):
    assert may(agreed, "romagna/centre/desk", "write", "riolo/n-3/cmd/mode")
    assert not may(agreed, "romagna/centre/desk", "write", "faenza/n-1/cmd/mode")


def test_a_partner_commands_no_node(tmp_path):
    partner = POLICE["partner"] | {"role": "operator"}
    agreed = loaded(folder(tmp_path, police(partner=partner)))
    assert may(agreed, OFFICER, "read", "faenza/n-1/evt/crossing")
    assert not may(agreed, OFFICER, "write", "faenza/n-1/cmd/mode")
    assert not may(agreed, OFFICER, "read", "faenza/n-1/audit/boot")


def test_a_technician_has_half_an_hour_at_one_node(tmp_path):
    entry = {"id": "ladder", "comune": "riolo", "node": "n-3", "since": instant(JUNE)}
    agreed = loaded(folder(tmp_path, commissioning=[entry]))
    party = "romagna/centre/ladder"
    assert may(agreed, party, "read", "riolo/n-3/evt/crossing")
    assert not may(agreed, party, "read", "riolo/probe/evt/crossing")
    assert not may(agreed, party, "read", "riolo/n-3/evt/crossing", JUNE + COMMISSIONING_S)
    assert not may(agreed, party, "read", "riolo/n-3/evt/crossing", JUNE - 1)


def test_no_right_is_for_all_comuni(agreed):
    """At the seat of the parties lies only who looked at what, and what each says of its own certificate."""
    granted = rights(*agreed, at=JUNE)
    assert {right.comune for right in granted} == {"faenza", "riolo", "centre"}
    seat = {(right.klass, right.type) for right in granted if right.comune == "centre"}
    assert seat == {(Class.AUDIT, "access"), (Class.CSR, "+"), (Class.CRT, "+")}


def test_everybody_asks_for_a_certificate_of_their_own_name_alone(agreed):
    granted = [right for right in rights(*agreed, at=JUNE) if right.klass in (Class.CSR, Class.CRT)]
    assert {(right.verb, right.klass) for right in granted} == {(Verb.WRITE, Class.CSR), (Verb.READ, Class.CRT)}
    assert {f"{right.union}/{right.comune}/{right.node}" == right.party for right in granted} == {True}
    assert {right.party for right in granted} == {right.party for right in rights(*agreed, at=JUNE)}


def test_only_the_authority_hears_who_asks_and_answers(tmp_path):
    parties = [*UNION["parties"], {"id": "authority", "role": "authority"}]
    granted = rights(*loaded(folder(tmp_path, POLICE, parties=parties)), at=JUNE)
    others = {(one.party, one.comune) for one in granted if (one.verb, one.klass) == (Verb.READ, Class.CSR)}
    assert others == {("romagna/centre/authority", place) for place in ("faenza", "riolo", "centre")}
    assert others == {(one.party, one.comune) for one in granted if (one.verb, one.klass) == (Verb.WRITE, Class.CRT)}


def test_an_ended_agreement_renews_nothing(agreed):
    granted = rights(*agreed, at=agreed[1][0].ends_at)
    assert not [right for right in granted if right.party == "romagna/centre/police"]


def test_a_store_of_one_comune_carries_the_records_of_who_looked_into_it(agreed):
    """An operator of one comune has no right to them."""
    union, agreements = agreed
    store = Party(id="store-1", role="store", comuni=("riolo",))
    union = structs.replace(union, parties=[store, *(party for party in union.parties if party.id != store.id)])
    for verb in ("read", "write"):
        assert may((union, agreements), "romagna/centre/store-1", verb, "centre/room/audit/access")
    assert not may((union, agreements), "romagna/centre/store-1", "read", "faenza/n-1/evt/crossing")
    assert not may((union, agreements), "romagna/centre/desk", "read", "centre/room/audit/access")


def test_nobody_writes_what_another_role_signs(agreed):
    """Events, counts and heads come from nodes alone; receipts from stores; updates from maintainers.

    What parties sign of their own accesses a store carries, which cannot sign for them.
    """
    writers: dict[Class, set[str]] = {}
    for right in rights(*agreed, at=JUNE):
        if right.verb is Verb.WRITE and right.type != "access":
            writers.setdefault(right.klass, set()).add(roles(*agreed).get(right.party, "node"))
    assert all(writers[klass] == {"node"} for klass in (Class.EVT, Class.STAT, Class.HEAD, Class.STATE, Class.AUDIT))
    assert writers[Class.RCPT] == {"store"}
    assert writers[Class.OTA] == writers[Class.CFG] == {"maintainer"}
    assert writers[Class.PUB] == {"publisher"}


# The same in the words of three brokers, each read by a small reader of its own


def mosquitto_lets(text, party, verb, topic):
    """An access list as mosquitto reads it: `user` opens a block, `topic VERB FILTER` allows."""
    user = None
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        user = rest if word == "user" else user
        if word == "topic" and user == party.replace("/", "."):
            what, _, wanted = rest.partition(" ")
            if what == verb and re.fullmatch(wanted.replace("+", "[^/]+"), topic):
                return True
    return False


def nats_lets(text, party, verb, topic):
    block = re.search(rf'user: "CN={re.escape(party.replace("/", "."))}"(.*?)}} }}', text, re.DOTALL)
    act = "publish" if verb == "write" else "subscribe"
    found = re.search(rf"{act}: {{ allow: (\[.*?\]) }}", block[1]) if block else None
    allow = json.loads(found[1]) if found else []
    subject = topic.replace("/", ".")
    return any(re.fullmatch(one.replace(".", r"\.").replace("*", "[^.]+"), subject) for one in allow)


def rabbitmq_lets(text, party, verb, topic):
    own = [one for one in json.loads(text)["topic_permissions"] if one["user"] == party.replace("/", ".")]
    return any(re.search(one[verb], topic.replace("/", ".")) for one in own)


@pytest.mark.parametrize(
    ("write", "lets"),
    [(lists.mosquitto, mosquitto_lets), (lists.nats, nats_lets), (lists.rabbitmq, rabbitmq_lets)],
    ids=["mosquitto", "nats", "rabbitmq"],
)
def test_every_broker_is_told_the_same(agreed, write, lets):
    granted = rights(*agreed, at=JUNE)
    text = write(granted)
    parties = [*roles(*agreed), "romagna/faenza/n-1", "romagna/riolo/n-3", "romagna/nobody/else"]
    some = topics(agreed[0])[::3]
    for party in parties:
        for topic in some:
            for verb in Verb:
                assert lets(text, party, verb.value, str(topic)) == allowed(granted, party, verb, topic)


def test_a_party_without_a_right_to_write_writes_nothing_on_rabbitmq(agreed):
    """There an empty expression would match every topic."""
    text = lists.rabbitmq(rights(*agreed, at=JUNE))
    assert not rabbitmq_lets(text, "romagna/centre/anybody", "write", "piazza/v1/romagna/faenza/n-1/evt/crossing")


def test_a_party_without_a_right_to_write_writes_nothing_on_nats(agreed):
    """There an empty list would allow every subject."""
    text = lists.nats([one for one in rights(*agreed, at=JUNE) if one.klass is not Class.CSR])
    assert "allow: []" not in text
    block = text[text.index('user: "CN=romagna.centre.anybody"') :]
    assert 'publish: { deny: [">"] }' in block[: block.index("} }")]


# Terms


def test_a_message_lives_no_longer_than_the_shortest_agreement(agreed):
    assert terms.expires_s(agreed[1], at=JUNE)[Class.EVT] == 5 * 86400
    assert terms.expires_s(agreed[1], at=agreed[1][0].ends_at)[Class.EVT] == 7 * 86400


def test_a_partners_view_names_only_what_they_receive(agreed):
    view = terms.view(agreed[0], agreed[1][0])
    assert set(view["channels"]) == {"evt", "state", "head", "ack", "pub", "csr", "crt"}
    assert view["channels"]["csr"]["parameters"]["node"]["enum"] == ["police"]
    assert view["channels"]["evt"]["parameters"]["comune"]["enum"] == ["faenza"]
    assert view["channels"]["evt"]["parameters"]["type"]["enum"] == ["crossing", "tamper"]
    assert {one["action"] for name, one in view["operations"].items() if name not in ("write-ack", "write-csr")} == {
        "receive"
    }
    assert set(view["components"]["messages"]) == set(view["channels"])


def test_topics_of_the_table_hold_every_class_and_type(agreed):
    some = topics(agreed[0])
    assert {topic.klass for topic in some} == set(Class)
    assert {topic.name for topic in some} == {
        NodeName(union, place, node) for union, place, node in (
            ("romagna", "faenza", "probe"), ("romagna", "faenza", "n-1"), ("romagna", "faenza", "all"),
            ("romagna", "riolo", "probe"), ("romagna", "riolo", "n-3"), ("romagna", "riolo", "all"),
            ("romagna", "centre", "probe"), ("elsewhere", "faenza", "probe"),
            *(("romagna", "centre", one) for one in ("store-1", "desk", "fleet", "counts", "square", "anybody")),
        )
    }  # fmt: skip
    assert sum(str(topic).endswith("/centre/probe/audit/access") for topic in some) == 1


def test_the_year_has_another_agreement_after_it(tmp_path):
    later = police(id="police-2027", since="2027-01-01", until="2027-12-31", comuni=["riolo"])
    agreed = loaded(folder(tmp_path, POLICE, later))
    turn = seconds("2026-12-31T23:00:00.000Z")
    assert may(agreed, OFFICER, "read", "faenza/n-1/evt/crossing", turn - 1)
    assert not may(agreed, OFFICER, "read", "faenza/n-1/evt/crossing", turn)
    assert may(agreed, OFFICER, "read", "riolo/n-3/evt/crossing", turn)


def test_a_bridge_carries_what_the_nodes_of_its_comune_say_and_hear_and_nothing_of_another(tmp_path):
    bridge = {"id": "bridge-faenza", "role": "bridge", "comuni": ["faenza"]}
    joined = loaded(folder(tmp_path, parties=[*UNION["parties"], bridge]))
    name = "romagna/centre/bridge-faenza"
    assert may(joined, name, "write", "faenza/n-1/evt/crossing")
    assert may(joined, name, "read", "faenza/n-1/rcpt/store-1")
    assert not may(joined, name, "read", "faenza/n-1/evt/crossing")
    assert not may(joined, name, "write", "riolo/n-3/evt/crossing")


def test_a_bridge_of_no_comune_in_particular_is_a_mistake(tmp_path):
    with pytest.raises(ConfigError, match="a bridge speaks for"):
        loaded(folder(tmp_path, parties=[*UNION["parties"], {"id": "bridge", "role": "bridge"}]))
