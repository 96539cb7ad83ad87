"""RabbitMQ made to go by another list: it judges a subscription once, so whose rights have shrunk must subscribe anew.

Importing definitions takes no user away and leaves every subscription that stands; `close_all_user_connections` knows
no MQTT sessions (3.10). Deleting a user ends its session, and so does deleting the queue that it subscribes with.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import BrokerAbsent
from agent.files import write_atomic

TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Rabbit:
    """The broker that `command` (rabbitmqctl, with options such as its node) commands; `access` is its definitions."""

    command: str
    access: Path

    def take(self, before: str, after: str) -> str:
        """Import, then end the sessions of who may read less than before; BrokerAbsent when it cannot be told."""
        staged = self.access.with_name(f"{self.access.name}.staged")
        write_atomic(staged, after.encode("ascii"), mode=0o644)  # rabbitmqctl lets go of root before it reads
        try:
            self._call("import_definitions", str(staged))
        finally:
            staged.unlink()
        old, new = _reads(before), _reads(after)
        changed = [name for name in old if name in new and new[name] != old[name]]
        gone = [name for name in old if name not in new]
        for name in gone:
            self._call("delete_user", name, unless="not exist")
        for name in (*gone, *changed):
            for queue in _queues(name):
                self._call("delete_queue", queue, unless="not found")
        return f"the broker goes by it; {len(gone)} parties are gone, {len(changed)} subscribe anew"

    def _call(self, *words: str, unless: str = "") -> None:
        """One act; a failure that says `unless` is none, since it was done before."""
        command = [*shlex.split(self.command), *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BrokerAbsent(f"{command[0]}: {error}", hint="is RabbitMQ installed, and running?") from error
        if done.returncode and not (unless and unless in done.stderr + done.stdout):
            said = (done.stderr or done.stdout).strip()
            raise BrokerAbsent(
                f"{shlex.join(command)}: {said}", hint="nothing is lost: the next `patto apply` tries again"
            )


def words(before: Sequence[str], after: str) -> str:
    """What must be told besides importing the definitions `after`, whichever of `before` is in force then: an act and a name a line."""
    new, old = _reads(after), [pair for text in before for pair in _reads(text).items()]
    gone = sorted({name for name, _ in old if name not in new})
    changed = sorted({name for name, own in old if new.get(name, own) != own})
    acts = [f"delete_user {name}" for name in gone]
    acts += [f"delete_queue {queue}" for name in (*gone, *changed) for queue in _queues(name)]
    return "".join(f"{act}\n" for act in acts)


def _reads(text: str) -> Mapping[str, str]:
    """What each user of some definitions may do, as one expression each."""
    if not text:
        return {}
    return {one["user"]: f"{one['read']} {one['write']}" for one in json.loads(text)["topic_permissions"]}


def _queues(name: str) -> Iterator[str]:
    yield from (f"mqtt-subscription-{name}qos{qos}" for qos in (0, 1))
