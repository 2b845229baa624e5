"""The first tables: sources, posts, keyword lists, mentions, rollups, alerts, deliveries, keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision = None
branch_labels = None
depends_on = None


ID = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    create_alert()
    create_api_key()
    create_baseline()
    create_channel()
    create_counter()
    create_dirty()
    create_host()
    create_idempotency()
    create_keyword_list()
    create_person()
    create_rematch()
    create_rollup()
    create_signal()
    create_source()
    create_alert_event()
    create_delivery()
    create_keyword()
    create_keyword_list_version()
    create_post()
    create_attempt()
    create_mention()


def downgrade() -> None:
    for name in (
        "mention",
        "attempt",
        "post",
        "keyword_list_version",
        "keyword",
        "delivery",
        "alert_event",
        "source",
        "signal",
        "rollup",
        "rematch",
        "person",
        "keyword_list",
        "idempotency",
        "host",
        "dirty",
        "counter",
        "channel",
        "baseline",
        "api_key",
        "alert",
    ):
        op.drop_table(name)


def create_alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("dedup_key", sa.String(length=200), nullable=False),
        sa.Column("keyword_list_id", ID, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("assignee", sa.String(length=200), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("deadline_at", sa.BigInteger(), nullable=True),
        sa.Column("last_signal_at", sa.BigInteger(), nullable=True),
        sa.Column("explanation", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )
    op.create_index(
        "ix_alert_list_updated", "alert", ["keyword_list_id", "updated_at"], unique=False
    )
    op.create_index(
        "uq_alert_open_dedup_key",
        "alert",
        ["dedup_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('open', 'acknowledged')"),
        postgresql_where=sa.text("state IN ('open', 'acknowledged')"),
    )


def create_api_key() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
    )


def create_baseline() -> None:
    op.create_table(
        "baseline",
        sa.Column("keyword_list_id", ID, autoincrement=False, nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("keyword_list_id", name="pk_baseline"),
    )


def create_channel() -> None:
    op.create_table(
        "channel",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("url_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("url_shown", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("min_tier", sa.SmallInteger(), nullable=False),
        sa.Column("keyword_lists", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_channel"),
        sa.UniqueConstraint("name", name="uq_channel_name"),
    )


def create_counter() -> None:
    op.create_table(
        "counter",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counter"),
    )


def create_dirty() -> None:
    op.create_table(
        "dirty",
        sa.Column("keyword_list_id", ID, nullable=False),
        sa.Column("bucket", sa.BigInteger(), nullable=False),
        sa.Column("marked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("keyword_list_id", "bucket", name="pk_dirty"),
    )


def create_host() -> None:
    op.create_table(
        "host",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("next_ok_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_host"),
    )


def create_idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_idempotency"),
    )


def create_keyword_list() -> None:
    op.create_table(
        "keyword_list",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.Column("keywords", sa.JSON(), nullable=False),
        sa.Column("exclude", sa.JSON(), nullable=False),
        sa.Column("thresholds", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("owner", sa.String(length=200), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_keyword_list"),
        sa.UniqueConstraint("name", name="uq_keyword_list_name"),
    )


def create_person() -> None:
    op.create_table(
        "person",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("name", name="uq_person_name"),
    )


def create_rematch() -> None:
    op.create_table(
        "rematch",
        sa.Column("keyword_list_id", ID, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("after_post_id", sa.BigInteger(), nullable=False),
        sa.Column("until_post_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("keyword_list_id", name="pk_rematch"),
    )


def create_rollup() -> None:
    op.create_table(
        "rollup",
        sa.Column("keyword_list_id", ID, nullable=False),
        sa.Column("dimension", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=40), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("bucket", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("negative", sa.BigInteger(), nullable=False),
        sa.Column("neutral", sa.BigInteger(), nullable=False),
        sa.Column("positive", sa.BigInteger(), nullable=False),
        sa.Column("score_milli", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "keyword_list_id", "dimension", "width", "bucket", "value", name="pk_rollup"
        ),
    )


def create_signal() -> None:
    op.create_table(
        "signal",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("keyword_list_id", ID, nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_signal"),
        sa.UniqueConstraint("key", name="uq_signal_key"),
    )


def create_source() -> None:
    op.create_table(
        "source",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("host", sa.String(length=300), server_default="", nullable=False),
        sa.Column("interval_seconds", sa.Integer(), server_default="300", nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("next_due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=60), nullable=True),
        sa.Column("last_slot", sa.BigInteger(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("body_sha256", sa.String(length=64), nullable=True),
        sa.Column("effective_url", sa.Text(), nullable=True),
        sa.Column("position", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=20), server_default="new", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_polled_at", sa.BigInteger(), nullable=True),
        sa.Column("last_success_at", sa.BigInteger(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("posts_total", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_source"),
        sa.UniqueConstraint("name", name="uq_source_name"),
    )
    op.create_index("ix_source_next_due_at", "source", ["next_due_at"], unique=False)


def create_alert_event() -> None:
    op.create_table(
        "alert_event",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("alert_id", ID, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.Column("previous_tier", sa.SmallInteger(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name="fk_alert_event_alert_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alert_event"),
        sa.UniqueConstraint("alert_id", "sequence", name="uq_alert_event_alert_id_sequence"),
    )


def create_delivery() -> None:
    op.create_table(
        "delivery",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("alert_id", ID, nullable=True),
        sa.Column("channel_id", ID, nullable=False),
        sa.Column("webhook_id", sa.String(length=80), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=True),
        sa.Column("next_attempt_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_token", sa.String(length=40), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name="fk_delivery_channel_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_delivery"),
        sa.UniqueConstraint("event_id", "channel_id", name="uq_delivery_event_id_channel_id"),
        sa.UniqueConstraint("webhook_id", name="uq_delivery_webhook_id"),
    )
    op.create_index("ix_delivery_due", "delivery", ["state", "next_attempt_at"], unique=False)


def create_keyword() -> None:
    op.create_table(
        "keyword",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("keyword_list_id", ID, nullable=False),
        sa.Column("expression", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["keyword_list_id"], ["keyword_list.id"], name="fk_keyword_keyword_list_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_keyword"),
        sa.UniqueConstraint(
            "keyword_list_id", "expression", name="uq_keyword_keyword_list_id_expression"
        ),
    )


def create_keyword_list_version() -> None:
    op.create_table(
        "keyword_list_version",
        sa.Column("keyword_list_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["keyword_list_id"], ["keyword_list.id"], name="fk_keyword_list_version_keyword_list_id"
        ),
        sa.PrimaryKeyConstraint("keyword_list_id", "version", name="pk_keyword_list_version"),
    )


def create_post() -> None:
    op.create_table(
        "post",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("lang", sa.String(length=20), server_default="", nullable=False),
        sa.Column("author_name", sa.Text(), nullable=True),
        sa.Column("author_handle", sa.Text(), nullable=True),
        sa.Column("followers", sa.BigInteger(), nullable=True),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("precision", sa.String(length=10), nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("ingested_at", sa.BigInteger(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("rating", sa.Float(), nullable=True),
        sa.Column("content_hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sentiment", sa.String(length=10), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("risks", sa.JSON(), nullable=False),
        sa.Column("model_version", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_post_source_id"),
        sa.PrimaryKeyConstraint("id", name="pk_post"),
        sa.UniqueConstraint("key", name="uq_post_key"),
    )
    op.create_index("ix_post_published_at", "post", ["published_at"], unique=False)
    op.create_index("ix_post_source_id", "post", ["source_id", "id"], unique=False)


def create_attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("delivery_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name="fk_attempt_delivery_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
    )
    op.create_index("ix_attempt_delivery_id", "attempt", ["delivery_id"], unique=False)


def create_mention() -> None:
    op.create_table(
        "mention",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("keyword_list_id", ID, nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("source_kind", sa.String(length=20), nullable=False),
        sa.Column("sentiment", sa.String(length=10), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("keyword_ids", sa.JSON(), nullable=False),
        sa.Column("hits", sa.JSON(), nullable=False),
        sa.Column("risks", sa.JSON(), nullable=False),
        sa.Column("reach", sa.BigInteger(), nullable=True),
        sa.Column("label_by", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["keyword_list_id"], ["keyword_list.id"], name="fk_mention_keyword_list_id"
        ),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name="fk_mention_post_id"),
        sa.PrimaryKeyConstraint("id", name="pk_mention"),
        sa.UniqueConstraint(
            "post_id", "keyword_list_id", name="uq_mention_post_id_keyword_list_id"
        ),
    )
    op.create_index(
        "ix_mention_list_time", "mention", ["keyword_list_id", "published_at"], unique=False
    )
