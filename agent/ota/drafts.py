"""What an authority may decide: each decision is a draft of one document, which its committee then signs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from agent.contract.topics import NodeName
from agent.errors import UserError
from agent.ota import metadata
from agent.ota.approval import Consent
from agent.ota.authority import CONSENT, DAY_S, ONLINE, TOP, Authority, committee, consent, delegation
from agent.ota.bundle import MAX_RELEASE_BYTES
from agent.ota.metadata import Committee, Delegation, Target
from agent.ota.offer import Order


@dataclass(frozen=True, slots=True)
class Release:
    """One node's next configuration, the files that come with it, and the lines that loosen a floor."""

    name: NodeName
    config: bytes
    files: Mapping[str, bytes]
    loosens: tuple[str, ...] = ()


def delegate(
    authority: Authority, comune: str, *, keys: Sequence[Path], second: Path, at: float, threshold: int = 2
) -> None:
    """Hand on to a comune: its committee (maintainer and comune), and its second key for consent."""
    if comune in (*TOP, "online") or comune.endswith(CONSENT):
        raise UserError(f"'{comune}' cannot be the name of a comune's role", hint="take its usual short name")
    appointed = committee(authority, keys, threshold)
    lone = committee(authority, [second], 1)
    if set(lone.keys) & set(appointed.keys):
        raise UserError("the second key is one of the first", hint="it must be another person's key")
    _redelegate(authority, [delegation(comune, appointed), consent(comune, lone)], at)
    for role in (comune, comune + CONSENT):
        if authority.latest(role) is None:
            _draft(authority, role, (), at)


def rotate(authority: Authority, role: str, *, leave: str, join: Path, at: float) -> None:
    """Put one key in the place of another; `leave` is the name of the key that goes, `online` both online roles."""
    gone = next((keyid for keyid, name in authority.names.items() if name == leave), None)
    new = committee(authority, [join], 1).keys[0]
    if role in authority.delegations():
        changed = _changed(authority.delegations()[role], gone, new, leave)
        made = consent(role.removesuffix(CONSENT), changed) if role.endswith(CONSENT) else delegation(role, changed)
        _redelegate(authority, [made], at)
        _again(authority, role, at)
        return
    document = authority.latest("root")
    roles = metadata.committees(document) if document else {}
    for one in ONLINE if role == "online" else (role,):
        if one not in roles:
            known = ("root", "targets", "online", *authority.delegations())
            raise UserError(f"there is no role '{role}'", hint=f"there are: {', '.join(known)}")
        roles[one] = _changed(roles[one], gone, new, leave)
    number, expires = authority.version("root") + 1, at + authority.settings.days.root * DAY_S
    authority.put_draft("root", metadata.root(version=number, expires=expires, committees=roles))
    if role == "targets":
        _redelegate(authority, [], at)


def release(authority: Authority, comune: str, nodes: Sequence[Release], *, at: float) -> None:
    """The next document of a comune: new orders for these nodes, the others as they were."""
    if comune not in authority.comuni():
        raise UserError(f"nobody answers for '{comune}'", hint=f"piazza ota delegate DIR {comune} ...")
    offers = dict(_offers(authority, comune))
    for node in nodes:
        offers |= _ordered(authority, node)
    kept = {path for one in offers.values() if one.custom for path in one.custom["files"]}
    _draft(authority, comune, [one for one in offers.values() if one.custom or one.path in kept], at)
    agreed = [_agreed(authority, node) for node in nodes if node.loosens]
    if agreed:
        before = _offers(authority, comune + CONSENT)
        _draft(authority, comune + CONSENT, [*(before | {one.path: one for one in agreed}).values()], at)


def config_path(name: NodeName) -> str:
    """Where a node's configuration stands among the targets."""
    return f"{name.comune}/{name.node}/node.yaml"


def consent_path(name: NodeName) -> str:
    """Where the consent to its loosening stands."""
    return f"consent/{name.comune}/{name.node}.json"


def released(authority: Authority, name: NodeName) -> bytes | None:
    """The configuration that was last released for a node."""
    target = _offers(authority, name.comune, drafts=False).get(config_path(name))
    return authority.content(target) if target else None


def _offers(authority: Authority, role: str, *, drafts: bool = True) -> dict[str, Target]:
    document = authority.latest(role) if drafts else authority.signed(role)
    return metadata.offered(document) if document else {}


def _ordered(authority: Authority, node: Release) -> dict[str, Target]:
    """Targets of one node: its configuration under the next number, and its files by their content."""
    size = len(node.config) + sum(map(len, node.files.values()))
    if size > MAX_RELEASE_BYTES:
        raise UserError(f"{node.name}: {size} bytes, at most {MAX_RELEASE_BYTES}", hint="take a smaller model")
    files = [_target(authority, f"{node.name.comune}/{{}}/{name}", content) for name, content in node.files.items()]
    path = config_path(node.name)
    before = _offers(authority, node.name.comune, drafts=False).get(path)
    order = Order((before.custom["seq"] if before else 0) + 1, tuple(one.path for one in files))
    config = _target(authority, path, node.config, msgspec.to_builtins(order))
    return {one.path: one for one in (*files, config)}


def _agreed(authority: Authority, node: Release) -> Target:
    digest = authority.put_target(node.config)
    content = msgspec.json.encode(Consent(str(node.name), digest, node.loosens))
    return _target(authority, consent_path(node.name), content)


def _target(authority: Authority, path: str, content: bytes, custom: Mapping[str, object] | None = None) -> Target:
    digest = authority.put_target(content)
    return Target(path.format(digest[:16]), len(content), digest, custom or {})


def _draft(authority: Authority, role: str, offers: Sequence[Target], at: float) -> None:
    expires = at + authority.settings.days.comune * DAY_S
    number = authority.version(role) + 1
    authority.put_draft(role, metadata.targets(version=number, expires=expires, offered=offers))


def _again(authority: Authority, role: str, at: float) -> None:
    """The same content under the next number, for a new committee to sign."""
    _draft(authority, role, [*_offers(authority, role).values()], at)


def _redelegate(authority: Authority, changed: Sequence[Delegation], at: float) -> None:
    """The next targets document, with these delegations new and the others as they were."""
    before = [
        consent(role.removesuffix(CONSENT), appointed) if role.endswith(CONSENT) else delegation(role, appointed)
        for role, appointed in authority.delegations().items()
    ]
    every = {each.name: each for each in (*before, *changed)}
    number, expires = authority.version("targets") + 1, at + authority.settings.days.targets * DAY_S
    authority.put_draft("targets", metadata.targets(version=number, expires=expires, delegations=[*every.values()]))


def _changed(appointed: Committee, gone: str | None, new: bytes, leave: str) -> Committee:
    if gone not in appointed.ids:
        raise UserError(f"'{leave}' is not of this committee", hint="piazza ota status says who is")
    left = tuple(public for public in appointed.keys if metadata.key_id(public) != gone)
    if new in left:
        raise UserError("the new key is of this committee already", hint="make another: piazza ota keys new FILE")
    return Committee((*left, new), appointed.threshold)
