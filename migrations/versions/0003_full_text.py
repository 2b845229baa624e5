"""The full-text index over tokens that analysis.search makes: FTS5, or a tsvector under GIN."""

from __future__ import annotations

from alembic import op

revision: str = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # contentless and without positions: candidates come from here, the query itself decides
        op.execute(
            "CREATE VIRTUAL TABLE post_search USING fts5("
            # the tokens are folded already: all that is left to do is to split at blanks
            "tokens, content='', detail=none, tokenize='ascii')"
        )
        # one flush a batch instead of several, and merging a quarter as often: a third less to insert
        for option, value in (("hashsize", 8 << 20), ("automerge", 16)):
            op.execute(f"INSERT INTO post_search(post_search, rank) VALUES ('{option}', {value})")  # noqa: S608
        return
    op.execute(
        "CREATE TABLE post_search (post_id BIGINT PRIMARY KEY REFERENCES post(id) ON DELETE CASCADE,"
        " tokens TSVECTOR NOT NULL)"
    )
    op.execute("CREATE INDEX ix_post_search_tokens ON post_search USING GIN (tokens)")


def downgrade() -> None:
    op.execute("DROP TABLE post_search")
