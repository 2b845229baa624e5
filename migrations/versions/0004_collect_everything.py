"""Collecting everything: looking again, ratings, blind spots, subscriptions, inlets and imports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    extend_alert()
    extend_post()
    extend_source()
    create_blind_spot()
    create_import_job()
    create_inlet()
    create_look()
    create_post_metric()
    create_post_revision()
    create_product_rating()
    create_subscription()


def downgrade() -> None:
    for name in (
        "subscription",
        "product_rating",
        "post_revision",
        "post_metric",
        "look",
        "inlet",
        "import_job",
        "blind_spot",
    ):
        op.drop_table(name)
    for name in ("source_id",):
        op.drop_column("alert", name)
    for name in (
        "details",
        "deleted_at",
        "delivered_hash",
    ):
        op.drop_column("post", name)
    for name in (
        "secrets_sealed",
        "state_since",
        "last_post_at",
        "rhythm",
        "expected_seconds",
        "items_per_hour",
        "latency_ms",
        "quota",
        "empty_visits",
        "hub_url",
        "hub_topic",
    ):
        op.drop_column("source", name)


def extend_alert() -> None:
    op.add_column("alert", sa.Column("source_id", ID, nullable=True))


def extend_post() -> None:
    op.add_column("post", sa.Column("details", sa.JSON(), nullable=True))
    op.add_column("post", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.add_column("post", sa.Column("delivered_hash", sa.LargeBinary(length=16), nullable=True))


def extend_source() -> None:
    op.add_column("source", sa.Column("secrets_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("source", sa.Column("state_since", sa.BigInteger(), nullable=True))
    op.add_column("source", sa.Column("last_post_at", sa.BigInteger(), nullable=True))
    op.add_column("source", sa.Column("rhythm", sa.JSON(), nullable=True))
    op.add_column("source", sa.Column("expected_seconds", sa.Integer(), nullable=True))
    op.add_column("source", sa.Column("items_per_hour", sa.Float(), nullable=True))
    op.add_column("source", sa.Column("latency_ms", sa.Integer(), nullable=True))
    op.add_column("source", sa.Column("quota", sa.JSON(), nullable=True))
    op.add_column(
        "source", sa.Column("empty_visits", sa.Integer(), server_default="0", nullable=False)
    )
    op.add_column("source", sa.Column("hub_url", sa.Text(), nullable=True))
    op.add_column("source", sa.Column("hub_topic", sa.Text(), nullable=True))


def create_blind_spot() -> None:
    op.create_table(
        "blind_spot",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("noticed_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("alert_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_blind_spot_source_id"),
        sa.PrimaryKeyConstraint("id", name="pk_blind_spot"),
    )
    op.create_index(
        "ix_blind_spot_source_since", "blind_spot", ["source_id", "since"], unique=False
    )
    op.create_index(
        "uq_blind_spot_open",
        "blind_spot",
        ["source_id"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )


def create_import_job() -> None:
    op.create_table(
        "import_job",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("file_name", sa.String(length=300), nullable=False),
        sa.Column("source_id", ID, nullable=True),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duplicate", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("updated", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rejected", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rejects", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_import_job"),
        sa.UniqueConstraint("digest", name="uq_import_job_digest"),
    )


def create_inlet() -> None:
    op.create_table(
        "inlet",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("last_received_at", sa.BigInteger(), nullable=True),
        sa.Column("received", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_inlet_source_id"),
        sa.PrimaryKeyConstraint("id", name="pk_inlet"),
        sa.UniqueConstraint("name", name="uq_inlet_name"),
        sa.UniqueConstraint("token_hash", name="uq_inlet_token_hash"),
    )


def create_look() -> None:
    op.create_table(
        "look",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("post_id", ID, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("purpose", sa.String(length=10), nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name="fk_look_post_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_look"),
        sa.UniqueConstraint("post_id", "purpose", name="uq_look_post_id_purpose"),
    )
    op.create_index("ix_look_due_at", "look", ["due_at"], unique=False)


def create_post_metric() -> None:
    op.create_table(
        "post_metric",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name="fk_post_metric_post_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("post_id", "at", name="pk_post_metric"),
    )


def create_post_revision() -> None:
    op.create_table(
        "post_revision",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["post_id"], ["post.id"], name="fk_post_revision_post_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("post_id", "at", name="pk_post_revision"),
    )


def create_product_rating() -> None:
    op.create_table(
        "product_rating",
        sa.Column("source_id", ID, nullable=False),
        sa.Column("product", sa.String(length=300), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("best", sa.Float(), nullable=False),
        sa.Column("worst", sa.Float(), nullable=False),
        sa.Column("normalised", sa.Float(), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_product_rating_source_id"),
        sa.PrimaryKeyConstraint("source_id", "product", "at", name="pk_product_rating"),
    )


def create_subscription() -> None:
    op.create_table(
        "subscription",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("source_id", ID, nullable=False),
        sa.Column("callback", sa.String(length=40), nullable=False),
        sa.Column("hub_url", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("next_ask_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("verified_at", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("last_push_at", sa.BigInteger(), nullable=True),
        sa.Column("pushes", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name="fk_subscription_source_id"),
        sa.PrimaryKeyConstraint("id", name="pk_subscription"),
        sa.UniqueConstraint("callback", name="uq_subscription_callback"),
        sa.UniqueConstraint("source_id", name="uq_subscription_source_id"),
    )
