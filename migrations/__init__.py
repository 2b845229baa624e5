"""Alembic revisions for both databases; run them with ``monitor db upgrade``."""
