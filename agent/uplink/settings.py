"""What a configuration may say of the way out: the broker, the spool, who deletes."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An unknown option is an error."""


class BrokerSettings(_Settings, frozen=True, forbid_unknown_fields=True):
    """Where the broker is and how we prove who we are; without TLS files only a loopback broker."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 8883
    ca: str = ""
    certificate: str = ""
    key: str = ""
    keepalive_s: Annotated[int, Meta(ge=5, le=600)] = 30
    mqtt: Annotated[
        Literal["auto", "3.1.1"], Meta(description="auto tries 5 first; 3.1.1 for a broker that hangs when it hears 5")
    ] = "auto"


class OutboxSettings(_Settings, frozen=True, forbid_unknown_fields=True):
    """The spool: how much it may take of the disk and how soon a batch is committed."""

    max_mb: Annotated[int, Meta(ge=1, le=4096)] = 64
    commit_s: Annotated[float, Meta(ge=0.0, le=5.0)] = 0.2


Kilobytes = Annotated[int, Meta(ge=1, le=4_000_000)]


class BudgetSettings(_Settings, frozen=True, forbid_unknown_fields=True):
    """The most that link sends in any hour, by class: what could ever be smuggled out is bounded by it."""

    evt_kb: Kilobytes = 8192
    stat_kb: Kilobytes = 1024
    health_kb: Kilobytes = 1024
    audit_kb: Kilobytes = 1024
    state_kb: Kilobytes = 256
    head_kb: Kilobytes = 256
    res_kb: Kilobytes = 64
    csr_kb: Kilobytes = 16


class UplinkSettings(_Settings, frozen=True, forbid_unknown_fields=True):
    """The link's and the outbox's share of the configuration."""

    broker: BrokerSettings
    outbox: OutboxSettings = OutboxSettings()
    budget: BudgetSettings = BudgetSettings()
    window: Annotated[int, Meta(ge=1, le=1000)] = 20
    resend_s: Annotated[float, Meta(gt=0.0)] = 30.0
    head_s: Annotated[float, Meta(gt=0.0)] = 60.0
    delete_on: Literal["receipt", "puback"] = "receipt"
