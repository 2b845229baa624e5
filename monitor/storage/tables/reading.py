"""Tables of reading: posts, keyword lists, mentions and their counts."""

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
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from monitor.storage.instants import Instant
from monitor.storage.tables.frame import Id, id_column, metadata

counter = Table(
    "counter",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

post = Table(
    "post",
    metadata,
    id_column(),
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
    # what only some posts have: stars, parent_id, root_id, repost_of, product, location, tags
    Column("details", JSON(none_as_null=True)),
    Column("deleted_at", Instant),
    # set where the text came from the post's page: the hash of what the source itself delivered
    Column("delivered_hash", LargeBinary(16)),
    Index("ix_post_published_at", "published_at"),
    Index("ix_post_source_id", "source_id", "published_at", "id"),
    sqlite_autoincrement=True,  # ids are never used again: readers follow them
)

keyword_list = Table(
    "keyword_list",
    metadata,
    id_column(),
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
    id_column(),
    Column("keyword_list_id", Id, ForeignKey("keyword_list.id"), nullable=False),
    Column("expression", Text, nullable=False),
    UniqueConstraint("keyword_list_id", "expression"),
)

mention = Table(
    "mention",
    metadata,
    id_column(),
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
