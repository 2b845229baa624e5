"""Tables of warning and admission: alerts, deliveries, keys and people."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from monitor.storage.instants import Instant
from monitor.storage.tables.frame import Id, id_column, metadata

signal = Table(
    "signal",
    metadata,
    id_column(),
    Column("key", String(200), nullable=False, unique=True),
    Column("keyword_list_id", Id, nullable=False),
    Column("tier", SmallInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("body", JSON, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    id_column(),
    Column("dedup_key", String(200), nullable=False),
    # 0 where the alert is about a source of ours and no keyword list
    Column("keyword_list_id", Id, nullable=False),
    Column("source_id", Id),
    Column("state", String(20), nullable=False),
    Column("tier", SmallInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", String(200)),
    Column("assignee", String(200)),
    Column("closed_at", Instant),
    Column("deadline_at", Instant),
    Column("last_signal_at", Instant),
    Column("explanation", JSON, nullable=False),
    Column("counts", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Index(
        "uq_alert_open_dedup_key",
        "dedup_key",
        unique=True,
        sqlite_where=text("state IN ('open', 'acknowledged')"),
        postgresql_where=text("state IN ('open', 'acknowledged')"),
    ),
    Index("ix_alert_list_updated", "keyword_list_id", "updated_at"),
)

alert_event = Table(
    "alert_event",
    metadata,
    id_column(),
    Column("alert_id", Id, ForeignKey("alert.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("at", Instant, nullable=False),
    Column("tier", SmallInteger, nullable=False),
    Column("previous_tier", SmallInteger, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", Text),
    UniqueConstraint("alert_id", "sequence"),
    sqlite_autoincrement=True,  # ids are never used again: readers follow them
)

channel = Table(
    "channel",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("url_sealed", LargeBinary, nullable=False),
    Column("url_shown", Text, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("min_tier", SmallInteger, nullable=False),
    Column("keyword_lists", JSON(none_as_null=True)),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("disabled_reason", Text),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    id_column(),
    Column("event_id", Id, nullable=False),
    Column("alert_id", Id),
    Column("channel_id", Id, ForeignKey("channel.id", ondelete="CASCADE"), nullable=False),
    Column("webhook_id", String(80), nullable=False, unique=True),
    Column("lane", SmallInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("first_at", Instant),
    Column("next_attempt_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_token", String(40)),
    Column("lease_until", Instant, nullable=False),
    Column("done_at", Instant),
    Column("last_error", Text),
    UniqueConstraint("event_id", "channel_id"),
    Index("ix_delivery_due", "state", "next_attempt_at"),
)

attempt = Table(
    "attempt",
    metadata,
    id_column(),
    Column(
        "delivery_id", Id, ForeignKey("delivery.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("number", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    Column("status", Integer),
    Column("verdict", String(10), nullable=False),
    Column("headers", JSON, nullable=False),
    Column("answer", Text, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
)

person = Table(
    "person",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False),
)
