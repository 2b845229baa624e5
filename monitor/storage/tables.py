"""The tables, the same on SQLite and PostgreSQL. Revisions in ``migrations/`` must end here."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects import sqlite

from monitor.storage.instants import Instant

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


Id = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


counter = Table(
    "counter",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

source = Table(
    "source",
    metadata,
    _id(),
    Column("name", String(200), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("url", Text, nullable=False, server_default=""),
    Column("host", String(300), nullable=False, server_default=""),
    Column("interval_seconds", Integer, nullable=False, server_default="300"),
    Column("options", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("next_due_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("lease_owner", String(60)),
    Column("last_slot", Instant),
    # the cursor, from etag to position: moves only in the transaction that stores the posts
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_sha256", String(64)),
    Column("effective_url", Text),
    Column("position", Text),
    Column("state", String(20), nullable=False, server_default="new"),
    Column("reason", Text),
    Column("error_count", Integer, nullable=False, server_default="0"),
    Column("last_polled_at", Instant),
    Column("last_success_at", Instant),
    Column("last_status", Integer),
    Column("posts_total", BigInteger, nullable=False, server_default="0"),
    Index("ix_source_next_due_at", "next_due_at"),
)

host = Table(
    "host",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("next_ok_at", Instant, nullable=False),
)

post = Table(
    "post",
    metadata,
    _id(),
    Column("key", LargeBinary(16), nullable=False, unique=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("external_id", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("url", Text),
    Column("title", Text),
    Column("text", Text, nullable=False),
    Column("lang", String(20), nullable=False, server_default=""),
    Column("author_name", Text),
    Column("author_handle", Text),
    Column("followers", BigInteger),
    Column("published_at", Instant, nullable=False),
    Column("precision", String(10), nullable=False),
    Column("edited_at", Instant),
    Column("ingested_at", Instant, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("rating", Float),
    Column("content_hash", LargeBinary(16), nullable=False),
    Column("sentiment", String(10), nullable=False),
    Column("score", Float, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("risks", JSON, nullable=False),
    Column("model_version", String(40), nullable=False),
    Index("ix_post_published_at", "published_at"),
    Index("ix_post_source_id", "source_id", "published_at", "id"),
    sqlite_autoincrement=True,  # ids are never used again: readers follow them
)

keyword_list = Table(
    "keyword_list",
    metadata,
    _id(),
    Column("name", String(200), nullable=False, unique=True),
    Column("kind", String(20), nullable=False),
    Column("aliases", JSON, nullable=False),
    Column("keywords", JSON, nullable=False),
    Column("exclude", JSON, nullable=False),
    Column("thresholds", JSON(none_as_null=True)),
    Column("owner", String(200)),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("deleted_at", Instant),
)

keyword_list_version = Table(
    "keyword_list_version",
    metadata,
    Column("keyword_list_id", Id, ForeignKey("keyword_list.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("keyword_list_id", "version"),
)

keyword = Table(
    "keyword",
    metadata,
    _id(),
    Column("keyword_list_id", Id, ForeignKey("keyword_list.id"), nullable=False),
    Column("expression", Text, nullable=False),
    UniqueConstraint("keyword_list_id", "expression"),
)

mention = Table(
    "mention",
    metadata,
    _id(),
    Column("post_id", Id, ForeignKey("post.id"), nullable=False),
    Column("keyword_list_id", Id, ForeignKey("keyword_list.id"), nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("source_id", Id, nullable=False),
    Column("source_kind", String(20), nullable=False),
    Column("sentiment", String(10), nullable=False),
    Column("score", Float, nullable=False),
    Column("keyword_ids", JSON, nullable=False),
    Column("hits", JSON, nullable=False),
    Column("risks", JSON, nullable=False),
    Column("reach", BigInteger),
    Column("label_by", String(200)),
    UniqueConstraint("post_id", "keyword_list_id"),
    Index("ix_mention_list_time", "keyword_list_id", "published_at"),
    sqlite_autoincrement=True,  # ids are never used again: readers follow them
)

rollup = Table(
    "rollup",
    metadata,
    Column("keyword_list_id", Id, nullable=False),
    Column("dimension", String(12), nullable=False),
    Column("value", String(40), nullable=False),
    Column("width", Integer, nullable=False),
    Column("bucket", Instant, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("negative", BigInteger, nullable=False),
    Column("neutral", BigInteger, nullable=False),
    Column("positive", BigInteger, nullable=False),
    Column("score_milli", BigInteger, nullable=False),
    PrimaryKeyConstraint("keyword_list_id", "dimension", "width", "bucket", "value"),
    sqlite_with_rowid=False,  # the key is the row: one tree to write instead of two
)

dirty = Table(
    "dirty",
    metadata,
    Column("keyword_list_id", Id, nullable=False),
    Column("bucket", Instant, nullable=False),
    Column("marked_at", Instant, nullable=False),
    PrimaryKeyConstraint("keyword_list_id", "bucket"),
    sqlite_with_rowid=False,  # the key is the row: one tree to write instead of two
)

baseline = Table(
    "baseline",
    metadata,
    Column("keyword_list_id", Id, primary_key=True, autoincrement=False),
    Column("state", LargeBinary, nullable=False),
    Column("until", Instant, nullable=False),
)

rematch = Table(
    "rematch",
    metadata,
    Column("keyword_list_id", Id, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("after_post_id", BigInteger, nullable=False),
    Column("until_post_id", BigInteger, nullable=False),
)

signal = Table(
    "signal",
    metadata,
    _id(),
    Column("key", String(200), nullable=False, unique=True),
    Column("keyword_list_id", Id, nullable=False),
    Column("tier", SmallInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("body", JSON, nullable=False),
)

alert = Table(
    "alert",
    metadata,
    _id(),
    Column("dedup_key", String(200), nullable=False),
    Column("keyword_list_id", Id, nullable=False),
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
    _id(),
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
    _id(),
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
    _id(),
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
    _id(),
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
    _id(),
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
