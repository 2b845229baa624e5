"""What is collected and read: sources, posts, keyword lists, mentions, rollups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    create_counter()
    create_source()
    create_host()
    create_post()
    create_keyword_list()
    create_keyword_list_version()
    create_keyword()
    create_mention()
    create_rollup()
    create_dirty()
    create_baseline()
    create_rematch()


def downgrade() -> None:
    for name in (
        "rematch",
        "baseline",
        "dirty",
        "rollup",
        "mention",
        "keyword",
        "keyword_list_version",
        "keyword_list",
        "post",
        "host",
        "source",
        "counter",
    ):
        op.drop_table(name)


def create_counter() -> None:
    op.create_table(
        "counter",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counter"),
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


def create_host() -> None:
    op.create_table(
        "host",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("next_ok_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_host"),
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
        sqlite_autoincrement=True,
    )
    op.create_index("ix_post_published_at", "post", ["published_at"], unique=False)
    op.create_index("ix_post_source_id", "post", ["source_id", "published_at", "id"], unique=False)


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
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_mention_list_time", "mention", ["keyword_list_id", "published_at"], unique=False
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
        sqlite_with_rowid=False,
    )


def create_dirty() -> None:
    op.create_table(
        "dirty",
        sa.Column("keyword_list_id", ID, nullable=False),
        sa.Column("bucket", sa.BigInteger(), nullable=False),
        sa.Column("marked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("keyword_list_id", "bucket", name="pk_dirty"),
        sqlite_with_rowid=False,
    )


def create_baseline() -> None:
    op.create_table(
        "baseline",
        sa.Column("keyword_list_id", ID, autoincrement=False, nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("keyword_list_id", name="pk_baseline"),
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
