"""Tables of collecting: sources, their turns and silences, what is looked at again, the ways in."""

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
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from monitor.storage.instants import Instant
from monitor.storage.tables.frame import Id, id_column, metadata

source = Table(
    "source",
    metadata,
    id_column(),
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
    Column("secrets_sealed", LargeBinary),
    Column("state_since", Instant),
    Column("last_post_at", Instant),
    Column("rhythm", JSON(none_as_null=True)),
    Column("expected_seconds", Integer),
    Column("items_per_hour", Float),
    Column("latency_ms", Integer),
    Column("quota", JSON(none_as_null=True)),
    Column("empty_visits", Integer, nullable=False, server_default="0"),
    Column("hub_url", Text),
    Column("hub_topic", Text),
    Index("ix_source_next_due_at", "next_due_at"),
)

host = Table(
    "host",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("next_ok_at", Instant, nullable=False),
)

post_metric = Table(
    "post_metric",
    metadata,
    Column("post_id", Id, ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("metrics", JSON, nullable=False),
    PrimaryKeyConstraint("post_id", "at"),
)

post_revision = Table(
    "post_revision",
    metadata,
    Column("post_id", Id, ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("title", Text),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("post_id", "at"),
)

look = Table(
    "look",
    metadata,
    id_column(),
    Column("post_id", Id, ForeignKey("post.id", ondelete="CASCADE"), nullable=False),
    Column("source_id", Id, nullable=False),
    Column("purpose", String(10), nullable=False),
    Column("step", SmallInteger, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("lease_until", Instant, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    UniqueConstraint("post_id", "purpose"),
    Index("ix_look_due_at", "due_at"),
)

product_rating = Table(
    "product_rating",
    metadata,
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("product", String(300), nullable=False),
    Column("at", Instant, nullable=False),
    Column("value", Float, nullable=False),
    Column("best", Float, nullable=False),
    Column("worst", Float, nullable=False),
    Column("normalised", Float),
    Column("count", BigInteger),
    Column("name", Text),
    Column("url", Text),
    PrimaryKeyConstraint("source_id", "product", "at"),
)

blind_spot = Table(
    "blind_spot",
    metadata,
    id_column(),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("cause", String(20), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    Column("noticed_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    Column("alert_id", Id),
    Index("ix_blind_spot_source_since", "source_id", "since"),
    Index(
        "uq_blind_spot_open",
        "source_id",
        unique=True,
        sqlite_where=text("until IS NULL"),
        postgresql_where=text("until IS NULL"),
    ),
)

subscription = Table(
    "subscription",
    metadata,
    id_column(),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False, unique=True),
    Column("callback", String(40), nullable=False, unique=True),
    Column("hub_url", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", Text),
    Column("next_ask_at", Instant, nullable=False),
    Column("asked_at", Instant),
    Column("verified_at", Instant),
    Column("lease_until", Instant),
    Column("last_push_at", Instant),
    Column("pushes", BigInteger, nullable=False, server_default="0"),
)

inlet = Table(
    "inlet",
    metadata,
    id_column(),
    Column("name", String(200), nullable=False, unique=True),
    Column("source_id", Id, ForeignKey("source.id"), nullable=False),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("secret_sealed", LargeBinary),
    Column("mapping", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("last_received_at", Instant),
    Column("received", BigInteger, nullable=False, server_default="0"),
    Column("last_error", Text),
)

import_job = Table(
    "import_job",
    metadata,
    id_column(),
    Column("digest", String(64), nullable=False, unique=True),
    Column("file_name", String(300), nullable=False),
    Column("source_id", Id),
    Column("mapping", JSON, nullable=False),
    Column("rows_done", BigInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False, server_default="0"),
    Column("duplicate", BigInteger, nullable=False, server_default="0"),
    Column("updated", BigInteger, nullable=False, server_default="0"),
    Column("rejected", BigInteger, nullable=False, server_default="0"),
    Column("rejects", JSON, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("finished_at", Instant),
)
