"""A broker in a box: the settings of mosquitto that the contract needs, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_SETTINGS = """\
# Made by `piazza broker init`; changes by hand are lost.
per_listener_settings false
listener {port}{host}
cafile {ca}
certfile {certificate}
keyfile {key}
{revoked}tls_version tlsv1.3
# Who you are is what your certificate says; nobody can take another's session by its client id.
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file {acl}
# A subscriber that is away for a while misses nothing: the limit is in bytes, and that in messages out of reach.
# (0 would say "no limit", but then mosquitto 2.0 ends a session whenever it refuses one of its messages.)
persistence true
persistence_location {folder}/
autosave_interval 60
persistent_client_expiration 14d
max_queued_messages 1000000
max_queued_bytes 67108864
max_inflight_messages 400
# One chunk of an update with its head, and nothing larger.
max_packet_size 300000
# Without it a small message waits for its neighbours: 20 instead of 351 new TLS sessions a second.
set_tcp_nodelay true
"""


@dataclass(frozen=True, slots=True)
class Box:
    """The folder of one broker: its settings, access list and state."""

    folder: Path

    @property
    def settings(self) -> Path:
        return self.folder / "mosquitto.conf"

    @property
    def access(self) -> Path:
        return self.folder / "acl"

    @property
    def state(self) -> Path:
        return self.folder / "state"


def settings(
    box: Box, *, port: int, ca: Path, certificate: Path, key: Path, host: str = "", revoked: Path | None = None
) -> str:
    """The text of `mosquitto.conf`; with no `host` it listens on every address of the machine."""
    return _SETTINGS.format(
        port=port,
        host=f" {host}" if host else "",
        ca=ca.resolve(),
        certificate=certificate.resolve(),
        key=key.resolve(),
        revoked=f"crlfile {revoked.resolve()}\n" if revoked else "",
        acl=box.access.resolve(),
        folder=box.state.resolve(),
    )
