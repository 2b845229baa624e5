"""What all tables share: their metadata, names of constraints, and ids."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData
from sqlalchemy.dialects import sqlite

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


Id = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def id_column() -> Column[int]:
    """Return the primary key of a table whose rows are numbered."""
    return Column("id", Id, primary_key=True, autoincrement=True)
