"""The same rights in the words of three brokers: mosquitto, NATS and RabbitMQ.

mosquitto decides at delivery, NATS and RabbitMQ when somebody subscribes: there a filter that is
wider than a right is refused whole, so a partner subscribes to the comuni and types of the agreement.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from agent.contract.topics import Class
from agent.governance.rights import Right, Verb

HEADER = "# Made by `piazza patto apply`; changes by hand are lost.\n"


def user(party: str) -> str:
    """A full name as the common name of its certificate: brokers keep no slash in a user name."""
    return party.replace("/", ".")


def mosquitto(rights: Sequence[Right]) -> str:
    """An `acl_file`; nobody has a right that is not in it, and nobody without a certificate has any."""
    return HEADER + "".join(_mosquitto_user(party, own) for party, own in _by_party(rights))


def _mosquitto_user(party: str, rights: Sequence[Right]) -> str:
    lines = "".join(f"topic {verb} {topic}\n" for verb, topic in sorted({(one.verb, one.pattern) for one in rights}))
    return f"\nuser {user(party)}\n{lines}"


def mosquitto_without(text: str, party: str) -> str:
    """An `acl_file` in which a party is no longer named, and so has no right."""
    head, *blocks = text.split("\nuser ")
    return "\nuser ".join([head, *(block for block in blocks if block.partition("\n")[0] != user(party))])


MQTT_OWN = ("$MQTT.sub.>", "$MQTT.deliver.pubrel.>")
"""Where the MQTT gateway of NATS delivers to its own clients; they cannot receive at QoS 1 without."""


STREAM = "$MQTT_msgs"
"""Where the gateway keeps what has come, under `$MQTT.msgs.` and the topic with dots for slashes."""


def nats(rights: Sequence[Right]) -> str:
    """The `authorization` block of a NATS server that maps certificates to users (`verify_and_map`)."""
    return HEADER + "authorization {\n  users = [\n" + "".join(_nats_users(rights)) + "  ]\n}\n"


def _nats_users(rights: Sequence[Right]) -> Iterator[str]:
    for party, own in _by_party(rights):
        writes = [_subject(one) for one in own if one.verb is Verb.WRITE] + _group_asks(own)
        reads = [*(_subject(one) for one in own if one.verb is Verb.READ), *MQTT_OWN, *_group_hears(party, own)]
        yield (
            f'    {{ user: "CN={user(party)}"\n'
            f"      permissions: {{\n"
            f"        publish: {_allowed(writes)}\n"
            f"        subscribe: {_allowed(reads)}\n"
            f"      }} }}\n"
        )


def _group_asks(own: Sequence[Right]) -> list[str]:
    """What stores say to share their work by JetStream: make a consumer of what they may read, pull, acknowledge."""
    if not _keeps(own):
        return []
    makes = [f"$JS.API.CONSUMER.CREATE.{STREAM}.*.$MQTT.msgs.{_subject(one)}" for one in own if one.verb is Verb.READ]
    return [*makes, f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.*", f"$JS.ACK.{STREAM}.>"]


def _group_hears(party: str, own: Sequence[Right]) -> list[str]:
    return [f"_INBOX.{user(party)}.>"] if _keeps(own) else []


def _keeps(own: Sequence[Right]) -> bool:
    """Whether these are the rights of a store: nobody else gives receipts."""
    return any(one.verb is Verb.WRITE and one.klass is Class.RCPT for one in own)


def _allowed(subjects: Sequence[str]) -> str:
    """NATS takes an empty list for everything, so none is said with a refusal of all."""
    return f"{{ allow: {json.dumps(subjects)} }}" if subjects else '{ deny: [">"] }'


def rabbitmq(rights: Sequence[Right]) -> str:
    """A `definitions.json` with the users' permissions on their own queues and on topics of `amq.topic`."""
    users, permissions, topics = [], [], []
    for party, own in _by_party(rights):
        name = user(party)
        users.append({"name": name, "password_hash": "", "tags": []})
        queues = rf"^mqtt-subscription-{re.escape(name)}qos[01]$"
        permissions.append({"user": name, "vhost": "/", "configure": queues, "write": f"{queues}|^amq\\.topic$",
                            "read": f"{queues}|^amq\\.topic$"})  # fmt: skip
        topics.append({"user": name, "vhost": "/", "exchange": "amq.topic",
                       "write": _routing(own, Verb.WRITE), "read": _routing(own, Verb.READ)})  # fmt: skip
    document = {"vhosts": [{"name": "/"}], "users": users, "permissions": permissions, "topic_permissions": topics}
    return json.dumps(document, indent=1) + "\n"


def _subject(right: Right) -> str:
    return right.pattern.replace("/", ".").replace("+", "*")


def _routing(rights: Sequence[Right], verb: Verb) -> str:
    """One expression for all of a party's routing keys, or for none: RabbitMQ takes an empty one for everything."""
    keys = [re.escape(one.pattern.replace("/", ".")).replace(r"\+", r"[^.]+") for one in rights if one.verb is verb]
    return f"^(?:{'|'.join(keys)})$" if keys else "^$"


def _by_party(rights: Sequence[Right]) -> Iterator[tuple[str, list[Right]]]:
    for party, own in groupby(sorted(rights), key=lambda one: one.party):
        yield party, list(own)
